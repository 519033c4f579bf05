"""Rows 37, 76, 99 and 100 by the commands: nights, clock changes and widths as an operator sees them."""

from datetime import UTC, datetime, timedelta

from tests.config.conftest import Run
from tests.etl.story import DAWN, Switch
from tests.support import Mart
from twinmart.model.events import Kind

DAY_S = 86_400


def at(text: str) -> float:
    """Return a moment of UTC in the seconds that a switch counts in."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - DAWN).total_seconds()


def test_row_37_partitions_are_as_wide_as_the_option_says_from_the_next_maintenance_on(run: Run, mart: Mart) -> None:
    assert run("jobs", "run", "maintain").code == 0
    connection = mart.connect(autocommit=True)

    def widths(table: str) -> list[timedelta]:
        bounds = connection.execute(
            "SELECT (regexp_matches(pg_get_expr(relpartbound, oid), $$FROM \\('?([^')]+)'?\\) TO \\('?([^')]+)'?\\)$$))"
            " FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE inhparent = %s::regclass ORDER BY oid",
            (table,),
        ).fetchall()
        found = []
        for ((start, end),) in bounds:
            if start == "MINVALUE":
                continue
            if start.isdecimal():
                found.append(timedelta(seconds=int(end) - int(start)))
            else:
                found.append(datetime.fromisoformat(end) - datetime.fromisoformat(start))
        return found

    before = {table: len(widths(table)) for table in ("mart.interaction_fact", "gidb.event")}
    assert set(widths("mart.interaction_fact")) <= {timedelta(days=1), timedelta(days=7), timedelta(days=30)}
    told = (
        "gim-etl/partitioning-ahead-range=90",
        "gim-etl/partitioning-interval-size-gim=2592000",
        "gim-etl/partitioning-interval-size-gidb=604800",
    )
    assert run("config", "set", "application", "mart", *told).code == 0
    assert run("jobs", "run", "maintain").code == 0
    for table, days in (("mart.interaction_fact", 30), ("gidb.event", 7)):
        new = widths(table)[before[table] :]
        # Wide ones end where those of the grid do, so that the first beside narrow ones are shorter.
        assert max(new) == timedelta(days=days), (table, new)
        assert new.count(timedelta(days=days)) >= len(new) - 2, (table, new)
    listed = {one["table"]: one for one in run("db", "partitions", "--json").json["tables"]}
    reach = datetime.fromisoformat(str(listed["mart.interaction_fact"]["to_at"]))
    assert reach >= datetime.now(UTC) + timedelta(days=89)


def test_row_76_a_custom_calendar_has_days_of_92_and_100_intervals_and_its_own_weeks_and_years(
    run: Run, mart: Mart
) -> None:
    section = "date-time-berlin"
    told = (
        f"{section}/date-time-tz=Europe/Berlin",
        f"{section}/date-time-start-year=2025",
        f"{section}/date-time-first-day-of-week=2",
        f"{section}/date-time-min-days-in-first-week=4",
        f"{section}/simple-week-numbering=false",
        f"{section}/fiscal-year-start=4-1",
    )
    assert run("config", "set", "application", "mart", *told).code == 0
    assert run("jobs", "run", "Job_MaintainGIM").code == 0
    assert "date_time_berlin" in run("calendars", "list").out
    connection = mart.connect(autocommit=True)

    def intervals(day: str) -> tuple[int, int, int]:
        row = connection.execute(
            "SELECT count(*), min(cal_week_num_in_year), min(fiscal_year_key) FROM gim.date_time_berlin"
            " WHERE label_yyyy_mm_dd = %s",
            (day,),
        ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1]), int(row[2])

    assert intervals("2026-03-29")[0] == 92
    assert intervals("2026-10-25")[0] == 100
    assert intervals("2026-11-22")[0] == 96
    for day in ("2026-01-01", "2026-03-31", "2026-04-01", "2026-12-31"):
        assert intervals(day)[1] == datetime.fromisoformat(day).isocalendar().week, day
    assert intervals("2026-04-01")[2] > intervals("2026-03-31")[2] == intervals("2025-04-01")[2]


def test_row_99_a_pause_over_midnight_is_a_row_for_each_day_of_the_zone(run: Run, switch: Switch) -> None:
    switch.member(at("2026-11-20T22:00"), "PJSIP/101")
    switch.member(at("2026-11-20T22:30"), "PJSIP/101", kind=Kind.MEMBER_PAUSE, value="1", reason="Lunch")
    switch.member(at("2026-11-21T01:30"), "PJSIP/101", kind=Kind.MEMBER_PAUSE, value="0")
    switch.member(at("2026-11-21T02:00"), "PJSIP/101", kind=Kind.MEMBER_REMOVE, value=None)
    switch.hear()

    def reasons(zone: str) -> list[tuple[str, float]]:
        span = ("--from", "2026-11-20", "--to", "2026-11-22", "--zone", zone)
        rows = run("report", "run", "agent-state-details", *span, "--json").json["rows"]
        return [(row["day_at"][:10], float(row["duration_s"])) for row in rows if row["reason_code"] == "Lunch"]

    assert reasons("UTC") == [("2026-11-20", 90 * 60), ("2026-11-21", 90 * 60)]
    # An hour further east midnight comes an hour earlier; in New York the pause lies in one evening.
    assert reasons("Europe/Berlin") == [("2026-11-20", 30 * 60), ("2026-11-21", 150 * 60)]
    assert reasons("America/New_York") == [("2026-11-20", 180 * 60)]


def test_row_100_logins_and_logouts_are_from_the_first_queue_to_the_last_one_row_a_session(
    run: Run, switch: Switch
) -> None:
    phone = "PJSIP/101"
    switch.member(at("2026-11-20T08:00"), phone, "sales")
    switch.member(at("2026-11-20T08:05"), phone, "support")
    switch.member(at("2026-11-20T12:00"), phone, "sales", kind=Kind.MEMBER_REMOVE, value=None)
    switch.member(at("2026-11-20T12:10"), phone, "support", kind=Kind.MEMBER_REMOVE, value=None)
    switch.member(at("2026-11-20T13:00"), phone, "support")
    switch.member(at("2026-11-20T17:00"), phone, "support", kind=Kind.MEMBER_REMOVE, value=None)
    switch.hear()
    span = ("--from", "2026-11-20", "--to", "2026-11-21")
    rows = run("report", "run", "agent-login-logout", *span, "--json").json["rows"]
    assert [(row["login_at"][11:16], row["logout_at"][11:16], float(row["active_time_s"])) for row in rows] == [
        ("08:00", "12:10", 4 * 3600 + 600),
        ("13:00", "17:00", 4 * 3600),
    ]
    assert len({row["session_id"] for row in rows}) == 2
