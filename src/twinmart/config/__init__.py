"""Configuration objects and options, with revisions and history."""
