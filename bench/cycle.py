"""A cycle with little news: its cost while the history behind it grows tenfold."""

import statistics
from datetime import timedelta
from pathlib import Path

from psycopg import sql

from bench.place import connection, home, load, recording
from bench.report import Figure, show, stopwatch
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.config.store import Store
from twinmart.db.connect import Connection
from twinmart.etl.cycle import Etl

CYCLES = 30
CALLS_A_CYCLE = 20
GROWTH = 10


def main() -> None:
    """Measure and print."""
    small = Figure("cycle of a few calls, short history", "ms")
    large = Figure("cycle of a few calls, 10 times the history", "ms", limit_name="short history")
    idle = Figure("cycle without news", "ms")
    with home() as place, connection(place) as mart:
        dsns = {1: place.site(1).dsn()}
        with Etl(1, dsns) as etl:
            load(mart, recording(), ["history0"])
            etl.cycle()
            small.values += _cycles(mart, etl, recording(), "first")
            load(mart, recording(), [f"history{copy}" for copy in range(1, GROWTH)])
            etl.cycle()
            large.values += _cycles(mart, etl, recording(), "second")
            for _ in range(CYCLES):
                with stopwatch() as elapsed:
                    etl.cycle()
                idle.values.append(elapsed() * 1000)
    large.limits = [statistics.median(small.values)]
    show(f"cycles of about {CALLS_A_CYCLE} calls", [small, large, idle])


def _cycles(mart: Connection, etl: Etl, path: Path, name: str) -> list[float]:
    """Feed a recording in the order of its events, a few calls at a time; the milliseconds of each cycle."""
    staging = ensure_collector(mart, ensure_source(mart, f"{name}staging"), site=1)
    load(mart, path, [f"{name}staging"])
    Store(mart, author="bench").disable("source", f"{name}staging")
    live = ensure_collector(mart, ensure_source(mart, name), site=1)
    mart.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(live.idb_schema)))
    for table in ("event", "data_source_session"):
        mart.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(
                sql.Identifier(live.idb_schema, table), sql.Identifier(staging.idb_schema, table)
            )
        )
    spent = []
    first = mart.execute(
        sql.SQL("SELECT min(at) FROM {}").format(sql.Identifier(staging.idb_schema, "event"))
    ).fetchone()
    if first is None:
        raise SystemExit("the recording is empty")
    for number in range(CYCLES):
        start = first[0] + timedelta(seconds=number * CALLS_A_CYCLE)
        mart.execute(
            sql.SQL("INSERT INTO {} SELECT * FROM {} WHERE at >= %s AND at < %s ORDER BY seq").format(
                sql.Identifier(live.idb_schema, "event"), sql.Identifier(staging.idb_schema, "event")
            ),
            (start, start + timedelta(seconds=CALLS_A_CYCLE)),
        )
        with stopwatch() as elapsed:
            etl.cycle()
        spent.append(elapsed() * 1000)
    return spent
