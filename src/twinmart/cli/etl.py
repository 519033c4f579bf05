"""The commands from events to figures: etl brings the mart up to date, visits lists what happened in the queues."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from threading import Event as Signal
from typing import Annotated

import typer

from twinmart.cli.context import answer, answer_json, home_of, stop_signal, table, tell
from twinmart.config.topology import active_site
from twinmart.db.connect import session
from twinmart.db.migrate import schema_state
from twinmart.etl.cycle import Cycle
from twinmart.etl.loop import catch_up, follow
from twinmart.report.visits import Visit, visits, visits_csv
from twinmart.site.home import Home

STOPPED = 130

_SiteOption = Annotated[int | None, typer.Option("--site", min=1, help="Number of the site; else the active one.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(etl)
    app.command("visits")(list_visits)


def etl(
    ctx: typer.Context,
    site: _SiteOption = None,
    is_following: Annotated[
        bool, typer.Option("--follow/--once", help="Go on until stopped with Ctrl-C or SIGTERM; else stop at the end.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Answer in JSON, for programs; with --follow a line for each cycle.")
    ] = False,
) -> None:
    """Bring the mart up to date: extract events, transform what has news, load what differs.

    May be stopped at any time: each step is committed, and the next run goes on where this one ended.

    Example: twinmart etl
    """
    home = home_of(ctx)
    dsns = {one.number: one.dsn() for one in home.require_sites()}
    number = home.site(active_site(dsns) if site is None else site).number
    with stop_signal(Signal()) as stop:
        if is_following:
            follow(number, dsns, stop, done=lambda cycle, spent_s: _tell_of_cycle(number, cycle, spent_s, as_json))
            return
        began = time.monotonic()
        cycle = catch_up(number, dsns, tell=_tell_of_step, stop=stop)
    _answer_cycle(number, cycle, time.monotonic() - began, as_json)
    if stop.is_set():
        tell("stopped between two steps; go on with: twinmart etl")
        raise typer.Exit(STOPPED)


def list_visits(
    ctx: typer.Context,
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only those of this source.")] = None,
    queue: Annotated[str | None, typer.Option("--queue", metavar="NAME", help="Only those of this queue.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many to list; CSV holds all of them.")] = 20,
    as_csv: Annotated[bool, typer.Option("--csv", help="All of them, as CSV with a header.")] = False,
    site: _SiteOption = None,
) -> None:
    """List visits of callers to queues: how each ended, who answered, how long it took.

    Example: twinmart visits --queue sales --csv > visits.csv
    """
    home = home_of(ctx)
    with session(_dsn(home, site), application_name="twinmart visits", autocommit=True) as mart:
        if (obstacle := schema_state(mart).obstacle()) is not None:
            raise obstacle
        if as_csv:
            _write(visits_csv(mart, source=source, queue=queue))
            return
        # One more than wanted tells whether there are more.
        found = visits(mart, source=source, queue=queue, last=last + 1)
    if not found:
        answer("no visits" + _of(source, queue))
        return
    head = ("start, UTC", "source", "queue", "result", "wait s", "talk s", "hold s", "agent")
    answer(table(head, [_row(visit) for visit in found[-last:]]))
    if len(found) > last:
        answer(f"the last {last}; all of them with: twinmart visits --csv")


def _dsn(home: Home, site: int | None) -> str:
    if site is None:
        site = active_site({one.number: one.dsn() for one in home.require_sites()})
    return home.site(site).dsn()


def _write(blocks: Iterable[bytes]) -> None:
    """Write to stdout; a reader that has had enough, such as head, ends it without a word."""
    try:
        for block in blocks:
            sys.stdout.buffer.write(block)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still in the buffer would raise again when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _row(visit: Visit) -> Sequence[object]:
    who = visit.agent_name or visit.agent or "—"
    numbers = (_seconds(visit.wait_s), _seconds(visit.talk_s), _seconds(visit.hold_s))
    return f"{visit.start_at:%d %b %H:%M:%S}", visit.source, visit.queue, visit.result, *numbers, who


def _seconds(value: Decimal | None) -> str:
    return f"{'—' if value is None else f'{value:.1f}':>6}"


def _of(source: str | None, queue: str | None) -> str:
    parts = [f' of source "{source}"'] * (source is not None) + [f' in queue "{queue}"'] * (queue is not None)
    return "".join(parts)


def _tell_of_step(cycle: Cycle) -> None:
    tell(f"{cycle.events:,} events taken, {cycle.interactions:,} interactions computed")


def _tell_of_cycle(site: int, cycle: Cycle, spent_s: float, as_json: bool) -> None:
    if as_json:
        answer_json(**_data(site, cycle, spent_s))
        sys.stdout.flush()
    else:
        tell(f"{_summary(cycle)} in {spent_s:.2f} s")


def _answer_cycle(site: int, cycle: Cycle, spent_s: float, as_json: bool) -> None:
    if as_json:
        answer_json(**_data(site, cycle, spent_s))
        return
    for name, read in _read(cycle).items():
        answer(f"{name}  {read['rows_read']:,} events read, {read['rows_new']:,} new")
    for number, error in cycle.unreachable.items():
        answer(f"site {number} gave no answer; its events are taken when it is back: {error.message}")
    nothing = not cycle.taken and not cycle.transformed
    answer(f"site {site} is up to date" if nothing else f"{_summary(cycle)} in {spent_s:.1f} s")


def _summary(cycle: Cycle) -> str:
    return (
        f"{cycle.events:,} events taken, {cycle.interactions:,} interactions and {_agents(cycle):,} agents computed, "
        f"{cycle.rows_changed:,} rows of facts changed"
    )


def _agents(cycle: Cycle) -> int:
    return sum(done.resources for done in cycle.transformed)


def _read(cycle: Cycle) -> dict[str, Counter[str]]:
    """Return how many events were read and new for each collector, in the order in which they were read."""
    found: dict[str, Counter[str]] = {}
    for taken in cycle.taken:
        read = found.setdefault(taken.collector, Counter())
        read.update(rows_read=taken.rows_read, rows_new=taken.rows_new)
    return found


def _data(site: int, cycle: Cycle, spent_s: float) -> dict[str, object]:
    last = [taken.last_event_at for taken in cycle.taken if taken.last_event_at is not None]
    return {
        "site": site,
        "collectors": [{"collector": name, **read} for name, read in _read(cycle).items()],
        "events": cycle.events,
        "last_event_at": max(last).isoformat() if last else None,
        "interactions": cycle.interactions,
        "agents": _agents(cycle),
        "discarded": sum(done.discarded for done in cycle.transformed),
        "rows_changed": cycle.rows_changed,
        "unreachable": {str(number): error.to_json() for number, error in cycle.unreachable.items()},
        "seconds": round(spent_s, 3),
    }
