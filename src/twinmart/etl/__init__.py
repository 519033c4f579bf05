"""Extract, transform and load: from events to the facts of the mart."""
