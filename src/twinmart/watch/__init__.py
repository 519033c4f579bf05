"""What keeps an installation running and says how it is: the supervisor of a site, metrics, and the doctor."""
