"""Commands that migrate, maintain and export a mart."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
