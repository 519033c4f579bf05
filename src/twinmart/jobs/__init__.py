"""The mart server: its jobs, its schedule, its states."""
