"""Aggregates: the figures of each interval, rebuilt where facts changed, each with one definition."""
