"""A day of a million calls aggregated, beside the bare SQL of the same groupings; and a minute's news after it."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event as Signal

from psycopg import sql

from bench.day import fill, minute
from bench.place import connection, home
from bench.report import Figure, show, stopwatch
from twinmart.aggregate.described import make_described
from twinmart.aggregate.job import aggregate
from twinmart.aggregate.rebuild import reaching, set_planner
from twinmart.aggregate.requests import request
from twinmart.aggregate.sets import SETS, Level, Shape
from twinmart.aggregate.thresholds import make_thresholds
from twinmart.db.connect import Connection, connect
from twinmart.db.partitions import ensure_partitions

CALLS = int(os.environ.get("TWINMART_BENCH_CALLS", "1000000"))
MINUTES = 5
WRITERS = 4


def main() -> None:
    """Measure and print."""
    first = Figure(f"aggregation of a day of {CALLS:,} calls, nothing stored yet", "s", limit_name="bare SQL")
    again = Figure("redo of the same day, as it is stored", "s", limit_name="bare SQL")
    news = Figure(f"after a minute's news, {CALLS // 1440:,} calls", "s")
    # Yesterday, so that the minutes that follow are recent.
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    with home() as place, connection(place) as mart:
        dsns = {1: place.site(1).dsn()}
        ensure_partitions(mart, day, day + timedelta(days=2))
        fill(mart, day, CALLS)
        for figure in (first, again):
            request(mart, from_at=day, to_at=day + timedelta(days=1))
            with stopwatch() as elapsed:
                aggregate(1, dsns, stop=Signal())
            figure.values.append(elapsed())
        first.limits = again.limits = [_bare(mart, dsns[1], day)]
        for number in range(MINUTES):
            minute(mart, day, number, CALLS // 1440)
            with stopwatch() as elapsed:
                aggregate(1, dsns, stop=Signal())
            news.values.append(elapsed())
    show("aggregation, four writers", [first, again, news])


def _bare(mart: Connection, dsn: str, day: datetime) -> float:
    """Return how long CREATE TABLE AS of the same groupings takes, with as many connections as there are writers."""
    mart.execute("CREATE SCHEMA bare")
    with stopwatch() as elapsed, ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(_bare_set, dsn, number, day) for number in range(len(SETS))]:
            done.result()
    return elapsed()


def _bare_set(dsn: str, number: int, day: datetime) -> None:
    one, key = SETS[number], int(day.timestamp())
    span = {"tenant_key": 1, "from_key": key, "to_key": key + 86_400}
    with connect(dsn, application_name="twinmart bench", autocommit=True) as mart:
        set_planner(mart, is_local=False)
        make_thresholds(mart)
        make_described(mart)
        shape = Shape.read(mart)[one.name]
        for level in Level:
            target = sql.Identifier("bare", f"{one.name}_{level}")
            mart.execute(sql.SQL("CREATE TABLE {} AS {}").format(target, shape.compute(level)), reaching(mart, shape, span))
