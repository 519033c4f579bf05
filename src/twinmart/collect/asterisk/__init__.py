"""Asterisk as a source: its manager interface (AMI) taken apart and put into our events."""
