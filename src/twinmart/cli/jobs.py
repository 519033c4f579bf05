"""Commands for the mart server and its jobs."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
