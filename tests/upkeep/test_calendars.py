"""Calendars of other zones: days on the local clock, whatever the clock does, told apart from what PostgreSQL says."""

import threading
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.etl.story import DAWN
from tests.support import Mart
from twinmart import errors
from twinmart.config.options import Options
from twinmart.db.sqlfiles import sql_text
from twinmart.model.calendar import Rules
from twinmart.upkeep.calendars import Calendar, _fill, ensure_calendars, ensure_views
from twinmart.upkeep.initialize import initialize

# Whole, half and quarter hours; changes at night, at midnight, by half an hour, by two, at a quarter to; none; a day
# left out. None that follows the moon: what is foretold of these differs from one edition of the zones to the next.
ZONES = (
    "Europe/London", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns",
    "Africa/Cairo", "Asia/Beirut", "America/Havana", "America/Santiago", "Pacific/Apia", "UTC", "Pacific/Chatham",
    "America/Caracas", "Asia/Pyongyang", "Antarctica/Troll", "Pacific/Kiritimati",
)  # fmt: skip


def options(**changed: str) -> Options:
    texts = {
        ("date-time-london", "date-time-tz"): "Europe/London",
        ("date-time-london", "date-time-start-year"): "2026",
        **{("date-time-london", name.replace("_", "-")): value for name, value in changed.items()},
    }
    return Options({("", ""): texts})


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    zone=st.sampled_from(ZONES),
    start=st.dates(date(2011, 1, 1), date(2030, 1, 1)),
    first_day_of_week=st.integers(1, 7),
)
def test_row_76_every_interval_bears_what_its_zone_s_clock_shows(
    mart: Mart, zone: str, start: date, first_day_of_week: int
) -> None:
    calendar = Calendar("date_time_any", "date-time-any", zone, first_day_of_week, 1, True, "1-1", "none", 2011)
    connection = mart.connect(autocommit=True)
    connection.execute("TRUNCATE mart.calendar, mart.calendar_date_time")
    _fill(connection, calendar, start, start + timedelta(days=9))
    rows = connection.execute(
        "SELECT date_time_key, date_time_day_key, date_time_next_day_key, label_yyyy_mm_dd_hh24_15int, utc_offset_s,"
        " date_time_hour_key, date_time_30min_key FROM mart.calendar_date_time ORDER BY 1"
    ).fetchall()
    assert [row[0] for row in rows] == list(range(rows[0][0], rows[-1][0] + 900, 900)), "no interval is left out"
    clock = ZoneInfo(zone)
    firsts: dict[date, int] = {}
    for key, day_key, next_day_key, label, offset_s, hour_key, half_key in rows:
        local = datetime.fromtimestamp(key, UTC).astimezone(clock)
        firsts.setdefault(local.date(), key)
        assert label == f"{local:%Y-%m-%d %H:%M}"
        offset = local.utcoffset()
        assert offset is not None
        assert offset_s == offset.total_seconds()
        assert day_key == firsts[local.date()]
        assert day_key <= key < next_day_key
        for first, width in ((hour_key, 60), (half_key, 30)):
            begin = datetime.fromtimestamp(first, UTC).astimezone(clock)
            assert (begin.hour, begin.minute // width) == (local.hour, local.minute // width)
            assert begin.utcoffset() == offset
        assert hour_key <= half_key <= key
    assert set(firsts) <= {start + timedelta(days=number) for number in range(9)}


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Pacific/Chatham", date(2011, 9, 25)),  # 02:45 -> 03:45
        ("Pacific/Chatham", date(2012, 4, 1)),  # 03:45 -> 02:45
        ("Australia/Lord_Howe", date(2026, 4, 5)),  # 02:00 -> 01:30
        ("Australia/Lord_Howe", date(2026, 10, 4)),  # 02:00 -> 02:30
        ("America/Caracas", date(2007, 12, 9)),  # 03:00 -> 02:30
        ("America/Caracas", date(2016, 5, 1)),  # 02:30 -> 03:00
        ("Asia/Kathmandu", date(1986, 1, 1)),  # 00:00 -> 00:15
        ("Pacific/Apia", date(2011, 12, 31)),  # the 30th was left out
        ("Asia/Pyongyang", date(2018, 5, 5)),  # 23:30 -> 00:00, so the 4th lost half an hour
    ],
)
def test_row_76_an_hour_that_clocks_jump_into_or_out_of_has_its_own_key(mart: Mart, zone: str, day: date) -> None:
    calendar = Calendar("date_time_any", "date-time-any", zone, 1, 1, True, "1-1", "none", 1980)
    connection = mart.connect(autocommit=True)
    _fill(connection, calendar, day - timedelta(days=2), day + timedelta(days=2))
    rows = connection.execute(
        "SELECT date_time_key, date_time_hour_key, date_time_30min_key FROM mart.calendar_date_time ORDER BY 1"
    ).fetchall()
    clock = ZoneInfo(zone)
    for place, width in ((1, 60), (2, 30)):
        firsts: dict[tuple[object, ...], int] = {}
        for row in rows:
            local = datetime.fromtimestamp(row[0], UTC).astimezone(clock)
            shown = (local.date(), local.hour, local.minute // width, local.utcoffset())
            assert row[place] == firsts.setdefault(shown, row[0]), (local, width)


def test_row_76_a_calendar_of_the_release_before_is_mended(mart: Mart) -> None:
    calendar = Calendar("date_time_any", "date-time-any", "Pacific/Chatham", 1, 1, True, "1-1", "none", 2011)
    connection = mart.connect(autocommit=True)
    _fill(connection, calendar, date(2011, 9, 24), date(2011, 9, 27))
    query = "SELECT * FROM mart.calendar_date_time ORDER BY date_time_key"
    right = connection.execute(query).fetchall()
    spoiled = connection.execute(
        "UPDATE mart.calendar_date_time SET date_time_hour_key = date_time_key - 2700, date_time_30min_key ="
        " date_time_key - 900 WHERE label_yyyy_mm_dd_hh24_15int = '2011-09-25 03:45'"
    )
    assert spoiled.rowcount == 1
    text = sql_text("migrations/0018_figures")
    connection.execute(
        text[text.index("UPDATE mart.calendar") : text.index(";", text.index("UPDATE mart.calendar"))].encode()
    )
    assert connection.execute(query).fetchall() == right


@pytest.mark.parametrize(
    ("zone", "day", "intervals"),
    [
        ("Europe/London", date(2026, 3, 29), 92),
        ("Europe/London", date(2026, 10, 25), 100),
        ("Europe/London", date(2026, 6, 1), 96),
        ("Australia/Lord_Howe", date(2026, 4, 5), 98),
        ("America/Havana", date(2026, 11, 1), 100),
    ],
)
def test_row_76_days_on_which_clocks_change_have_92_or_100_intervals(
    mart: Mart, zone: str, day: date, intervals: int
) -> None:
    calendar = Calendar("date_time_any", "date-time-any", zone, 1, 1, True, "1-1", "none", 2026)
    connection = mart.connect(autocommit=True)
    _fill(connection, calendar, day, day + timedelta(days=1))
    found = connection.execute(
        "SELECT count(*), max(date_time_next_day_key - date_time_day_key) / 900 FROM mart.calendar_date_time"
    ).fetchone()
    assert found == (intervals, intervals)


def test_row_77_one_fact_falls_on_two_days_in_two_calendars(mart: Mart) -> None:
    connection = mart.connect(autocommit=True)
    texts = {("date-time-tokyo", "date-time-tz"): "Asia/Tokyo", ("date-time-lima", "date-time-tz"): "America/Lima"}
    texts |= {(section, "date-time-start-year"): "2026" for section, _ in list(texts)}
    ensure_calendars(connection, Options({("", ""): texts}), DAWN)
    key = int(datetime(2026, 11, 22, 23, 0, tzinfo=UTC).timestamp())
    labels = []
    for name in ("tokyo", "lima"):
        query = f"SELECT label_yyyy_mm_dd_hh24 FROM gim.date_time_{name} WHERE date_time_key = {key}"
        labels.append(connection.execute(query.encode()).fetchone())
    assert labels == [("2026-11-23 08",), ("2026-11-22 18",)]


def test_row_76_a_calendar_is_filled_once_extended_later_and_its_zone_fixed(mart: Mart) -> None:
    connection = mart.connect(autocommit=True)
    assert ensure_calendars(connection, options(), DAWN)["date_time_london"] > 366
    assert ensure_calendars(connection, options(), DAWN + timedelta(days=100)) == {"date_time_london": 0}
    assert ensure_calendars(connection, options(), DAWN + timedelta(days=184)) == {"date_time_london": 184}
    with pytest.raises(errors.CalendarFixed) as caught:
        ensure_calendars(connection, options(date_time_tz="Europe/Paris"), DAWN)
    assert "zone: Europe/London → Europe/Paris" in (caught.value.detail or "")
    assert connection.execute("SELECT zone FROM mart.calendar").fetchall() == [("Europe/London",)]
    # How far it reaches may change at any time.
    further = options(date_time_max_days_ahead="700", date_time_min_days_ahead="600")
    assert ensure_calendars(connection, further, DAWN + timedelta(days=184))["date_time_london"] > 300


def test_a_standby_makes_the_view_of_a_calendar_that_came_by_replication(mart: Mart) -> None:
    connection = mart.connect(autocommit=True)
    ensure_calendars(connection, options(), DAWN)
    connection.execute("DROP VIEW gim.date_time_london")
    assert ensure_views(connection) == ["date_time_london"]
    assert ensure_views(connection) == []


def test_row_82_initialize_finds_the_special_members_and_may_be_run_again(mart: Mart) -> None:
    done = initialize(1, {1: mart.dsn}, stop=threading.Event(), now=DAWN)
    assert done["calendar"]
    again = initialize(1, {1: mart.dsn}, stop=threading.Event(), now=DAWN)
    assert (again["partitions"], again["calendar"]) == ([], 0)
    mart.connect(autocommit=True).execute("DELETE FROM mart.group_ WHERE group_key = -1")
    with pytest.raises(errors.DataError, match="special members"):
        initialize(1, {1: mart.dsn}, stop=threading.Event(), now=DAWN)


@given(day=st.dates(date(1990, 1, 1), date(2060, 1, 1)))
def test_weeks_of_monday_and_four_days_are_those_of_iso(day: date) -> None:
    found = Rules(first_day_of_week=2, min_days_in_first_week=4, simple_weeks=False).of(day)
    assert (found.week_year, found.week, found.day_of_week) == tuple(day.isocalendar())


@given(
    day=st.dates(date(1990, 1, 1), date(2060, 1, 1)),
    first=st.integers(1, 7),
    start=st.tuples(st.integers(1, 12), st.integers(1, 28)),
    pattern=st.sampled_from([None, (4, 4, 5), (4, 5, 4), (5, 4, 4)]),
)
def test_fiscal_periods_follow_one_another_without_a_hole(
    day: date, first: int, start: tuple[int, int], pattern: tuple[int, int, int] | None
) -> None:
    rules = Rules(first_day_of_week=first, fiscal_start=start, pattern=pattern)
    today, tomorrow = rules.of(day), rules.of(day + timedelta(days=1))
    assert today.fiscal_year_start <= today.fiscal_quarter_start <= today.fiscal_month_start <= day
    assert today.fiscal_week_start <= day < today.fiscal_week_start + timedelta(days=7)
    assert (tomorrow.fiscal_year, tomorrow.fiscal_month) >= (today.fiscal_year, today.fiscal_month)
    if tomorrow.fiscal_year != today.fiscal_year:
        assert tomorrow.fiscal_year == today.fiscal_year + 1
        assert tomorrow.fiscal_year_start == day + timedelta(days=1)
        assert today.fiscal_month == 12
        if pattern is not None:
            assert (tomorrow.fiscal_year_start - today.fiscal_year_start).days in (364, 371)
