"""Commands for aggregates: run what is requested, ask for spans again, look at what is left, compare with the facts."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event as Signal
from typing import Annotated, Any

import typer

from twinmart import errors
from twinmart.aggregate.audit import audit as audit_sets
from twinmart.aggregate.job import aggregate as run_job
from twinmart.aggregate.requests import parse_raw, pending, request
from twinmart.aggregate.sets import SETS
from twinmart.cli.context import answer, answer_json, home_of, table, tell
from twinmart.config.topology import active_site
from twinmart.db.connect import Connection, session
from twinmart.db.migrate import schema_state

STOPPED = 130

_Site = Annotated[int | None, typer.Option("--site", min=1, help="Number of the site; else the active one.")]
_From = Annotated[str, typer.Option("--from", metavar="TIME", help="First moment: ISO date or time (UTC), or epoch s.")]
_To = Annotated[str, typer.Option("--to", metavar="TIME", help="First moment that is left out, written the same way.")]
_Sets = Annotated[list[str] | None, typer.Option("--set", metavar="NAME", help="Only this set; may be repeated.")]
_Tenant = Annotated[str | None, typer.Option("--tenant", metavar="NAME", help="Only this tenant.")]
_Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(aggregate)
    group.command()(run)
    group.command()(redo)
    group.command()(status)
    group.command()(audit)
    app.add_typer(group, name="aggregate")


def aggregate(
    ctx: typer.Context,
    raw: Annotated[
        str | None,
        typer.Option(
            "-insertPendingAggRaw",
            metavar="TENANTS:SETS:FROM:TO",
            help="Ask again, as the original's GIMAgg.jar takes it: ALLTENANTS:ALLSETS:EPOCH:EPOCH.",
        ),
    ] = None,
) -> None:
    """Aggregates: rebuild what is requested, ask for spans again, look at what is left, compare with the facts.

    Example: twinmart aggregate -insertPendingAggRaw ALLTENANTS:ALLSETS:1795305600:1795392000
    """
    if ctx.invoked_subcommand is not None:
        if raw is not None:
            raise errors.UsageError(
                "-insertPendingAggRaw is a command of its own",
                detail="nothing was changed",
                hint="Write: twinmart aggregate -insertPendingAggRaw TENANTS:SETS:FROM:TO",
            )
        return
    if raw is None:
        answer(ctx.get_help())
        return
    asked = parse_raw(raw)
    with _mart(ctx, None) as mart:
        count = request(mart, from_at=asked.from_at, to_at=asked.to_at, sets=asked.sets, tenant=asked.tenant)
    answer(f"{count:,} intervals requested; rebuild them with: twinmart aggregate run")


def run(ctx: typer.Context, site: _Site = None, as_json: _Json = False) -> None:
    """Rebuild every interval that is requested and due, the recent ones first.

    May be stopped at any time: each step is committed, and the next run goes on where this one ended.

    Example: twinmart aggregate run
    """
    home = home_of(ctx)
    dsns = {one.number: one.dsn() for one in home.require_sites()}
    number = home.site(active_site(dsns) if site is None else site).number
    with _stop_signal() as stop:
        done = run_job(number, dsns, stop=stop, tell=tell)
    if as_json:
        answer_json(site=number, **done)
    else:
        answer(
            f"{done['intervals']:,} intervals rebuilt, {done['rows_changed']:,} rows changed"
            f" in {done['seconds']:.1f} s; {done['requests_left']:,} requests left"
        )
    if stop.is_set():
        tell("stopped between two steps; go on with: twinmart aggregate run")
        raise typer.Exit(STOPPED)


def redo(
    ctx: typer.Context,
    from_: _From,
    to: _To,
    sets: _Sets = None,
    tenant: _Tenant = None,
    thresholds: Annotated[
        bool,
        typer.Option("--current-thresholds", help="Judge the span by the thresholds of now, not by those of its time."),
    ] = False,
    as_json: _Json = False,
) -> None:
    """Ask for a span to be computed again from the facts; the aggregation job does it, after what is recent.

    Example: twinmart aggregate redo --from 2026-11-01 --to 2026-12-01 --set QUEUE
    """
    from_at, to_at = _moment(from_), _moment(to)
    with _mart(ctx, None) as mart:
        count = request(
            mart, from_at=from_at, to_at=to_at, sets=sets or None, tenant=tenant, current_thresholds=thresholds
        )
    if as_json:
        answer_json(requested=count, from_at=from_at.isoformat(), to_at=to_at.isoformat())
    else:
        answer(f"{count:,} intervals requested; rebuild them with: twinmart aggregate run")


def status(ctx: typer.Context, site: _Site = None, as_json: _Json = False) -> None:
    """Tell what is requested and not rebuilt yet, by set.

    Example: twinmart aggregate status
    """
    with _mart(ctx, site) as mart:
        found = pending(mart)
    if as_json:
        answer_json(pending=[one.data() for one in found])
    elif not found:
        answer("nothing is requested: the aggregates hold all that is loaded")
    else:
        head = ("set", "level", "intervals", "earliest, UTC", "latest, UTC", "waits for")
        now = datetime.now(UTC)
        rows: list[tuple[object, ...]] = [
            (
                one.set_name.upper(),
                one.level,
                f"{one.intervals:>9,}",
                f"{one.first_at:%Y-%m-%d %H:%M}",
                f"{one.last_at:%Y-%m-%d %H:%M}",
                f"{(now - one.requested_at).total_seconds():,.0f} s",
            )
            for one in found
        ]
        answer(table(head, rows))
        answer("rebuild them with: twinmart aggregate run")


def audit(
    ctx: typer.Context,
    from_: _From,
    to: _To,
    sets: _Sets = None,
    site: _Site = None,
    as_json: _Json = False,
) -> None:
    """Compare aggregates with the facts, and each level with the one below; intervals still requested are left out.

    Example: twinmart aggregate audit --from 2026-11-22 --to 2026-11-23
    """
    with _mart(ctx, site) as mart:
        found = audit_sets(mart, from_at=_moment(from_), to_at=_moment(to), sets=sets or None)
    if as_json:
        answer_json(equal=not found, differing=[one.data() for one in found])
    elif not found:
        answer(f"equal: {len(sets or SETS)} sets agree with the facts, and every level with the one below")
    else:
        rows = [(d.set_name.upper(), d.level, f"{d.interval_at:%Y-%m-%d %H:%M}", d.says, d.row) for d in found]
        answer(table(("set", "level", "interval, UTC", "said by", "row"), rows))
    if found:
        raise errors.AggregateDiffers(
            f"{len(found)} rows differ between aggregates and facts",
            detail="nothing was changed",
            hint=f"Compute them again with: twinmart aggregate redo --from {from_} --to {to}",
        )


@contextmanager
def _mart(ctx: typer.Context, site: int | None) -> Iterator[Connection]:
    home = home_of(ctx)
    number = active_site({one.number: one.dsn() for one in home.require_sites()}) if site is None else site
    with session(home.site(number).dsn(), application_name="twinmart aggregate") as mart:
        if (obstacle := schema_state(mart).obstacle()) is not None:
            raise obstacle
        yield mart


def _moment(text: str) -> datetime:
    try:
        at = (
            datetime.fromtimestamp(int(text), UTC) if text.isdigit() and len(text) > 8 else datetime.fromisoformat(text)
        )
    except (ValueError, OverflowError, OSError):
        raise errors.WrongAggregateRequest(
            f'"{text}" is no time',
            detail="nothing was requested",
            hint="Write it like 2026-11-22, 2026-11-22T09:00 or 1795305600; see: twinmart aggregate redo --help",
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@contextmanager
def _stop_signal() -> Iterator[Signal]:
    """Give a signal that Ctrl-C and SIGTERM set; a second Ctrl-C stops at once."""
    stop = Signal()
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]

    def restore(*_: Any) -> None:
        for number, handler in before:
            signal.signal(number, handler)

    def ask(*_: Any) -> None:
        stop.set()
        restore()

    for number, _ in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()
