"""One site of the mart: its PostgreSQL, its folder, its processes."""
