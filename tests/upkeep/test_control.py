"""Control and audit: delays, lineage of every fact, high-water marks, discards."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from tests.etl.story import SESSION, Switch
from tests.support import Mart
from tests.upkeep.stories import queue_call
from twinmart.config.store import Store
from twinmart.etl.cycle import run_once
from twinmart.model.events import Kind
from twinmart.upkeep.lineage import lineage
from twinmart.upkeep.statistics import update_statistics

FACT_KEYS = {
    "interaction_fact": "interaction_id",
    "interaction_resource_fact": "interaction_resource_id",
    "mediation_segment_fact": "mediation_segment_id",
    "ixn_resource_state_fact": "ixn_resource_state_fact_key",
    "sm_res_session_fact": "sm_res_session_fact_key",
    "sm_res_state_fact": "sm_res_state_fact_key",
    "sm_res_state_reason_fact": "sm_res_state_reason_fact_key",
    "resource_group_fact_": "resource_group_fact_key",
}


@pytest.fixture
def live(mart: Mart) -> Switch:
    """A switch that is collected from an address, so that it is expected to be heard."""
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.hear()
    Store(switch.mart, author="test").put("source", "pbx", {"protocol": "asterisk-ami", "site": 1, "host": "192.0.2.1"})
    return switch


def heard_last(switch: Switch, ago: timedelta) -> None:
    """Let the collector have heard its switch so long ago."""
    at = datetime.now(UTC) - ago
    switch.mart.execute(
        "INSERT INTO idb_pbx_a.data_source_session"
        " (session_key, source, collector, connected_at, connect_type, last_heard_at)"
        " VALUES (%s, 'pbx', 'pbx_a', %s, 1, %s) ON CONFLICT (session_key) DO UPDATE"
        " SET last_heard_at = excluded.last_heard_at, last_event_at = NULL",
        (SESSION, at - timedelta(days=1), at),
    )
    switch.mart.execute("UPDATE ctl.extract_watermark SET last_event_at = %s", (at,))


def heard(switch: Switch, mart: Mart, ago: timedelta) -> list[dict[str, Any]]:
    """Let the collector have heard its switch so long ago, run a cycle, and return what was logged of delays."""
    heard_last(switch, ago)
    with structlog.testing.capture_logs() as lines:
        run_once(1, {1: mart.dsn})
    return [dict(line) for line in lines if line.get("event_id") == "55-20110"]


def test_row_40_a_delay_is_an_alarm_once_names_source_and_tables_and_ends(mart: Mart, live: Switch) -> None:
    assert heard(live, mart, timedelta(seconds=890)) == []
    (line,) = heard(live, mart, timedelta(seconds=910))
    assert (line["event"], line["log_level"], line["source"]) == ("data.delayed", "critical", "pbx")
    assert line["tables"] == ["idb_pbx_a.event"]
    (row,) = live.rows("SELECT source, state, idb_tables, is_open, threshold_s FROM ctl.admin_delay")
    assert row == {
        "source": "pbx", "state": "delayed", "idb_tables": ["idb_pbx_a.event"], "is_open": True, "threshold_s": 900,
    }  # fmt: skip
    (line,) = heard(live, mart, timedelta(seconds=1))
    assert (line["event"], line["log_level"]) == ("data.heard-again", "info")
    assert [one["is_open"] for one in live.rows("SELECT is_open FROM ctl.admin_delay")] == [False]


def test_row_41_a_stuck_source_is_recorded_and_the_others_go_on(mart: Mart, live: Switch) -> None:
    other = Switch(mart, "elsewhere")
    (line,) = heard(live, mart, timedelta(seconds=28_900))
    assert line["event"] == "data.stuck"
    queue_call(other, 500, 31)
    assert other.hear().interactions == 1
    (row,) = live.rows("SELECT state, stuck_at IS NOT NULL AS is_stuck FROM ctl.admin_delay")
    assert row == {"state": "stuck", "is_stuck": True}


def test_a_source_of_recordings_is_never_late(mart: Mart) -> None:
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.hear()
    assert heard(switch, mart, timedelta(days=3)) == []
    assert switch.rows("SELECT FROM ctl.delay") == []


def test_row_44_every_fact_is_followed_to_its_loads_extractions_and_events(mart: Mart) -> None:
    switch = Switch(mart)
    switch.member(0, "PJSIP/100")
    queue_call(switch, 100, 1)
    switch.member(200, "PJSIP/100", kind=Kind.MEMBER_PAUSE, value="1", reason="Lunch")
    switch.member(300, "PJSIP/100", kind=Kind.MEMBER_PAUSE, value="0")
    switch.hear()
    for table, key in FACT_KEYS.items():
        rows = switch.rows(f"SELECT {key} AS key FROM mart.{table}")
        assert rows, table
        for row in rows:
            found = lineage(switch.mart, str(row["key"]))
            assert found.table == table
            assert {one["audit_key"] for one in found.loads} >= {found.row["create_audit_key"]}
            assert found.extractions, table
            assert {one["collector"] for one in found.extractions} == {"pbx_a"}
            assert found.events, table


def test_row_45_an_extraction_names_source_session_access_point_and_mark(mart: Mart) -> None:
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.mart.execute("SELECT 1")
    switch.hear()
    heard(switch, mart, timedelta(seconds=1))
    queue_call(switch, 200, 11)
    switch.hear()
    rows = switch.rows("SELECT * FROM gim.ctl_extract_history ORDER BY created_ts, job_id")
    assert len(rows) == 2
    assert rows[-1]["dss_id"] is not None
    assert (rows[-1]["dap_name"], rows[-1]["job_name"], rows[-1]["providertag"]) == ("pbx_a", "Job_ExtractICON", 1)
    assert rows[-1]["job_version"]
    marks = switch.rows("SELECT from_seq, to_seq FROM ctl.extract_history ORDER BY started_at")
    assert marks[0]["to_seq"] == marks[1]["from_seq"] < marks[1]["to_seq"]


def test_row_46_the_mark_of_transformations_never_falls_and_reaches_the_last_extraction(mart: Mart) -> None:
    switch = Switch(mart)
    for number in range(4):
        queue_call(switch, 100 * (number + 1), 10 * number + 1)
        switch.hear()
    rows = switch.rows("SELECT hwm_value FROM gim.ctl_transform_history ORDER BY audit_key")
    marks = [row["hwm_value"] for row in rows]
    assert marks == sorted(marks)
    assert marks[-1] == switch.rows("SELECT value FROM ctl.counter WHERE name = 'batch'")[0]["value"]


def test_statistics_are_refreshed_where_enough_changed_and_only_there(mart: Mart) -> None:
    connection = mart.connect(autocommit=True)
    connection.execute("SELECT pg_stat_force_next_flush()")
    stop = threading.Event()
    update_statistics(1, {1: mart.dsn}, stop=stop)
    connection.execute(
        "INSERT INTO mart.resource_state_reason SELECT n, 'SOFTWARE', 'reason ' || n FROM generate_series(1, 1000) AS n"
    )
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT 1")
    assert update_statistics(1, {1: mart.dsn}, stop=stop)["analysed"] == ["mart.resource_state_reason"]
    assert update_statistics(1, {1: mart.dsn}, stop=stop)["analysed"] == []
    told = connection.execute("SELECT reltuples FROM pg_class WHERE relname = 'resource_state_reason'").fetchone()
    assert told is not None
    assert told[0] >= 1000


def test_row_48_a_queue_whose_object_is_disabled_or_missing_is_recorded_and_loaded_all_the_same(mart: Mart) -> None:
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.hear()
    assert switch.rows("SELECT FROM ctl.fk_violation") == [], "nobody keeps queues as objects"
    store = Store(switch.mart, author="test")
    store.put("queue", "pbx/sales", {})
    store.disable("queue", "pbx/sales")
    queue_call(switch, 200, 11)
    assert switch.hear().interactions == 1
    (row,) = switch.rows("SELECT source, object_kind, object_name, code, row_count FROM ctl.admin_fk_violation")
    assert row == {"source": "pbx", "object_kind": "queue", "object_name": "sales", "code": "disabled", "row_count": 4}
    store.put("queue", "other", {})
    switch.say(300, Kind.QUEUE_ENTER, channel_id="c1", linked_id="c1", queue="unknown", value="1")
    switch.hear()
    assert [one["code"] for one in switch.rows("SELECT code FROM gim.stg_idb_fk_violation ORDER BY fk_value")] == [
        "disabled",
        "missing",
    ]


def test_row_54_an_index_that_an_interaction_database_lacks_is_made_before_it_is_read(mart: Mart) -> None:
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.hear()
    switch.mart.execute("DROP INDEX idb_pbx_a.event_seq_ix")
    queue_call(switch, 200, 11)
    switch.hear()
    found = switch.rows("SELECT to_regclass('idb_pbx_a.event_seq_ix') IS NOT NULL AS is_there")
    assert found == [{"is_there": True}], "its writer made it"
    # Nobody writes any more: the extraction makes it, and tells so once.
    switch.mart.execute("DROP INDEX idb_pbx_a.event_seq_ix; DROP TABLE idb_pbx_a.no_data")
    with structlog.testing.capture_logs() as lines:
        run_once(1, {1: mart.dsn})
        run_once(1, {1: mart.dsn})
    told = [line for line in lines if line["event"] == "idb.prepared"]
    assert [sorted(line["made"]) for line in told] == [["event_seq_ix", "no_data"]]
    switch.mart.execute("SET enable_seqscan = off")
    plan = switch.rows("EXPLAIN SELECT FROM idb_pbx_a.event WHERE seq > 1000000 ORDER BY seq LIMIT 10")
    assert any("seq_idx" in row["QUERY PLAN"] for row in plan), plan
    assert len(switch.rows("SELECT FROM mart.interaction_fact")) == 2


def test_row_48_an_agent_whose_object_is_disabled_is_recorded_and_loaded_all_the_same(mart: Mart) -> None:
    switch = Switch(mart)
    switch.member(0, "PJSIP/100")
    switch.member(0, "PJSIP/101")
    switch.hear()
    assert switch.rows("SELECT FROM ctl.fk_violation") == [], "nobody keeps agents as objects"
    store = Store(switch.mart, author="test")
    store.put("agent", "pbx/PJSIP/100", {"source": "pbx", "natural_name": "PJSIP/100"})
    store.disable("agent", "pbx/PJSIP/100")
    store.put("agent", "Ann", {"source": "pbx", "natural_name": "PJSIP/101"})
    queue_call(switch, 200, 11)
    queue_call(switch, 300, 21, phone="PJSIP/101")
    assert switch.hear().interactions == 2
    query = "SELECT object_kind, object_name, code FROM ctl.admin_fk_violation WHERE object_kind = 'agent'"
    assert switch.rows(query) == [{"object_kind": "agent", "object_name": "PJSIP/100", "code": "disabled"}]
