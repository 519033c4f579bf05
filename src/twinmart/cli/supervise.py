"""Commands that run a site's processes and examine an installation."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
