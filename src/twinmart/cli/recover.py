"""Commands of a bad night: failover, return, switchover, drill, and the checks before them."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
