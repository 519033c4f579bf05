"""The link between the marts of two sites, and the proof that they hold the same."""
