"""The aggregation job: rebuilds what is requested, with several writers, and ends when nothing is left that is due."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from threading import Event as Signal
from threading import Lock

import psycopg

from twinmart.aggregate.groups import refresh_groups
from twinmart.aggregate.rebuild import Rebuilder
from twinmart.aggregate.sets import Shape
from twinmart.aggregate.work import Unit, Work
from twinmart.config.options import Options, effective
from twinmart.db.connect import Connection, advisory_lock, connect, mapped_errors, place, session
from twinmart.db.migrate import schema_state
from twinmart.db.sqlfiles import sql_text
from twinmart.etl.transform import check_epoch
from twinmart.model.writers import Schedule

LOCK = "aggregate"

# A unit that PostgreSQL gave up in favour of another transaction is tried again so often.
MOST_TRIES = 5

# Least delay of a level, where it has one at all; seconds.
LEAST_DELAY_S = {"day": 3600, "month": 12 * 3600}


@dataclass(slots=True)
class Done:
    """What a run rebuilt, counted by all writers together."""

    units: int = 0
    intervals: int = 0
    rows_changed: int = 0
    _lock: Lock = field(default_factory=Lock)

    def add(self, unit: Unit, rows_changed: int) -> None:
        """Count a unit that is committed."""
        with self._lock:
            self.units += 1
            self.intervals += unit.intervals if unit.level == "subhr" else 0
            self.rows_changed += rows_changed


def aggregate(
    site: int,
    dsns: Mapping[int, str],
    *,
    stop: Signal,
    tell: Callable[[str], None] | None = None,
) -> Mapping[str, object]:
    """Rebuild every requested interval whose level is due; return counts and what is left.

    Every unit is a transaction of its own, so the job may be stopped or killed at any time, and the next run goes on.
    A stop breaks off the statements that run.

    Raises:
        SiteFenced: this site is not the active one; LockHeld: another process aggregates this mart.
        WrongWriterSchedule: the option cannot be read. TookTooLong: a unit ran into ``deadlock-threshold``.
    """
    began = time.monotonic()
    done = Done()
    with session(dsns[site], application_name="twinmart aggregate", autocommit=True) as mart:
        if (obstacle := schema_state(mart).obstacle()) is not None:
            raise obstacle
        with advisory_lock(mart, LOCK):
            epoch = _begin(mart, site)
            options = effective(mart)
            schedule = Schedule.parse(options.text("agg", "writer-schedule"))
            work = Work(mart, schedule, _delays_s(options))
            _run_writers(dsns[site], site, epoch, work, done, options, stop, tell)
            row = mart.execute("SELECT count(*) FROM ctl.aggregate_request").fetchone()
    return {
        "units": done.units,
        "intervals": done.intervals,
        "rows_changed": done.rows_changed,
        "requests_left": int(row[0]) if row else 0,
        "stopped": stop.is_set(),
        "seconds": round(time.monotonic() - began, 3),
    }


def _begin(mart: Connection, site: int) -> int:
    """Bring groups up to date, move the horizon up to which states that go on are counted, and return the epoch."""
    row = mart.execute("SELECT epoch FROM cfg.topology").fetchone()
    epoch = int(row[0]) if row else 0
    with mart.transaction():
        check_epoch(mart, site, epoch)
        refresh_groups(mart)
        if mart.execute(sql_text("aggregate/heard")).fetchone() == (True,):
            mart.execute(sql_text("aggregate/request_open"))
            mart.execute(sql_text("aggregate/move_horizon"))
    return epoch


def _delays_s(options: Options) -> dict[str, int]:
    wanted = {level: options.number("agg", f"agg-level-{level}-delay") for level in LEAST_DELAY_S}
    delays = {level: max(delay, LEAST_DELAY_S[level]) if delay else 0 for level, delay in wanted.items()}
    # Delaying a level delays those above it.
    return {"day": delays["day"], "month": max(delays.values())}


def _run_writers(
    dsn: str,
    site: int,
    epoch: int,
    work: Work,
    done: Done,
    options: Options,
    stop: Signal,
    tell: Callable[[str], None] | None,
) -> None:
    limit_s = options.number("agg", "deadlock-threshold")
    count = work.writers()
    shapes = Shape.read(work.mart)
    with ExitStack() as open_, mapped_errors(place(dsn)):
        connections = [
            open_.enter_context(
                connect(
                    dsn,
                    application_name=f"twinmart aggregate {number + 1}",
                    autocommit=True,
                    statement_timeout_s=limit_s or None,
                )
            )
            for number in range(count)
        ]
        pool = open_.enter_context(ThreadPoolExecutor(count, "aggregate"))
        writers = [
            pool.submit(_write, number, Rebuilder(connection, site, epoch, shapes), work, done, stop)
            for number, connection in enumerate(connections)
        ]
        _watch(writers, connections, work, done, stop, tell)


def _watch(
    writers: list[Future[None]],
    connections: list[Connection],
    work: Work,
    done: Done,
    stop: Signal,
    tell: Callable[[str], None] | None,
) -> None:
    """Wait for the writers; a stop, or the failure of one, ends them all."""
    running, told, failure = set(writers), 0, None
    while running:
        ended, running = wait(running, timeout=0.1, return_when=FIRST_COMPLETED)
        failure = failure or next((error for one in ended if (error := one.exception()) is not None), None)
        if (stop.is_set() or failure is not None) and running:
            work.stop()
            for connection in connections:
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=5)
        if tell is not None and done.units > told:
            told = done.units
            tell(f"{done.units:,} steps, {done.rows_changed:,} rows of aggregates changed")
    if failure is not None:
        raise failure


def _write(number: int, rebuilder: Rebuilder, work: Work, done: Done, stop: Signal) -> None:
    try:
        rebuilder.prepare()
        for unit in work.units(number):
            done.add(unit, _rebuild(rebuilder, unit))
            if stop.is_set():
                work.stop()
    except psycopg.errors.QueryCanceled:
        # Broken off by a stop, the unit was rolled back and is still requested; else it took too long.
        if not (stop.is_set() or work.is_stopped):
            raise
    except BaseException:
        work.stop()
        raise


def _rebuild(rebuilder: Rebuilder, unit: Unit) -> int:
    for _ in range(MOST_TRIES - 1):
        with suppress(psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            return rebuilder.rebuild(unit)
    return rebuilder.rebuild(unit)
