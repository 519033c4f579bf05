"""Configured groups: agents count from when they joined, queues by whole days; every level has the same sums."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.aggregate.facts import assert_true, put, put_resource, rebuild
from tests.oracle.aggregates import Limits
from tests.report.asking import told
from tests.support import Mart
from twinmart.config.store import Store
from twinmart.db.connect import Connection
from twinmart.db.partitions import ensure_partitions
from twinmart.upkeep.calendars import Calendar, _fill, ensure_views

# The last day but one of a month, in the past: what a change touches ends now.
DAY = datetime(2024, 10, 31, tzinfo=UTC)
LIMITS = Limits({-2: None}, 10_000, None, [1000 * s for s in range(5, 100, 5)])


@pytest.fixture
def calls(mart: Mart) -> Connection:
    """Two agents and two queues, a call an hour for three days for each: the agent's accepted, the queue's entered."""
    connection = mart.connect(autocommit=True)
    ensure_partitions(connection, DAY - timedelta(days=9), DAY + timedelta(days=9))
    for key, kind in ((11, "AGENT"), (12, "AGENT"), (21, "QUEUE"), (22, "QUEUE")):
        put_resource(connection, key, kind)
    connection.execute("UPDATE mart.resource_ SET first_seen_at = %s", (DAY - timedelta(days=3),))
    store = Store(connection, author="test")
    store.put("source", "pbx", properties={"protocol": "asterisk-ami", "site": 1})
    connection.execute(
        "UPDATE mart.resource_ SET source_key = (SELECT source_key FROM cfg.source) WHERE resource_key > 0"
    )
    for key, kind in ((11, "AGENT"), (12, "AGENT"), (21, "QUEUE"), (22, "QUEUE")):
        name = "natural_name" if kind == "AGENT" else "queue"
        store.put(kind.lower(), f"pbx/{kind}{key}", properties={"source": "pbx", name: f"{kind}{key}"})
    for hour in range(72):
        at = DAY - timedelta(days=3) + timedelta(hours=hour)
        for agent, queue in ((11, 21), (12, 22)):
            fact = UUID(int=hour * 100 + agent)
            common: dict[str, Any] = {"interaction_id": fact, "technical_descriptor_key": 1, "start_at": at}
            put(connection, "interaction_resource_fact", **common, interaction_resource_id=fact, resource_key=agent,
                end_at=at + timedelta(seconds=60), answered_at=at, customer_handle_count=1, customer_talk_count=1,
                customer_talk_duration_ms=60_000, attempt_kind="queue", last_queue_resource_key=queue)  # fmt: skip
            put(connection, "mediation_segment_fact", **common, mediation_segment_id=fact, resource_key=queue,
                end_at=at + timedelta(seconds=5), total_duration_ms=5000, result="answered", channel_id="c",
                entered_by="arrival", entry_ordinal=1, target_ixn_resource_id=fact,
                target_ixn_resource_sdt_key=int(at.timestamp()) // 900 * 900)  # fmt: skip
    return connection


def changed_at(connection: Connection, group: str, at: list[datetime]) -> None:
    """Let the changes of a group have been made at these times."""
    for revision, moment in enumerate(at, start=1):
        connection.execute(
            "UPDATE cfg.history SET changed_at = %s WHERE revision = %s AND object_key ="
            " (SELECT object_key FROM cfg.object WHERE name = %s)",
            (moment, revision, group),
        )


def figures(connection: Connection, relation: str, measure: str) -> dict[str, int]:
    query = f"SELECT group_name, sum({measure})::int FROM agg.{relation} JOIN mart.group_ USING (group_key) GROUP BY 1"
    rows = connection.execute(query.encode())
    return dict(rows.fetchall())


LEVELS = ("subhr", "30min", "hour", "day", "week", "month", "quarter", "year")


def test_row_85_agents_count_in_a_group_from_when_they_joined_to_when_they_left(mart: Mart, calls: Connection) -> None:
    store = Store(calls, author="test")
    store.put("agent_group", "Team", properties={"agents": ["pbx/AGENT11", "pbx/AGENT12"]})
    store.put("agent_group", "Team", properties={"agents": ["pbx/AGENT12"]})
    begin = DAY - timedelta(days=3)
    # Half past: in the middle of an hour, so that no level may take it for another.
    changed_at(calls, "Team", [begin + timedelta(hours=24, minutes=30), begin + timedelta(hours=48, minutes=30)])
    rebuild(mart)
    for level in LEVELS:
        # 24 hours of agent 11, 47 of agent 12; both are in no other group before.
        assert figures(calls, f"agent_grp_{level}", "accepted") == {"Team": 24 + 47, "NO_VALUE": 144 - 24 - 47}, level
    assert_true(calls, LIMITS)


def test_what_is_asked_anew_is_what_a_change_touches(mart: Mart, calls: Connection) -> None:
    rebuild(mart)
    assert figures(calls, "agent_grp_year", "accepted") == {"NO_VALUE": 144}
    store = Store(calls, author="test")
    since = DAY - timedelta(days=1)
    store.put("agent_group", "Late", properties={"agents": ["pbx/AGENT11"], "since": since.isoformat()})
    done = rebuild(mart)
    assert done["requests_left"] == 0
    assert figures(calls, "agent_grp_year", "accepted") == {"Late": 24, "NO_VALUE": 120}
    assert rebuild(mart)["units"] == 0, "what is up to date is not rebuilt"
    store.disable("agent_group", "Late")
    changed_at(calls, "Late", [DAY + timedelta(days=1), since + timedelta(hours=6)])
    rebuild(mart)
    assert figures(calls, "agent_grp_year", "accepted") == {"Late": 6, "NO_VALUE": 138}
    (row,) = told(mart, "agent-conduct", from_="2024-10-28", to="2024-10-31", group=("Late",), by=("agent",)).rows
    assert row["agent"] == "AGENT11"


def test_queues_count_in_a_group_by_whole_days_and_every_level_has_the_same_sums(mart: Mart, calls: Connection) -> None:
    store = Store(calls, author="test")
    store.put("queue_group", "Service", properties={"queues": ["pbx/QUEUE21"]})
    store.put("queue_group", "Service", properties={"queues": ["pbx/QUEUE22"]})
    store.put(
        "queue_group", "All", properties={"queues": ["pbx/QUEUE21", "pbx/QUEUE22"], "since": "2024-01-01T00:00:00Z"}
    )
    begin = DAY - timedelta(days=3)
    changed_at(calls, "Service", [begin + timedelta(hours=30), begin + timedelta(hours=50)])
    rebuild(mart)
    for level in LEVELS:
        # Queue 21 on the second day, 22 on the third.
        assert figures(calls, f"queue_grp_{level}", "entered") == {"Service": 48, "All": 144}, level
    assert calls.execute("SELECT sum(entered)::int FROM gim.ag2_queue_grp_qrtr").fetchone() == (192,)


def test_row_76_aggregates_by_the_days_of_a_calendar(mart: Mart, calls: Connection) -> None:
    rebuild(mart)
    calendar = Calendar("date_time_tokyo", "date-time-tokyo", "Asia/Tokyo", 1, 1, True, "1-1", "none", 2024)
    _fill(calls, calendar, datetime(2024, 10, 20, tzinfo=UTC).date(), datetime(2024, 11, 5, tzinfo=UTC).date())
    ensure_views(calls)
    rows = calls.execute(
        "SELECT label_yyyy_mm_dd, sum(entered)::int FROM agg.queue_day_tokyo"
        " JOIN gim.date_time_tokyo USING (date_time_key) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    # Tokyo is nine hours ahead: the first day has 15 hours of both queues, the last nine.
    assert rows == [("2024-10-28", 30), ("2024-10-29", 48), ("2024-10-30", 48), ("2024-10-31", 18)]
    sets = calls.execute(
        "SELECT count(*)::int FROM pg_class WHERE relnamespace = 'agg'::regnamespace"
        " AND relname ~ '_(day|week|month|quarter|year)_tokyo$'"
    ).fetchone()
    assert sets == (55,)
    for level in ("week", "month", "quarter", "year"):
        told_ = calls.execute(f"SELECT sum(entered)::int, sum(accepted)::int FROM agg.queue_grp_{level}_tokyo".encode())
        assert told_.fetchone() == (144, 144), level


def test_combinations_of_groups_know_the_configured_ones(mart: Mart, calls: Connection) -> None:
    put(calls, "resource_group_fact_", resource_group_fact_key=UUID(int=1), resource_key=11, group_key=31,
        start_at=DAY - timedelta(days=2), end_at=None)  # fmt: skip
    calls.execute("INSERT INTO mart.group_ (group_key, tenant_key, group_type_code, source_key, group_name)"
                  " VALUES (31, 1, 'AGENT', 1, 'sales')")  # fmt: skip
    store = Store(calls, author="test")
    store.put("agent_group", "Team", properties={"agents": ["pbx/AGENT11"]})
    changed_at(calls, "Team", [DAY - timedelta(days=1)])
    rebuild(mart)
    rows = calls.execute(
        "SELECT irf.start_ts / 86400 - %s, string_agg(DISTINCT g.group_name, '+' ORDER BY g.group_name), count(*)::int"
        " FROM gim.interaction_resource_fact AS irf JOIN gim.resource_group_combination AS c"
        " ON c.group_combination_key = irf.resource_group_combination_key JOIN gim.group_ AS g USING (group_key)"
        " WHERE irf.resource_key = 11 GROUP BY 1 ORDER BY 1",
        (int(DAY.timestamp()) // 86_400,),
    ).fetchall()
    found = {day: names for day, names, _ in rows}
    assert (found[-2], found[-1]) == ("sales", "Team+sales")
