"""A day of a million calls aggregated, beside the bare SQL of the same groupings; and a minute's news after it.

With TWINMART_BENCH_FOLDER the day is made once and found there again; else it is gone afterwards. TWINMART_BENCH_CALLS
makes a smaller or larger day.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal

from psycopg import sql

from bench.day import fill, insert
from bench.place import connection, home
from bench.report import Figure, show, stopwatch
from twinmart.aggregate.described import make_described
from twinmart.aggregate.groups import make_members
from twinmart.aggregate.job import aggregate
from twinmart.aggregate.rebuild import reaching, set_planner
from twinmart.aggregate.requests import request
from twinmart.aggregate.sets import SETS, Level, Shape
from twinmart.aggregate.thresholds import make_thresholds
from twinmart.db.connect import Connection, connect
from twinmart.db.migrate import migrate
from twinmart.db.partitions import ensure_partitions
from twinmart.settings import Settings
from twinmart.site.home import Home

CALLS = int(os.environ.get("TWINMART_BENCH_CALLS", "1000000"))
FOLDER = os.environ.get("TWINMART_BENCH_FOLDER")
MINUTES = 7
WRITERS = 4

# News comes to the last quarters that are full, and late to a quarter in the morning; each peak to quarters of its own.
EVENING, PEAK, MORNING = (
    timedelta(hours=21, minutes=15),
    timedelta(hours=21, minutes=45),
    timedelta(hours=9, minutes=15),
)


def main() -> None:
    """Measure and print."""
    first = Figure(f"aggregation of a day of {CALLS:,} calls, nothing stored yet", "s", limit_name="bare SQL")
    again = Figure("redo of the same day, as it is stored", "s", limit_name="bare SQL")
    a_minute = CALLS // 1440
    news = Figure(f"after a minute's news, {a_minute:,} calls", "s")
    peak = Figure("the same where quarters are full twice over", "s")
    busy = Figure(f"the same with twice the news, {2 * a_minute:,} calls", "s")
    late = Figure(f"after a minute's late news for a quarter 12 hours ago, {a_minute:,} calls", "s")
    with _place() as place, connection(place) as mart:
        dsns = {1: place.site(1).dsn()}
        day = _day(mart)
        for figure in (first, again):
            request(mart, from_at=day, to_at=day + timedelta(days=1))
            with stopwatch() as elapsed:
                aggregate(1, dsns, stop=Signal())
            figure.values.append(elapsed())
        first.limits = again.limits = [_bare(mart, dsns[1], day)]
        mart.execute("ANALYZE")
        for figure, at, calls in ((news, EVENING, a_minute), (late, MORNING, a_minute)):
            _news(mart, dsns, figure, day + at, calls)
        insert(mart, day + PEAK - timedelta(minutes=15), timedelta(minutes=30), CALLS // 44, f"double {_now()}")
        aggregate(1, dsns, stop=Signal())
        for figure, calls in ((peak, a_minute), (busy, 2 * a_minute)):
            _news(mart, dsns, figure, day + PEAK, calls)
    show(f"aggregation, up to {WRITERS} writers", [first, again, news, peak, busy, late])


def _news(mart: Connection, dsns: dict[int, str], figure: Figure, at: datetime, calls: int) -> None:
    """Insert minutes of calls, one after the other, and measure the aggregation after each."""
    for number in range(MINUTES):
        insert(mart, at + timedelta(minutes=number), timedelta(minutes=1), calls, f"minute {number} {_now()}")
        with stopwatch() as elapsed:
            aggregate(1, dsns, stop=Signal())
        figure.values.append(elapsed())


@contextmanager
def _place() -> Iterator[Home]:
    if FOLDER is None:
        with home() as place:
            yield place
        return
    place = Home(Settings.load(home=Path(FOLDER)))
    if place.sites:
        place.up()
    else:
        place.init(1)
    try:
        yield place
    finally:
        place.down()


def _day(mart: Connection) -> datetime:
    """Return the begin of the day that is filled, filled now if it is not yet; without anything aggregated."""
    migrate(mart)
    row = mart.execute("SELECT min(start_date_time_key) FROM mart.interaction_fact").fetchone()
    if row is None or row[0] is None:
        # Yesterday, so that the minutes that follow are recent.
        day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        ensure_partitions(mart, day, day + timedelta(days=2))
        fill(mart, day, CALLS)
    else:
        day = datetime.fromtimestamp(row[0], UTC)
    tables = sql.SQL(", ").join(sql.Identifier("agg", f"{one.name}_{level}") for one in SETS for level in Level)
    mart.execute(sql.SQL("TRUNCATE {}, ctl.aggregate_request").format(tables))
    mart.execute("DROP SCHEMA IF EXISTS bare CASCADE")
    return day


def _now() -> str:
    return datetime.now(UTC).isoformat()


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
        make_members(mart)
        shape = Shape.read(mart)[one.name]
        for level in Level:
            target = sql.Identifier("bare", f"{one.name}_{level}")
            mart.execute(
                sql.SQL("CREATE TABLE {} AS {}").format(target, shape.compute(level)), reaching(mart, shape, span)
            )
