"""Commands for the link between the sites, and verify."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
