"""Rows 36 to 54 of the capabilities, as one who runs the mart sees them: by its commands."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.across.calls import begin, go_on, interactions, two_switches
from tests.config.conftest import Run
from tests.etl.story import DAWN, SESSION, Switch
from tests.support import Mart
from tests.upkeep.stories import queue_call
from tests.upkeep.test_control import heard_last
from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.config.store import Store
from twinmart.db.connect import advisory_lock
from twinmart.db.partitions import partitioned_tables
from twinmart.model.events import Kind
from twinmart.upkeep.work import LOCK as UPKEEP_LOCK

SAMPLE = Path(__file__).parents[2] / "src" / "twinmart" / "sim" / "samples" / "bristol" / "ami.raw.gz"


def days_ago(days: float) -> float:
    """Return a moment before now as the seconds that a switch counts in."""
    return (datetime.now(UTC) - timedelta(days=days) - DAWN).total_seconds()


def count(switch: Switch, table: str) -> int:
    return int(switch.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])


def days_from_now(days: float) -> int:
    return int((datetime.now(UTC) + timedelta(days=days)).timestamp())


def broken_call(switch: Switch, second: float, channel: str) -> None:
    """A call whose end is told to lie a minute before its start, which cannot be."""
    switch.start(second, channel, "PJSIP/trunk", state="Ring")
    switch.end(second - 60, channel)


def test_row_36_37_maintenance_makes_partitions_as_far_ahead_and_as_wide_as_the_options_say(
    run: Run, mart: Mart
) -> None:
    for _ in range(2):
        assert run("jobs", "run", "Job_MaintainGIM").code == 0
    connection = mart.connect(autocommit=True)
    assert [table.name for table in partitioned_tables(connection) if list(table.missing(span(13.9)))] == []
    further = ("gim-etl/partitioning-ahead-range=40", "gim-etl/partitioning-interval-size-gim=172800")
    assert run("config", "set", "application", "mart", *further).code == 0
    assert run("jobs", "run", "maintain").code == 0
    assert [table.name for table in partitioned_tables(connection) if list(table.missing(span(39.9)))] == []
    widths = connection.execute(
        "SELECT DISTINCT interval_days FROM ops.partition_rule"
        " WHERE schema_name = 'mart' AND table_name <> 'resource_group_fact_'"
    ).fetchall()
    assert widths == [(2,)]
    assert {one["table"] for one in run("db", "partitions", "--json").json["tables"]} >= {"mart.interaction_fact"}


def span(days: float) -> tuple[int, int]:
    return days_from_now(0), days_from_now(days)


def test_row_38_events_are_dropped_after_two_weeks_and_facts_after_400_days(run: Run, switch: Switch) -> None:
    queue_call(switch, days_ago(450), 1)
    queue_call(switch, days_ago(100), 11)
    switch.hear()
    assert (count(switch, "mart.interaction_fact"), count(switch, "gidb.event") > 0) == (2, True)
    done = run("db", "maintain", "--json")
    assert done.code == 0
    assert {one["table"] for one in done.json["purged"]} >= {"gidb.event", "mart.interaction_fact"}
    assert (count(switch, "mart.interaction_fact"), count(switch, "gidb.event")) == (1, 0)
    assert run("db", "maintain", "--json").json["purged"] == []


def test_row_39_what_nobody_ends_is_ended_after_30_days(run: Run, switch: Switch) -> None:
    switch.call(days_ago(31.5), "c1", "PJSIP/1")
    for day in range(1, 32):
        switch.say(
            days_ago(31.5 - day), Kind.BRIDGE_ENTER, channel_id="c1", linked_id="c1", bridge_id=f"b{day}", value="basic"
        )
    switch.hear()
    assert switch.rows("SELECT active_flag FROM mart.interaction_fact") == [{"active_flag": 1}]
    assert run("db", "maintain", "--json").json["terminated"] == {"stuck": 0, "too_old": 1}
    assert run("etl").code == 0
    assert switch.rows("SELECT active_flag, status FROM mart.interaction_fact") == [{"active_flag": 0, "status": 1}]


@pytest.mark.rows(40, 41, 53)
def test_row_40_a_late_source_is_an_alarm_in_the_log_which_ends_when_it_is_heard(run: Run, switch: Switch) -> None:
    queue_call(switch, 100, 1)
    switch.hear()
    live = {"protocol": "asterisk-ami", "site": 1, "host": "192.0.2.1"}
    Store(switch.mart, author="test").put("source", "pbx", live)
    for ago_s, words in ((890, None), (910, "data.delayed"), (28_900, "data.stuck"), (1, "data.heard-again")):
        heard_last(switch, timedelta(seconds=ago_s))
        log = run("etl").err
        assert ("55-20110" in log, words is None or words in log) == (words is not None, True), (ago_s, log)
    heard_last(switch, timedelta(seconds=500))
    assert run("config", "set", "application", "mart", "gim-etl/delayed-data-threshold=400").code == 0
    assert "idb_pbx_a.event" in run("etl").err


def test_row_41_a_call_that_is_heard_of_no_more_ends_after_max_call_duration(run: Run, switch: Switch) -> None:
    switch.call(days_ago(1), "c1", "PJSIP/1")
    switch.member(days_ago(0.01), "PJSIP/100")
    switch.hear()
    assert run("config", "set", "application", "mart", "gim-etl/max-call-duration=200000").code == 0
    assert run("db", "maintain", "--json").json["terminated"]["stuck"] == 0
    assert run("config", "unset", "application", "mart", "gim-etl/max-call-duration").code == 0
    assert run("db", "maintain", "--json").json["terminated"]["stuck"] == 1


@pytest.mark.rows(42, 43)
def test_row_42_jobs_are_listed_run_held_and_told_of_afterwards(run: Run, switch: Switch, mart: Mart) -> None:
    queue_call(switch, 100, 1)
    switch.hear()
    done = run("jobs", "run", "Job_UpdateStats", "--json").json
    assert (done["job"], done["status"]) == ("update-stats", "done")
    assert run("jobs", "hold", "maintain", "--reason", "disk").code == 0
    listed = {one["job"]: one for one in run("jobs", "list", "--json").json["jobs"]}
    assert listed["maintain"]["held"]["reason"] == "disk"
    assert listed["update-stats"]["last"]["status"] == "done"
    assert run("jobs", "release", "maintain").code == 0
    (row,) = run("jobs", "log", "update-stats", "--json").json["runs"]
    assert {"job", "site", "started_at", "ended_at", "status", "rows", "cause", "duration_ms"} <= set(row)
    stopping = run("jobs", "stop", "aggregate")
    assert (stopping.code, "error TM383" in stopping.err, "twinmart mart run" in stopping.err) == (4, True, True)
    unknown = run("jobs", "run", "aggregat")
    assert (unknown.code, "error TM181" in unknown.err, "hint" in unknown.err) == (2, True, True)


@pytest.mark.rows(44, 45, 46)
def test_row_44_a_call_is_followed_from_its_events_to_its_facts_and_loads(run: Run, switch: Switch) -> None:
    queue_call(switch, 100, 1)
    switch.hear([])
    assert run("etl").code == 0
    switch.hear()
    told = run("trace", "interaction", "c1", "--json").json
    assert (told["v"], len(told["events"]) > 5) == (1, True)
    page = run("trace", "interaction", "c1").out
    for title in ("\ntimeline\n", "\nvisits\n", "\nparts\n", "\naudit\n"):
        assert title in page
    (extracted,) = switch.rows("SELECT * FROM gim.ctl_extract_history")
    assert (extracted["dap_name"], extracted["job_name"]) == ("pbx_a", "Job_ExtractICON")
    (load,) = switch.rows("SELECT * FROM ctl.audit_log WHERE job = 'transform'")
    facts = switch.rows("SELECT DISTINCT create_audit_key FROM mart.interaction_resource_fact")
    assert facts == [{"create_audit_key": load["audit_key"]}]
    marks = [row["hwm_value"] for row in switch.rows("SELECT hwm_value FROM gim.ctl_transform_history")]
    assert marks == [switch.rows("SELECT value FROM ctl.counter WHERE name = 'batch'")[0]["value"]]


def test_row_47_a_call_that_cannot_be_is_kept_out_or_ends_the_load_as_the_policy_says(run: Run, switch: Switch) -> None:
    policy = "error-policy/error-policy-irf-exception"
    queue_call(switch, 100, 1)
    broken_call(switch, 200, "c21")
    switch.hear()
    found = switch.rows("SELECT root_id, code FROM ctl.transform_discard")
    assert found == [{"root_id": "c21", "code": "ends-before-start"}]
    assert count(switch, "gim.stg_transform_discards") == 1
    assert count(switch, "mart.interaction_resource_fact") > 0

    assert run("config", "set", "application", "mart", f"{policy}=exception").code == 0
    broken_call(switch, 400, "c41")
    queue_call(switch, 500, 51)
    write(switch)
    before = count(switch, "mart.interaction_fact")
    ended = run("etl")
    assert (ended.code, "error TM704" in ended.err, "c41" in ended.err) == (7, True, True)
    assert f"twinmart config unset application mart {policy}" in ended.err
    assert count(switch, "mart.interaction_fact") == before

    assert run("config", "set", "application", "mart", f"{policy}=resume").code == 0
    assert run("etl").code == 0
    assert count(switch, "mart.interaction_fact") == before + 2
    assert [row["root_id"] for row in switch.rows("SELECT root_id FROM ctl.transform_discard")] == ["c21"]
    wrong = run("config", "set", "application", "mart", f"{policy}=ignore")
    assert (wrong.code, 'it stays "resume"' in wrong.err) == (2, True)


def write(switch: Switch) -> None:
    """Let the collector write what was said, and nobody take it."""
    lines = copy_lines(switch.said, SESSION, datetime.now(UTC))
    Idb.open(switch.mart, f"idb_{switch.name}_a").write([Record(Tag.EVENTS, lines)])
    switch.said = []


def test_row_48_a_queue_that_is_disabled_is_recorded_and_its_calls_are_loaded(run: Run, switch: Switch) -> None:
    assert run("config", "set", "queue", "pbx/sales").code == 0
    assert run("config", "disable", "queue", "pbx/sales").code == 0
    queue_call(switch, 100, 1)
    write(switch)
    assert run("etl").code == 0
    (row,) = switch.rows("SELECT object_kind, object_name, code FROM ctl.admin_fk_violation")
    assert row == {"object_kind": "queue", "object_name": "sales", "code": "disabled"}
    assert count(switch, "mart.mediation_segment_fact") == 1


def test_row_49_a_call_whose_other_side_is_missing_waits_or_stands_alone_as_the_policy_says(
    run: Run, mart: Mart
) -> None:
    london, bristol = two_switches(mart)
    policy = "error-policy/error-policy-islink-dangling"
    assert run("config", "set", "application", "mart", f"{policy}=exception").code == 0
    begin(london)
    write(london)
    assert run("etl").code == 0
    assert [row["code"] for row in london.rows("SELECT code FROM ctl.transform_discard")] == ["dangling-link"]
    go_on(bristol)
    write(bristol)
    assert run("etl").code == 0
    (whole,) = interactions(london)
    assert (whole["status"], whole["call_count"]) == (0, 2)
    assert count(london, "ctl.transform_discard") == 0


@pytest.mark.slow  # a backlog of several steps has to be loaded
def test_row_50_a_long_backlog_is_transformed_in_steps_and_resumed_in_its_middle(
    run: Run, switch: Switch, mart: Mart, tmp_path: Path
) -> None:
    calls = 9_000
    for number in range(calls):
        switch.call(number * 2, f"c{number}", "PJSIP/trunk")
        switch.end(number * 2 + 1, f"c{number}")
    write(switch)
    assert run("jobs", "run", "Job_ExtractICON").code == 0
    assert count(switch, "gidb.touched_call") == calls
    command = [sys.executable, "-m", "twinmart", "--home", str(tmp_path / "home"), "jobs", "run", "transform"]
    process = subprocess.Popen(command, env={**os.environ, "TWINMART_SITE_1_DSN": mart.dsn}, stdout=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 60
    while count(switch, "ctl.transform_history") == 0 and process.poll() is None:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = count(switch, "mart.interaction_fact")
    assert 0 < done < calls
    assert count(switch, "gidb.touched_call") == calls - done
    assert run("jobs", "run", "Job_TransformGIM").code == 0
    assert (count(switch, "mart.interaction_fact"), count(switch, "gidb.touched_call")) == (calls, 0)
    assert count(switch, "ctl.transform_history") >= 3


def test_row_51_an_export_is_refused_while_maintenance_runs_and_tells_only_news(
    run: Run, switch: Switch, mart: Mart, tmp_path: Path
) -> None:
    queue_call(switch, 100, 1)
    switch.hear()
    words = ("export", "--format", "csv", "--to", str(tmp_path / "out"))
    with advisory_lock(mart.connect(autocommit=True), UPKEEP_LOCK):
        assert run(*words).code == 4
    assert "rows of facts" in run(*words).out
    assert run(*words).out == "nothing changed since the last export\n"
    assert run("config", "set", "application", "mart", "schedule/export-schedule=20 0/8").code == 0
    assert run("config", "set", "application", "mart", "schedule/export-schedule=20 0/8 * * *").code == 2


def test_row_54_a_fresh_interaction_database_is_made_with_what_extraction_needs(run: Run, mart: Mart) -> None:
    loaded = run("backfill", "asterisk-ami", str(SAMPLE), "--source", "fresh", "--no-etl", "--json")
    assert loaded.code == 0
    connection = mart.connect(autocommit=True)
    indexes = connection.execute(
        "SELECT DISTINCT indexdef FROM pg_indexes WHERE schemaname = 'idb_fresh_a' AND tablename LIKE 'event%'"
    ).fetchall()
    assert len(indexes) >= 2, "by identity, and by the order of writing"
    assert run("etl").code == 0
    assert connection.execute("SELECT count(*) > 1000 FROM gidb.event").fetchone() == (True,)
