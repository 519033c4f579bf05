"""Failover, return, switchover and drill: a plan, a table of steps, and a journal."""
