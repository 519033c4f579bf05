"""A week in which the clocks change, lived by a running server: the right jobs, once each, at the right instants."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from threading import Event as Signal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.jobs.support import ALWAYS, Clock, eventually, job_rows, serving, set_options, with_bodies
from tests.support import Mart
from twinmart.jobs.catalogue import Tell
from twinmart.jobs.look import State

BERLIN = ZoneInfo("Europe/Berlin")
# Where 02:30 does not exist, the instant that comes next; where it comes twice, its first.
NIGHTS = {
    date(2026, 3, 29): datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    date(2026, 10, 25): datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
}
STEP = timedelta(minutes=30)


def nothing(site: int, dsns: Mapping[int, str], *, stop: Signal, tell: Tell | None = None) -> dict[str, Any]:
    """Be done at once."""
    return {"rows": 0}


def wall(day: date, hour: int, minute: int) -> datetime:
    return datetime.combine(day, time(hour, minute), BERLIN).astimezone(UTC)


def due(days: list[date]) -> set[tuple[str, datetime]]:
    """Return what is due on these days, by the clock on the wall of Berlin."""
    found: set[tuple[str, datetime]] = set()
    for day in days:
        night = NIGHTS.get(day, wall(day, 2, 30))
        found |= {("maintain", night), ("update-stats", night), ("aggregate", wall(day, 1, 0))}
        found |= {("export", wall(day, hour, 20)) for hour in (0, 8, 16)}
    return found


@pytest.mark.soak
@pytest.mark.timeout(420)
@pytest.mark.rows(33)
@pytest.mark.parametrize("monday", [date(2026, 3, 23), date(2026, 10, 19)], ids=["spring", "autumn"])
def test_a_week_with_a_change_of_the_clocks_is_lived_by_a_running_server(mart: Mart, monday: date) -> None:
    night = {"maintain_start_time": "02:30", "update_stats_schedule": "30 2", "aggregate_schedule": "0 1"}
    window = {"etl_start_time": "03:30", "etl_end_time": "02:00", "etl_frequency": "30"}
    on = {f"run_{job}": "true" for job in ("maintain", "aggregates", "export", "update_stats")}
    set_options(mart, **{**ALWAYS, **window, **night, **on}, aggregate_duration="00:45", timezone="Europe/Berlin")
    days = [monday + timedelta(days=number) for number in range(7)]
    expected = due(days)
    clock = Clock(wall(monday, 0, 0) - timedelta(minutes=1))
    end = wall(days[-1] + timedelta(days=1), 0, 0)
    bodies = with_bodies(maintain=nothing, export=nothing, aggregate=nothing, update_stats=nothing)
    with serving({1: mart.dsn}, catalogue=bodies, clock=clock) as server:
        eventually(lambda: server.state is State.RUNNING, 60)
        while clock() < end - STEP:
            clock.move(minutes=STEP.total_seconds() / 60)
            now = clock()
            wanted = {one for one in expected if one[1] <= now}
            # Each is begun within moments of its instant, so that the next half hour finds it begun.
            eventually(lambda wanted=wanted: begun(mart) >= wanted, 60)  # type: ignore[misc]
    assert begun(mart) == expected
    assert len(job_rows(mart.dsn)) == len(expected), "none twice"


def begun(mart: Mart) -> set[tuple[str, datetime]]:
    return {(row["job"], row["due_at"]) for row in job_rows(mart.dsn)}
