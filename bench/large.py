"""Marts of a size: two linked sites whose facts, events and history were made by numbers alone, for what must not grow.

A mart of 400 days has some 4,400 partitions, and what grows with those is felt before what grows with rows.
"""

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

from psycopg import sql

from bench import day
from bench.report import stopwatch
from twinmart.collect.idb import Idb
from twinmart.config.sources import Collector, ensure_collector, ensure_source
from twinmart.config.topology import active_site
from twinmart.db.connect import Connection, session
from twinmart.db.partitions import ensure_partitions
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import NoLink
from twinmart.replicate import link
from twinmart.replicate.ends import End, ends_of, reach
from twinmart.settings import Settings
from twinmart.site.home import Home

# Events of a call, as a switch tells it.
EVENTS = 20

# Events are kept for so long; facts for all the days that are wanted.
EVENT_DAYS = 14

_EVENTS: LiteralString = """
INSERT INTO {table} (event_id, at, kind, channel_id, linked_id, bridge_id, channel, number, target, value, {more})
SELECT
    md5('event' || %(day)s || n)::uuid, %(day)s::timestamptz + n * (86400.0 / %(rows)s) * interval '1 second',
    'bridge_enter', '1763800000.' || n, '1763800000.' || n / %(each)s, md5('bridge' || n),
    'PJSIP/11-' || lpad(to_hex(n), 8, '0'), '5550123', '8001', 'basic', {values}
FROM generate_series(1, %(rows)s) AS n
"""

# Days are filled, and tables analyzed, by so many at once: there are two cores.
WRITERS = 2

_HISTORY: LiteralString = """
INSERT INTO ctl.audit_log (audit_key, created_at, job, epoch, site, row_count)
SELECT -n, %(from_at)s::timestamptz + n * interval '1 minute', 'transform', 1, 1, 10
FROM generate_series(1, %(days)s * 1440) AS n
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a mart is to be: days of facts, and calls a day."""

    days: int
    calls: int


SMALL, GB_1, GB_10 = Size(1, 100), Size(60, 2_000), Size(400, 7_000)


def two_sites(folder: Path, size: Size) -> Home:
    """Return the started sites in a folder, made to this size and linked if it was empty; site 1 is active."""
    home = Home(Settings(home=folder, site_dsns={}))
    if home.sites:
        home.up()
        # PostgreSQL switches a subscription off whose source was stopped; nobody is there to switch it on again.
        for end in ends_of(home).values():
            with suppress(NoLink):
                link.resume(end)
        link.migrate_linked(home)
        return home
    home.init(2)
    ends = ends_of(home)
    with session(ends[1].dsn, application_name="bench", autocommit=True) as mart:
        source = ensure_source(mart, "pbx")
        ours = [ensure_collector(mart, source, site=site) for site in (1, 2)]
    with stopwatch() as elapsed:
        grow(ends[1], size)
    print(f"  made {gigabytes(ends[1]):.2f} GB in {elapsed():.0f} s", flush=True)
    with stopwatch() as elapsed:
        link.set_up(ends[1], ends[2], method="physical")
    print(f"  copied it in {elapsed():.0f} s", flush=True)
    with ThreadPoolExecutor(len(ours)) as threads:
        lasts = list(threads.map(lambda one: _hear(ends[one.site], one, size), ours))
    with session(ends[1].dsn, application_name="bench", autocommit=True) as mart:
        for collector, last in zip(ours, lasts, strict=True):
            mart.execute(
                "INSERT INTO ctl.extract_watermark VALUES (%s, %s, %s, now())",
                (collector.key, last, datetime.now(UTC) - timedelta(hours=1)),
            )
    return home


@contextmanager
def marts(chosen: argparse.Namespace) -> Iterator[Home]:
    """Give two started sites of the size that was chosen; without a folder for them they are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="twinmart-bench-") as passing:
        Path(passing).chmod(0o755)
        home = two_sites(chosen.folder or Path(passing) / "home", Size(chosen.days, chosen.calls))
        try:
            yield home
        finally:
            home.down()


def by_role(home: Home) -> dict[int, End]:
    """Return the sites as ends, the active one as 1, whichever it is since the last switchover."""
    ends = ends_of(home)
    active = active_site({site: end.dsn for site, end in ends.items()})
    return {1: ends[active], 2: next(end for site, end in ends.items() if site != active)}


# Every table; the partitions of one are vacuumed with it.
_FILLED: LiteralString = """
SELECT oid::regclass FROM pg_class
WHERE relkind IN ('r', 'p') AND oid >= 16384 AND NOT relispartition AND relpersistence = 'p'
"""
_OF_GIDB: LiteralString = "source_key, batch"
_OF_IDB: LiteralString = "session_key, received_at"


def grow(end: End, size: Size) -> None:
    """Fill a mart that nobody follows yet; no triggers, so no requests."""
    midnight = _midnight()
    with session(end.dsn, application_name="bench", autocommit=True) as mart:
        ensure_partitions(mart, midnight - timedelta(days=size.days), midnight)
        # The calendar of days gone by, as their loads would have made it: without it no report joins the facts.
        begin = round((midnight - timedelta(days=size.days)).timestamp())
        span = {"from_key": begin, "to_key": begin + (size.days + 1) * 86_400 - 900}
        mart.execute(sql_text("transform/calendar"), span)
    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(lambda first: _fill_days(end, size, range(size.days - first, 0, -WRITERS)), range(WRITERS)))
        with _quick(end) as mart:
            mart.execute(_HISTORY, {"from_at": midnight - timedelta(days=size.days), "days": size.days})
            _fill_events(mart, sql.Identifier("gidb", "event"), size, _OF_GIDB, "gidb")
            names = [str(name) for (name,) in mart.execute(_FILLED)]
        list(threads.map(lambda first: _vacuum(end, names[first::WRITERS]), range(WRITERS)))


def _fill_days(end: End, size: Size, days: Iterable[int]) -> None:
    with _quick(end) as mart:
        for number in days:
            from_at = _midnight() - timedelta(days=number)
            day.insert(mart, from_at, timedelta(hours=22), size.calls, f"{from_at:%Y%m%d}")


def _vacuum(end: End, tables: Sequence[str]) -> None:
    with _quick(end) as mart:
        for name in tables:
            mart.execute(f"VACUUM ANALYZE {name}")


@contextmanager
def _quick(end: End) -> Iterator[Connection]:
    with reach(end, "bench") as mart:
        mart.execute("SET session_replication_role = replica")
        mart.execute("SET synchronous_commit = off")
        yield mart


def _hear(end: End, collector: Collector, size: Size) -> int:
    """Fill a collector's interaction database; return the number of its last event."""
    with as_owner(end) as there:
        Idb.open(there, collector.idb_schema)
        table = sql.Identifier(collector.idb_schema, "event")
        return _fill_events(there, table, size, _OF_IDB, collector.idb_schema)


@contextmanager
def as_owner(end: End) -> Iterator[Connection]:
    """Give a connection of the mart's owner that may write to interaction databases, at a standby too."""
    with session(end.dsn, application_name="bench", autocommit=True) as there:
        there.execute("SET default_transaction_read_only = off")
        yield there


def gigabytes(end: End) -> float:
    """Return the size of a site's database, indexes and all."""
    with reach(end, "bench") as mart:
        row = mart.execute("SELECT pg_database_size(current_database()) / 1e9").fetchone()
    return float(row[0]) if row else 0.0


def _fill_events(to: Connection, table: sql.Identifier, size: Size, more: LiteralString, schema: str) -> int:
    """Fill in the events of the last days; return the number of the last one of an interaction database."""
    midnight, days = _midnight(), min(size.days, EVENT_DAYS)
    ensure_partitions(to, midnight - timedelta(days=days), midnight, schema=schema)
    values = sql.SQL("1, 1" if more == _OF_GIDB else "gen_random_uuid(), now()")
    filling = sql.SQL(_EVENTS).format(table=table, more=sql.SQL(more), values=values)
    to.execute("SET synchronous_commit = off")
    for number in range(days, 0, -1):
        from_at = midnight - timedelta(days=number)
        to.execute(filling, {"day": from_at.isoformat(), "rows": size.calls * EVENTS, "each": EVENTS})
    if more == _OF_GIDB:
        return 0
    row = to.execute(sql.SQL("SELECT max(seq) FROM {}").format(table)).fetchone()
    return int(row[0]) if row else 0


def _midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
