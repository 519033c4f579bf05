"""The commands for the sites of this machine: init, up, down, status, dsn."""

from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from twinmart import errors
from twinmart.cli.context import answer, answer_json, home_of, span, table, tell_of_site
from twinmart.cli.writing import stores
from twinmart.config.sources import ensure_site
from twinmart.config.topology import active_site
from twinmart.db.connect import session
from twinmart.db.migrate import known_migrations
from twinmart.replicate.link import migrate_linked
from twinmart.report.sources import SourceState, source_states
from twinmart.site.home import Home
from twinmart.site.mart import OWNER, READER
from twinmart.site.status import SiteStatus, look

SIGNS = {"ready": "✔", "not ready": "!", "down": "·", "no answer": "?"}


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
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")] = False,
) -> None:
    """Say what each site is like, and what to do next. Changes nothing.

    Example: twinmart status
    """
    home = home_of(ctx)
    now = datetime.now(UTC)
    found = [look(site) for site in home.require_sites()]
    sources = _sources(home, found)
    verdict, why = _verdict(found)
    if as_json:
        at, known = now.isoformat(timespec="seconds"), [asdict(source) for source in sources]
        answer_json(verdict=verdict, at=at, home=home.path, sites=[_data(site) for site in found], sources=known)
        return
    answer(f"twinmart  {_sites(len(found))} in {home.path}    {now:%-d %b %Y  %H:%M:%S} UTC")
    answer(f"{verdict.upper():<10}{why}\n")
    answer(table(("site", "is", "server", "mart", "where"), [_row(site) for site in found]))
    if sources:
        head = ("source", "events in 24 h", "last event", "open gaps")
        answer("\n" + table(head, [_source_row(source, now) for source in sources]))
    reasons = [(site.number, site.reason) for site in found if site.reason is not None]
    if reasons:
        answer("".join(f"\n  site {number}: {reason.message}" for number, reason in reasons))
    for hint in dict.fromkeys(reason.hint for _, reason in reasons if reason.hint):
        answer(f"next   {hint}")


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


def _verdict(sites: list[SiteStatus]) -> tuple[str, str]:
    ready = [site.number for site in sites if site.state == "ready"]
    if len(ready) == len(sites):
        return "ok", "every site is ready"
    if not ready:
        return "down", "no site is ready"
    others = [str(site.number) for site in sites if site.state != "ready"]
    return "degraded", f"not ready: site {', '.join(others)}"


def _row(site: SiteStatus) -> tuple[object, ...]:
    server = f"PostgreSQL {site.server_version}" if site.server_version else "—"
    mart = f"v{site.schema_version}" if site.schema_version is not None else "—"
    return site.number, f"{SIGNS[site.state]} {site.state}", server, mart, site.place


def _sources(home: Home, found: list[SiteStatus]) -> list[SourceState]:
    """Return the sources as the mart of the active site knows them; none while that site is not ready."""
    ready = {site.number: home.site(site.number).dsn() for site in found if site.state == "ready"}
    # What goes wrong since we looked is told by the next look.
    with suppress(errors.MartError):
        active = active_site(ready)
        if active in ready:
            with session(ready[active], application_name="twinmart status", statement_timeout_s=5) as mart:
                return source_states(mart)
    return []


def _source_row(source: SourceState, now: datetime) -> tuple[object, ...]:
    last = "—"
    if source.last_event_at is not None:
        ago_s = (now - source.last_event_at).total_seconds()
        # A switch's clock may be ahead of ours.
        last = f"{source.last_event_at:%-d %b %H:%M:%S} UTC" + (f" ({span(ago_s)} ago)" if ago_s >= 0 else "")
    return source.name, f"{source.events_in_24_h:>14,}", last, source.open_gaps or "none"


def _data(site: SiteStatus) -> dict[str, object]:
    fields = asdict(site)
    return {"site": fields.pop("number"), **fields, "reason": site.reason.to_json() if site.reason else None}


def _sites(count: int) -> str:
    return f"{count} site{'' if count == 1 else 's'}"
