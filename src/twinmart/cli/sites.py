"""The commands for the sites of this machine: init, up, down, status, dsn."""

import sys
import time
from typing import Annotated

import typer

from twinmart import errors
from twinmart.cli.context import answer, answer_json, home_of, tell_of_site
from twinmart.cli.glance import data, page
from twinmart.cli.writing import stores
from twinmart.config.sources import ensure_site
from twinmart.db.migrate import known_migrations
from twinmart.replicate.link import migrate_linked
from twinmart.site.mart import OWNER, READER
from twinmart.watch.overview import overview

WATCH_S = 2.0


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (init, up, down, status, dsn):
        app.command()(command)


def init(
    ctx: typer.Context,
    sites: Annotated[
        int | None, typer.Option(min=1, max=99, help="How many sites there shall be; 2 if there are none.")
    ] = None,
) -> None:
    """Make sites, start them, and bring each mart up to date.

    May be run again at any time, after an update too: what is already so stays as it is.

    Example: twinmart init --sites 2
    """
    home = home_of(ctx)
    migrate_linked(home)
    made = home.init(sites, tell=tell_of_site)
    # Every mart is made with the objects of two sites.
    if len(made) > 2:
        with stores(home, reason="twinmart init") as marts:
            for store in marts:
                for site in made:
                    ensure_site(store, site.number)
    answer(f"{_sites(len(made))} in {home.path}, marts at version {len(known_migrations())}")
    answer("next   twinmart status")


def up(ctx: typer.Context) -> None:
    """Start the PostgreSQL of each site that does not run, and make partitions ahead.

    Example: twinmart up
    """
    home = home_of(ctx)
    home.up(tell=tell_of_site)
    answer(f"{_sites(len(home.sites))} in {home.path}: up")


def down(ctx: typer.Context) -> None:
    """Stop the PostgreSQL of each site. Sessions are ended; what they committed stays.

    Example: twinmart down
    """
    home = home_of(ctx)
    home.down(tell=tell_of_site)
    answer(f"{_sites(len(home.sites))} in {home.path}: down")


def status(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("-v", "--all", help="Also where each site is, and each source.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every two seconds, on a terminal.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")] = False,
) -> None:
    """Say what each site is like, and what to do next. Details are told of what is not right.

    A beat is sent across a link that stands; nothing else is changed.

    Example: twinmart status
    """
    home = home_of(ctx)
    if watch and (as_json or not sys.stdout.isatty()):
        raise errors.UsageError(
            "--watch is for a terminal", hint="A program asks again and again: twinmart status --json."
        )
    while True:
        found = overview(home)
        if as_json:
            answer_json(**data(found, home))
            return
        lines = page(found, home, everything=everything)
        # Home, then clear to the end: without a flicker.
        answer(("\x1b[H\x1b[J" if watch else "") + "\n".join(lines))
        if not watch:
            return
        time.sleep(WATCH_S)


def dsn(
    ctx: typer.Context,
    site: Annotated[int, typer.Option(min=1, help="Number of the site.")] = 1,
    reader: Annotated[bool, typer.Option("--reader", help="For the role that may only read the reports.")] = False,
) -> None:
    """Print the connection string of a site's mart.

    Example: psql "$(twinmart dsn --site 1)"
    """
    chosen = home_of(ctx).site(site)
    if reader and chosen.is_own:
        raise errors.UsageError(
            f"site {site} is on a server of your own, which keeps the password of its reader to itself",
            hint=f'Log in there as "{READER}" with the password that its administrator gave it.',
        )
    answer(chosen.dsn(user=READER if reader else OWNER))


def _sites(count: int) -> str:
    return f"{count} site{'' if count == 1 else 's'}"
