"""A witness in a third place: the lease of the active site, and what each site decides from what it sees."""
