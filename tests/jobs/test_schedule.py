"""The schedule: what its options may say, and which instants that means, also when the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinmart.config.options import Options
from twinmart.errors import WrongSchedule
from twinmart.jobs.agenda import Agenda
from twinmart.jobs.catalogue import CATALOGUE
from twinmart.jobs.schedule import CYCLE, Schedule, Window, instant, read_schedule

DEFAULTS: dict[str, object] = {
    "run-scheduler": True,
    "etl-start-time": "06:00",
    "etl-end-time": "22:00",
    "etl-frequency": 1,
    "run-maintain": True,
    "maintain-start-time": "03:00",
    "run-aggregates": True,
    "aggregate-schedule": "0 1",
    "aggregate-duration": "05:00",
    "run-export": True,
    "export-schedule": "20 0/8",
    "run-update-stats": True,
    "update-stats-schedule": "0/10 *",
    "timezone": "GMT",
}
YEAR_BEGINS, YEAR_ENDS = (datetime.combine(date(2026, month, 1), time()) for month in (1, 12))
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")

# Lord Howe's clocks move by half an hour, Samoa skipped a whole day.
CHANGES = (
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Pacific/Apia", date(2011, 12, 30)),
)


def schedule(**changed: object) -> Schedule:
    return read_schedule(options({name.replace("_", "-"): value for name, value in changed.items()}))


def options(changed: dict[str, object]) -> Options:
    texts = {("schedule", name): str(value) for name, value in {**DEFAULTS, **changed}.items()}
    return Options({("", ""): texts})


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("0 1", ["01:00"]),
        ("20 0/8", ["00:20", "08:20", "16:20"]),
        ("0 0,3/2", ["00:00", *(f"{hour:02}:00" for hour in range(3, 24, 2))]),
        ("15,45 22-23", ["22:15", "22:45", "23:15", "23:45"]),
        ("0-30/15 */12", ["00:00", "00:15", "00:30", "12:00", "12:15", "12:30"]),
    ],
)
def test_row_33_a_cron_of_two_fields_names_minutes_of_the_day(text: str, means: list[str]) -> None:
    found = schedule(export_schedule=text).minutes["export"]
    assert [f"{minute // 60:02}:{minute % 60:02}" for minute in found] == means


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"maintain-start-time": "06:00"}, "inside the window"),
        ({"maintain-start-time": "21:59"}, "inside the window"),
        ({"etl-start-time": "00:00", "etl-end-time": "24:00"}, "inside the window"),
        ({"etl-start-time": "20:00", "etl-end-time": "04:00"}, "inside the window"),
        ({"etl-start-time": "22:00"}, "window of extraction is empty"),
        ({"aggregate-duration": "00:00"}, "aggregation would end"),
    ],
)
def test_overlapping_windows_and_impossible_schedules_are_refused(changed: dict[str, object], says: str) -> None:
    with pytest.raises(WrongSchedule, match=says) as refused:
        read_schedule(options(changed))
    assert "twinmart config set application mart schedule/" in str(refused.value.hint)


def test_what_is_switched_off_is_not_judged() -> None:
    assert schedule(run_maintain=False, etl_start_time="00:00", etl_end_time="24:00").window == Window(0, 24 * 60)
    assert "export" not in schedule(run_export=False).minutes


def test_maintenance_may_begin_when_the_window_ends_also_over_midnight() -> None:
    found = schedule(etl_start_time="03:30", etl_end_time="03:00", maintain_start_time="03:00")
    assert found.cycles_until(datetime(2026, 11, 22, 2, 59, tzinfo=UTC)) == datetime(2026, 11, 22, 3, tzinfo=UTC)
    assert found.cycles_until(datetime(2026, 11, 22, 3, 0, tzinfo=UTC)) is None
    assert found.cycles_until(datetime(2026, 11, 22, 3, 30, tzinfo=UTC)) == datetime(2026, 11, 23, 3, tzinfo=UTC)


def test_a_time_that_does_not_exist_means_the_next_instant_and_several_of_them_one() -> None:
    found = schedule(timezone="America/New_York", update_stats_schedule="0/10 2", maintain_start_time="02:30")
    gap_ends = datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert found.instants("update-stats", date(2026, 3, 8)) == [gap_ends]
    assert found.instants("maintain", date(2026, 3, 8)) == [gap_ends]
    assert len(found.instants("update-stats", date(2026, 3, 9))) == 6


def test_a_time_that_occurs_twice_means_the_first() -> None:
    found = schedule(timezone="America/New_York", update_stats_schedule="0/30 1", maintain_start_time="01:30")
    assert found.instants("maintain", date(2026, 11, 1)) == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC)]
    assert [at.hour for at in found.instants("update-stats", date(2026, 11, 1))] == [5, 5]


@pytest.mark.parametrize(("zone", "hours"), [("Europe/Berlin", 23), ("America/New_York", 24)])
def test_a_window_over_the_change_is_as_long_as_the_day_really_is(zone: str, hours: int) -> None:
    found = schedule(timezone=zone, run_maintain=False, etl_start_time="00:00", etl_end_time="24:00", etl_frequency=60)
    assert len(found.instants(CYCLE, date(2026, 3, 29))) == hours


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_no_minute_of_a_changing_day_goes_back(zone: str, day: date) -> None:
    found = [instant(ZoneInfo(zone), day, minute) for minute in range(24 * 60 + 1)]
    assert found == sorted(found) or zone in {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}
    real = [at for at in found if at.astimezone(ZoneInfo(zone)).date() == day]
    assert all(at.second == 0 for at in found)
    assert len(set(found)) >= len(set(real)) >= 0
    for minute, at in enumerate(found[:-1]):
        wall = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        wanted = datetime.combine(day, time()) + timedelta(minutes=minute)
        assert wall >= wanted, "never before what the wall clock says"


@given(
    zone=st.sampled_from(ZONES),
    minutes=st.sets(st.integers(0, 1439), min_size=1, max_size=6),
    start=st.datetimes(YEAR_BEGINS, YEAR_ENDS, timezones=st.just(UTC)),
    looks=st.lists(st.integers(1, 3000), min_size=1, max_size=20),
)
def test_however_often_one_looks_nothing_is_skipped_or_doubled(
    zone: str, minutes: set[int], start: datetime, looks: list[int]
) -> None:
    """Whoever looks at each following instant sees each once; whoever looks rarely sees the last that was due."""
    one = Schedule(zone=ZoneInfo(zone), minutes={"maintain": sorted(minutes)})
    end = start + timedelta(minutes=sum(looks))
    first, last = start.astimezone(one.zone).date(), end.astimezone(one.zone).date()
    days = [first + timedelta(days=number) for number in range(-1, (last - first).days + 2)]
    every = sorted({at for day in days for at in one.instants("maintain", day) if start < at <= end})
    walked, at = [], one.following("maintain", start)
    while at is not None and at <= end:
        walked.append(at)
        at = one.following("maintain", at)
    assert walked == every
    served, seen = start, start
    for step in looks:
        seen += timedelta(minutes=step)
        due = one.latest("maintain", served, seen)
        pending = [at for at in every if served < at <= seen]
        assert due == (pending[-1] if pending else None)
        served = due or served


@given(
    zone=st.sampled_from(ZONES),
    window=st.tuples(st.integers(0, 1440), st.integers(0, 1440)).filter(lambda pair: pair[0] % 1440 != pair[1] % 1440),
    every=st.integers(1, 240),
    day=st.dates(date(2026, 1, 2), date(2026, 12, 1)),
)
def test_cycles_lie_in_the_window_at_their_distance(zone: str, window: tuple[int, int], every: int, day: date) -> None:
    one = Schedule(zone=ZoneInfo(zone), window=Window(*window), every_minutes=every)
    found = one.instants(CYCLE, day)
    assert all(after - before == timedelta(minutes=every) for before, after in pairwise(found))
    assert all(one.cycles_until(at) is not None for at in found)


def week(zone: str, monday: date, **changed: object) -> dict[str, list[datetime]]:
    """Walk a week in steps of ten minutes as the server does, and note what began when, by the wall clock."""
    one = schedule(timezone=zone, **changed)
    now, end = instant(one.zone, monday, 0), instant(one.zone, monday + timedelta(days=7), 0)
    served: dict[str, datetime] = dict.fromkeys((*one.minutes, CYCLE), now - timedelta(seconds=1))
    ran: dict[str, list[datetime]] = {job: [] for job in served}
    while now < end:
        for job, last in served.items():
            due = one.latest(job, last, now) if job != CYCLE or one.cycles_until(now) else None
            if due is not None:
                served[job] = due
                ran[job].append(due.astimezone(one.zone))
        now += timedelta(seconds=600)
    return ran


@pytest.mark.parametrize(
    ("zone", "monday", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 23), -1),
        ("Europe/Berlin", date(2026, 10, 19), 1),
        ("America/New_York", date(2026, 3, 2), -1),
        ("America/New_York", date(2026, 10, 26), 1),
    ],
)
def test_a_week_with_a_change_of_the_clocks_runs_the_right_jobs_at_the_right_times(
    zone: str, monday: date, hours: int
) -> None:
    """The clocks change in the night to the week's Sunday; every job has the same number of runs as in any week."""
    ran = week(zone, monday, maintain_start_time="02:30", etl_start_time="01:00", etl_end_time="00:30",
               run_maintain=False, etl_frequency=30, run_update_stats=False)  # fmt: skip
    assert len(ran["aggregate"]) == 7
    assert [at.hour for at in ran["aggregate"]] == [1] * 7
    assert [f"{at:%H:%M}" for at in ran["export"]] == ["00:20", "08:20", "16:20"] * 7
    # 23.5 hours of window a day, the last of them one hour shorter or longer; the week ends at midnight.
    assert len(ran[CYCLE]) == 2 * (6 * 23.5 + 23.5 - 0.5 + hours) + 1


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_maintenance_at_a_time_that_is_skipped_or_comes_twice_runs_once_each_night(zone: str) -> None:
    for monday in (date(2026, 3, 2), date(2026, 3, 23), date(2026, 10, 19), date(2026, 10, 26)):
        ran = week(zone, monday, maintain_start_time="02:30", etl_frequency=60, run_update_stats=False)
        assert len({at.date() for at in ran["maintain"]}) == len(ran["maintain"]) == 7
        assert {f"{at:%H:%M}" for at in ran["maintain"]} <= {"02:30", "03:00"}


@pytest.mark.parametrize(("hour", "begins"), [(21, True), (0, False)])
def test_a_server_that_begins_while_aggregation_should_go_on_begins_it_at_once(hour: int, *, begins: bool) -> None:
    """01:00 and 23 hours: at 21:00 it goes on until midnight, at 00:30 the next begins at one."""
    now = datetime(2026, 3, 4, hour, 30, tzinfo=UTC)
    agenda = Agenda(CATALOGUE, now, schedule(aggregate_duration="23:00", run_maintain=False, run_export=False))
    found = [one for one in agenda.due(now, (), ()) if one.job == "aggregate"]
    until = datetime(2026, 3, 5, tzinfo=UTC)
    assert [(one.at, one.until) for one in found] == ([(datetime(2026, 3, 4, 1, tzinfo=UTC), until)] if begins else [])
    if begins:
        agenda.ended(found[0], now + timedelta(minutes=1), well=True, served=True)
        assert [one for one in agenda.due(now + timedelta(minutes=2), (), ()) if one.job == "aggregate"] == []
