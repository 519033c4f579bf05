"""Commands for configuration objects and options."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
