"""The command that brings what a lost site has alone to the active one, before it is rebuilt."""

from typing import Annotated

import typer

from twinmart.cli.context import answer, answer_json, home_of, tell
from twinmart.recover.salvage.run import salvage as salvage_site
from twinmart.replicate.ends import ends_of


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(salvage)


def salvage(
    ctx: typer.Context,
    site: Annotated[int, typer.Option(min=1, help="Number of the site that was lost and has come back.")],
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")] = False,
) -> None:
    """Bring the events that only a lost site has to the active one, and list what was configured there alone.

    Before twinmart return, which rebuilds the site. May be run again: what was brought is not brought twice.

    Example: twinmart salvage --site 1
    """
    done = salvage_site(ends_of(home_of(ctx)), site, tell=tell)
    if as_json:
        answer_json(**done.to_json())
        return
    answer(f"DONE   {done.events_brought:,} events of site {site} brought")
    counts = f"{done.losses_closed} losses and {done.gaps_closed} gaps closed"
    answer(f"       {done.interactions:,} interactions computed anew, {counts}")
    for one in done.filed:
        answer(f"       not merged: {one['operation']} {one['table']} at {one['committed_at']}: {one['row']}")
    answer("next   twinmart return")
