"""Upkeep of a mart: first filling, partitions, calendars, retention, statistics, and files for others."""
