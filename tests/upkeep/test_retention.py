"""What is too old goes at every site alike; what is still needed stays; what comes too late is refused and recorded."""

import threading
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.etl.story import DAWN, Switch
from tests.paths.fingerprint import Fingerprint
from tests.support import Mart
from tests.upkeep.stories import DAY_S, maintained, queue_call
from twinmart.aggregate.job import aggregate
from twinmart.db.partitions import PartitionMemory, partitioned_tables
from twinmart.etl.cycle import run_once
from twinmart.model.events import Kind

FACTS = ("interaction_fact", "interaction_resource_fact", "mediation_segment_fact", "ixn_resource_state_fact")
AGENT_FACTS = ("sm_res_session_fact", "sm_res_state_fact", "resource_group_fact_")


def counts(switch: Switch, *tables: str) -> dict[str, int]:
    return {name: switch.rows(f"SELECT count(*) AS n FROM mart.{name}")[0]["n"] for name in tables}


def facts(mart: Mart) -> dict[str, Any]:
    rows = Fingerprint.of(mart.connect(autocommit=True)).rows
    return {name: rows[name] for name in rows if name.startswith("mart.")}


@pytest.fixture
def switch(mart: Mart) -> Switch:
    """A switch with an agent who serves since long ago, and one call of that first day."""
    switch = Switch(mart)
    switch.member(0, "PJSIP/100")
    queue_call(switch, 100, 1)
    switch.hear()
    return switch


def test_row_36_partitions_reach_over_the_range_ahead_at_either_role(mart: Mart, other_mart: Mart) -> None:
    other_mart.connect(autocommit=True).execute("UPDATE cfg.topology SET active_site = 1")
    for site, one in ((1, mart), (2, other_mart)):
        done = maintained(one, DAWN + timedelta(days=40), site=site)
        assert done["is_active"] == (site == 1)
        assert done["partitions"]
        for table in partitioned_tables(one.connect(autocommit=True)):
            assert table.missing((_second(40), _second(54))) is not None
            assert list(table.missing((_second(40), _second(54)))) == []
        assert maintained(one, DAWN + timedelta(days=40), site=site)["partitions"] == []


def test_row_36_the_calendar_is_extended_when_less_than_half_a_year_is_left(mart: Mart) -> None:
    assert maintained(mart, DAWN)["calendar"]["date_time"] >= 366
    assert maintained(mart, DAWN + timedelta(days=170))["calendar"]["date_time"] == 0
    assert maintained(mart, DAWN + timedelta(days=190))["calendar"]["date_time"] == 190


def test_row_38_events_go_after_two_weeks_and_facts_stay_as_they_are(mart: Mart, switch: Switch) -> None:
    before = facts(mart)
    done = maintained(mart, DAWN + timedelta(days=30))
    assert [one["table"] for one in done["purged"]] == ["gidb.event"]
    kinds = {row["kind"] for row in switch.rows("SELECT kind FROM gidb.event")}
    assert kinds == {"member_add"}, "how the agent stands is still known"
    assert facts(mart) == before
    assert maintained(mart, DAWN + timedelta(days=30))["purged"] == []
    # The events of the interaction database are gone too, since they were extracted.
    assert switch.rows("SELECT count(*) AS n FROM idb_pbx_a.event")[0]["n"] == 0


def test_row_38_an_agent_of_purged_days_works_on(mart: Mart, switch: Switch) -> None:
    maintained(mart, DAWN + timedelta(days=30))
    queue_call(switch, 30 * DAY_S, 11)
    switch.hear()
    sessions = switch.rows("SELECT start_at, end_at FROM mart.sm_res_session_fact")
    assert [(one["start_at"], one["end_at"]) for one in sessions] == [(DAWN, None)]
    states = switch.rows("SELECT start_at, end_at, total_duration_ms FROM mart.sm_res_state_fact ORDER BY start_at")
    for one, next_one in pairwise(states):
        assert one["end_at"] == next_one["start_at"]
    assert counts(switch, "interaction_fact") == {"interaction_fact": 2}


def test_row_38_late_events_of_a_purged_span_are_refused_recorded_and_make_no_partition(
    mart: Mart, switch: Switch
) -> None:
    maintained(mart, DAWN + timedelta(days=30))
    before = facts(mart)
    tables = mart.connect(autocommit=True).execute("SELECT count(*) FROM pg_class WHERE relispartition").fetchone()
    queue_call(switch, 200, 21)
    said = len(switch.said)
    switch.hear()
    assert facts(mart) == before
    assert (
        mart.connect(autocommit=True).execute("SELECT count(*) FROM pg_class WHERE relispartition").fetchone() == tables
    )
    refused = switch.rows("SELECT * FROM ctl.admin_late_discard")
    assert [(one["source"], one["code"], one["row_count"]) for one in refused] == [("pbx", "purged-event", said)]
    assert (
        switch.rows("SELECT rows_refused AS n FROM ctl.extract_history ORDER BY started_at DESC LIMIT 1")[0]["n"]
        == said
    )
    # The mark moved on: nothing is read a second time.
    assert run_once(1, {1: mart.dsn}).events == 0
    assert len(switch.rows("SELECT FROM ctl.late_discard")) == 1


def test_row_38_news_of_an_interaction_from_before_is_refused_as_a_whole(mart: Mart, switch: Switch) -> None:
    maintained(mart, DAWN + timedelta(days=30))
    before = facts(mart)
    switch.end(25 * DAY_S, "c1")
    switch.hear()
    assert facts(mart) == before
    refused = switch.rows("SELECT code, root_id FROM ctl.admin_late_discard")
    assert refused == [{"code": "purged-interaction", "root_id": "c1"}]


def test_row_38_facts_go_after_400_days_but_what_lasts_until_then_stays(mart: Mart, switch: Switch) -> None:
    dimensions = switch.rows("SELECT * FROM mart.resource_ ORDER BY resource_key")
    maintained(mart, DAWN + timedelta(days=450))
    assert counts(switch, *FACTS) == dict.fromkeys(FACTS, 0)
    assert counts(switch, "sm_res_session_fact", "resource_group_fact_") == {
        "sm_res_session_fact": 1,
        "resource_group_fact_": 1,
    }
    assert switch.rows("SELECT * FROM mart.resource_ ORDER BY resource_key") == dimensions
    # The session goes on, in a partition that stands for all that was dropped, and can still end.
    switch.member(449 * DAY_S, "PJSIP/100", kind=Kind.MEMBER_REMOVE)
    switch.hear()
    ended = switch.rows("SELECT end_at FROM mart.sm_res_session_fact")
    assert [one["end_at"] for one in ended] == [DAWN + timedelta(days=449)]


def test_a_loader_that_remembers_days_finds_their_place_after_a_purge(mart: Mart, switch: Switch) -> None:
    connection = mart.connect(autocommit=True)
    memory = PartitionMemory()
    memory.ensure(connection, DAWN, DAWN + timedelta(days=1))
    maintained(mart, DAWN + timedelta(days=450))
    assert memory.ensure(connection, DAWN, DAWN + timedelta(days=1)) == []
    connection.execute(
        "INSERT INTO gidb.event (event_id, at, source_key, kind, batch) VALUES (gen_random_uuid(), %s, 1, 'test', 1)",
        (DAWN - timedelta(days=3650),),
    )


def test_the_other_site_carries_out_what_was_decided_with_the_same_result(mart: Mart, other_mart: Mart) -> None:
    for one in (mart, other_mart):
        switch = Switch(one)
        switch.member(0, "PJSIP/100")
        queue_call(switch, 100, 1)
        switch.hear()
    now = DAWN + timedelta(days=450)
    maintained(mart, now)
    other = other_mart.connect(autocommit=True)
    other.execute("UPDATE cfg.topology SET active_site = 1")
    rows = mart.connect(autocommit=True).execute("SELECT * FROM ctl.purge_command").fetchall()
    with other.cursor() as cursor:
        cursor.executemany("INSERT INTO ctl.purge_command VALUES (%s, %s, %s, %s, %s)", rows)
    done = maintained(other_mart, now, site=2)
    assert done["purged"]
    assert facts(mart) == facts(other_mart)
    spans = [
        [(t.schema, t.name, t.covered) for t in partitioned_tables(one.connect(autocommit=True))]
        for one in (mart, other_mart)
    ]
    assert [one for one in spans[0] if not one[0].startswith("idb_")] == [
        one for one in spans[1] if not one[0].startswith("idb_")
    ]


def test_row_39_an_interaction_that_nobody_ends_is_ended_after_30_days_of_its_source(mart: Mart) -> None:
    switch = Switch(mart)
    switch.call(0, "c1", "PJSIP/1")
    for day in range(1, 32):
        switch.say(day * DAY_S, Kind.BRIDGE_ENTER, channel_id="c1", linked_id="c1", bridge_id=f"b{day}", value="basic")
    switch.hear()
    assert switch.rows("SELECT active_flag FROM mart.interaction_fact") == [{"active_flag": 1}]
    done = maintained(mart, DAWN + timedelta(days=31, hours=1))
    assert done["terminated"] == {"stuck": 0, "too_old": 1}
    assert "gidb" not in done["decided"], "its events stay until it is loaded anew"
    run_once(1, {1: mart.dsn})
    rows = switch.rows("SELECT active_flag, status, end_at FROM mart.interaction_fact")
    assert [(one["active_flag"], one["status"]) for one in rows] == [(0, 1)]


def test_row_41_a_call_that_is_heard_of_no_more_ends_after_max_call_duration_unless_it_lives(mart: Mart) -> None:
    switch = Switch(mart)
    switch.call(0, "c1", "PJSIP/1")
    switch.up(10, "c1")
    switch.member(4000, "PJSIP/100")
    switch.hear()
    assert maintained(mart, DAWN + timedelta(hours=2))["terminated"] == {"stuck": 1, "too_old": 0}
    run_once(1, {1: mart.dsn})
    found = switch.rows("SELECT active_flag, end_at FROM mart.interaction_fact")
    assert [(one["active_flag"], one["end_at"]) for one in found] == [(0, DAWN + timedelta(seconds=10))]
    # The true end arrives after all, and counts.
    switch.end(7000, "c1")
    switch.hear()
    found = switch.rows("SELECT active_flag, status, end_at FROM mart.interaction_fact")
    assert [(one["status"], one["end_at"]) for one in found] == [(0, DAWN + timedelta(seconds=7000))]


def test_a_silent_source_has_no_silent_calls(mart: Mart) -> None:
    switch = Switch(mart)
    switch.call(0, "c1", "PJSIP/1")
    switch.up(10, "c1")
    switch.hear()
    assert maintained(mart, DAWN + timedelta(hours=20))["terminated"] == {"stuck": 0, "too_old": 0}


def _second(day: int) -> int:
    return int((DAWN + timedelta(days=day)).timestamp())


def test_a_new_mart_may_still_be_given_the_past(mart: Mart) -> None:
    assert maintained(mart, DAWN)["decided"] == {}
    switch = Switch(mart)
    queue_call(switch, -100 * DAY_S, 1)
    assert switch.hear().interactions == 1


def test_row_38_aggregates_go_with_their_facts_by_whole_months(mart: Mart, switch: Switch) -> None:
    stop = threading.Event()
    queue_call(switch, 40 * DAY_S, 11)
    switch.hear()
    aggregate(1, {1: mart.dsn}, stop=stop)
    levels = ("subhr", "hour", "day", "month")

    def intervals() -> dict[str, list[datetime]]:
        return {
            level: [
                row["at"]
                for row in switch.rows(
                    f"SELECT DISTINCT to_timestamp(date_time_key) AS at FROM agg.id_{level} ORDER BY 1"
                )
            ]
            for level in levels
        }

    before = intervals()
    assert [len(before[level]) for level in levels] == [2, 2, 2, 2]
    maintained(mart, DAWN + timedelta(days=405))
    assert intervals() == before, "its month has days whose facts are kept"
    maintained(mart, DAWN + timedelta(days=450))
    assert intervals() == {level: ats[1:] for level, ats in before.items()}
    assert maintained(mart, DAWN + timedelta(days=450))["rows_deleted"] == 0
