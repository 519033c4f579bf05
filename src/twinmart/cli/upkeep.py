"""Commands that look after a mart: db status, migrate, partitions, maintain; calendars list; export."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from twinmart.cli.context import answer, answer_json, home_of, table, tell
from twinmart.config.options import effective
from twinmart.config.topology import active_site
from twinmart.db.connect import session
from twinmart.db.migrate import schema_state
from twinmart.upkeep.calendars import calendars
from twinmart.upkeep.export import export as export_body
from twinmart.upkeep.initialize import initialize as initialize_body
from twinmart.upkeep.maintain import maintain as maintain_body
from twinmart.upkeep.migrate import migrate_site
from twinmart.upkeep.state import PartitionState, partition_states, schema_of, watch

_SiteOption = Annotated[int | None, typer.Option("--site", min=1, help="Number of the site; else the active one.")]
_JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    database = typer.Typer(help="Look after the mart of a site.", no_args_is_help=True)
    for name, command in (
        ("status", status),
        ("migrate", migrate),
        ("initialize", initialize),
        ("partitions", partitions),
        ("maintain", maintain),
    ):
        database.command(name)(command)
    app.add_typer(database, name="db")
    app.command()(export)
    listing = typer.Typer(help="Calendars of other time zones.", no_args_is_help=True)
    listing.command("list")(list_calendars)
    app.add_typer(listing, name="calendars")


def status(ctx: typer.Context, site: _SiteOption = None, as_json: _JsonOption = False) -> None:
    """Say what version a mart is at, how far it is prepared ahead, what is purged and what is late. Changes nothing.

    Example: twinmart db status --site 2
    """
    number, dsns = _site(ctx, site)
    with session(dsns[number], application_name="twinmart db status", autocommit=True) as mart:
        state = schema_of(mart)
        found = watch(mart) if state["is_current"] else {}
    if as_json:
        answer_json(site=number, schema=state, **found)
        return
    answer(f"site {number}  mart at version {state['version']}, this program at {state['latest']}")
    for name, value in found.items():
        answer(f"  {name.replace('_', ' '):<18}{_plain(value)}")
    if not state["is_current"]:
        answer(f"next   twinmart db migrate --site {number}")


def migrate(ctx: typer.Context, site: _SiteOption = None, as_json: _JsonOption = False) -> None:
    """Bring the mart of a site to this program's version; replication carries no schema, so each site needs it.

    Example: twinmart db migrate --site 2
    """
    number, dsns = _site(ctx, site)
    done = migrate_site(number, dsns, stop=threading.Event(), tell=tell)
    if as_json:
        answer_json(**done)
        return
    applied = done["applied"]
    assert isinstance(applied, list)  # noqa: S101
    answer(f"site {number}  version {done['version']}, {len(applied)} migrations applied" if applied else
           f"site {number}  version {done['version']} already")  # fmt: skip


def initialize(ctx: typer.Context, site: _SiteOption = None, as_json: _JsonOption = False) -> None:
    """Make partitions since etl-start-date, and calendars. May be run again at any time.

    Example: twinmart db initialize
    """
    _run(ctx, site, initialize_body, as_json=as_json)


def maintain(ctx: typer.Context, site: _SiteOption = None, as_json: _JsonOption = False) -> None:
    """Make partitions ahead, extend calendars, drop what is older than the options keep; at any site, active or not.

    Example: twinmart db maintain --site 1
    """
    _run(ctx, site, maintain_body, as_json=as_json)


def partitions(ctx: typer.Context, site: _SiteOption = None, as_json: _JsonOption = False) -> None:
    """List the partitioned tables: from when to when rows have a place, and how large they are.

    Example: twinmart db partitions
    """
    number, dsns = _site(ctx, site)
    with session(dsns[number], application_name="twinmart db partitions", autocommit=True) as mart:
        if (obstacle := schema_state(mart).obstacle()) is not None:
            raise obstacle
        found = partition_states(mart)
    if as_json:
        answer_json(site=number, tables=[one.to_json() for one in found])
        return
    head = ("table", "partitions", "from", "to", "purged before", "size MB")
    answer(table(head, [_partition_row(one) for one in found]))


def export(
    ctx: typer.Context,
    file_format: Annotated[str | None, typer.Option("--format", metavar="parquet|csv", help="Else the option.")] = None,
    folder: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="Folder of the increments.")] = None,
    site: _SiteOption = None,
    as_json: _JsonOption = False,
) -> None:
    """Write what changed in the facts since the last export, with all dimensions, as files with a manifest.

    Example: twinmart export --format csv --to /srv/exports
    """
    number, dsns = _site(ctx, site)
    done = export_body(
        number, dsns, stop=threading.Event(), tell=tell, to=folder, file_format=file_format, beside=home_of(ctx).exports
    )
    if as_json:
        answer_json(**done)
        return
    if done["folder"] is None:
        answer("nothing changed since the last export")
        return
    answer(
        f"{done['rows']:,} rows of facts, loads {done['from_audit_key']} to {done['to_audit_key']}: {done['folder']}"
    )
    if done["gaps"]:
        answer(f"{done['gaps']:,} gaps, where nobody recorded what happened; the manifest lists them")


def list_calendars(ctx: typer.Context, site: _SiteOption = None, as_json: _JsonOption = False) -> None:
    """List the calendars: which the options ask for, and how far each is filled.

    Example: twinmart calendars list
    """
    number, dsns = _site(ctx, site)
    with session(dsns[number], application_name="twinmart calendars", autocommit=True) as mart:
        if (obstacle := schema_state(mart).obstacle()) is not None:
            raise obstacle
        wanted = {one.name: (one.zone, None) for one in calendars(effective(mart))}
        filled = {
            name: (zone, upto)
            for name, zone, upto in mart.execute("SELECT name, zone, populated_to FROM mart.calendar ORDER BY name")
        }
    rows = [(name, zone, upto) for name, (zone, upto) in sorted({**wanted, **filled}.items())]
    if as_json:
        names = ("name", "zone", "populated_to")
        answer_json(site=number, calendars=[dict(zip(names, row, strict=True)) for row in rows])
        return
    answer(table(("calendar", "zone", "filled to"), [("date_time", "UTC", "as facts need"),
           *((name, zone, upto or "not yet: twinmart db maintain") for name, zone, upto in rows)]))  # fmt: skip


def _run(ctx: typer.Context, site: int | None, body: Callable[..., Mapping[str, object]], *, as_json: bool) -> None:
    number, dsns = _site(ctx, site)
    done = body(number, dsns, stop=threading.Event(), tell=tell)
    if as_json:
        answer_json(**done)
        return
    for name, value in done.items():
        answer(f"{name.replace('_', ' '):<22}{_plain(value)}")


def _site(ctx: typer.Context, site: int | None) -> tuple[int, dict[int, str]]:
    home = home_of(ctx)
    dsns = {one.number: one.dsn() for one in home.require_sites()}
    return home.site(active_site(dsns) if site is None else site).number, dsns


def _plain(value: object) -> str:
    if isinstance(value, list):
        return (
            f"{len(value)}: {', '.join(map(_short, value[:3]))}{' ...' if len(value) > 3 else ''}" if value else "none"
        )
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items()) or "none"
    return str(value)


def _short(value: object) -> str:
    return f"{value['table']} ({value['partitions']})" if isinstance(value, dict) and "table" in value else str(value)


def _partition_row(one: PartitionState) -> tuple[object, ...]:
    days = [f"{at:%-d %b %Y}" if at is not None else "—" for at in (one.from_at, one.to_at, one.purged_before)]
    return one.table, f"{one.partitions:>10}", *days, f"{one.bytes / 1e6:>7.1f}"
