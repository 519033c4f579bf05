"""The ten steps of the Disaster Recovery Procedure, each by what it promises, seen afterwards at the surviving site."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event as Signal
from threading import Thread
from typing import Any

import pytest

from tests.jobs.test_server import old_mart
from tests.paths.fingerprint import Fingerprint
from tests.recover.conftest import FAILOVER, NOWHERE, Disaster, Seen, undisturbed
from tests.support import MartServer
from twinmart import errors
from twinmart.aggregate.requests import pending
from twinmart.config.options import effective
from twinmart.config.sources import collectors
from twinmart.config.topology import next_epoch, raise_epoch
from twinmart.db.migrate import known_migrations, schema_state
from twinmart.etl.cycle import Etl
from twinmart.etl.loop import catch_up, follow
from twinmart.etl.peers import Peers
from twinmart.etl.transform import check_epoch
from twinmart.jobs.cycle import extract, transform
from twinmart.jobs.look import State, look
from twinmart.jobs.server import MartServer as JobServer
from twinmart.recover.plan import is_fulfilled, what_matters
from twinmart.recover.report import Report, first_load, run_text
from twinmart.recover.steps_failover import FAILOVER as STEPS
from twinmart.replicate import fence, records
from twinmart.replicate.ends import embedded_end, identity, reach
from twinmart.report.losses import manifest
from twinmart.site.mart import REPLICATOR, ensure_replicator

pytestmark = pytest.mark.xdist_group("failover")


def one(made: Disaster, query: str) -> Any:
    row = made.mart.execute(query.encode()).fetchone()
    return row[0] if row else None


def test_step_1_replication_is_stopped_and_how_far_it_came_is_known(after: Disaster) -> None:
    assert one(after, "SELECT count(*) FROM pg_subscription WHERE subname LIKE 'twinmart%' AND subdbid ="
                      " (SELECT oid FROM pg_database WHERE datname = current_database())") == 0  # fmt: skip
    reached: Any = after.journal.runs()[0].notes["replication reached"]
    assert reached["lsn"] == str(one(after, "SELECT end_lsn FROM ops.link WHERE role = 'target'"))


def test_step_2_the_one_application_object_names_site_2(after: Disaster) -> None:
    assert (
        one(after, "SELECT properties ->> 'host' FROM cfg.object WHERE kind = 'application' AND name = 'mart'")
        == "site2"
    )
    arguments = one(after, "SELECT properties -> 'start_up_arguments' FROM cfg.object WHERE name = 'mart'")
    assert arguments == {"configuration_database": 2}


def test_step_3_nothing_of_site_1_is_extracted_and_its_objects_are_kept(after: Disaster) -> None:
    assert [found.name for found in collectors(after.mart) if found.extracted] == ["pbx_b"]
    rows = after.mart.execute(
        "SELECT kind, name, enabled FROM cfg.object WHERE name IN ('pbx_a', 'mart@1', 'mart@2') ORDER BY kind, name"
    ).fetchall()
    assert rows == [
        ("access_point", "mart@1", False),
        ("access_point", "mart@2", True),
        ("access_point", "pbx_a", False),
        ("collector", "pbx_a", False),
    ]


def between(after: Disaster, first: str, last: str) -> list[Seen]:
    """What was seen from the end of a step until before another one ended."""
    steps = list(after.seen)
    return [after.seen[step] for step in steps[steps.index(first) : steps.index(last)]]


def test_step_4_the_schedule_stands_still_until_partitions_are_there(after: Disaster) -> None:
    held = between(after, "hold-schedule", "release-schedule")
    assert not any(seen.runs_schedule for seen in held)
    assert {seen.loads for seen in between(after, "hold-schedule", "load")} == {0}
    assert after.seen["make-partitions"].has_today
    assert after.seen["load"].loads > 0


def test_step_5_aggregation_stands_still_until_its_requests_are_complete(after: Disaster) -> None:
    held = between(after, "hold-aggregation", "release-aggregation")
    assert not any(seen.runs_aggregates for seen in held)
    assert {seen.aggregations for seen in held} == {0}
    assert after.seen["release-aggregation"].runs_aggregates
    history = after.mart.execute(
        "SELECT new_value FROM cfg.history WHERE name = 'run-aggregates' ORDER BY revision"
    ).fetchall()
    assert history == [("false",), ("true",)]


def test_step_6_the_mart_server_works_at_site_2(after: Disaster) -> None:
    assert one(after, "SELECT state FROM ops.server WHERE kind = 'mart'") in ("running", "paused")


def test_step_7_the_mart_is_of_the_programs_version(after: Disaster) -> None:
    assert {event.step: event.state for event in after.events}["migrate-schema"] == "not needed"


def test_step_8_partitions_are_there_and_the_schedule_runs(after: Disaster) -> None:
    assert one(after, "SELECT to_regclass('mart.interaction_fact_p' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD'))")
    assert effective(after.mart).flag("schedule", "run-scheduler")


def test_step_9_the_configuration_was_read_back(after: Disaster) -> None:
    checked = {event.step: event for event in after.events}["check-server"]
    assert checked.state == "done"
    assert "extracted: pbx_b" in str(checked.note)


def test_step_10_what_was_touched_is_aggregated_again(after: Disaster) -> None:
    assert effective(after.mart).flag("schedule", "run-aggregates")
    requested = {event.step: event for event in after.events}["request-aggregates"]
    assert requested.state == "done"
    assert pending(after.mart) or one(after, "SELECT count(*) FROM ctl.job_run WHERE job = 'aggregate'")


def test_every_step_of_the_original_is_one_of_ours() -> None:
    numbers = {number for step in STEPS for number in step.original}
    wanted = {str(number) for number in range(1, 11)} | {
        "2.1",
        "2.2",
        "3.1",
        "3.2",
        "3.3",
        "3.4",
        "8.3",
        "10.1",
        "10.2",
    }
    assert wanted - numbers == {"3"}


def test_the_report_tells_timings_facts_before_and_after_and_what_it_cost(after: Disaster) -> None:
    run = after.journal.runs()[0]
    begun = next(record for record in after.journal.records(run.id) if record.kind == "begun")
    facts = what_matters(after.world().facts({1, 2}), run.wish)
    losses = tuple(manifest(after.mart, run.id))
    told = Report(run, first_load(after.mart, run), losses, begun.data["matter"], facts)  # type: ignore[arg-type]
    data = json.loads(json.dumps(told.data(), default=str))
    assert 0 < data["rto_ms"] < data["working_ms"] + 60_000
    assert [(one["source"], one["gone_s"], one["is_open"]) for one in data["rpo"]] == [("pbx", 0, False)]
    assert data["rpo"][0]["recovered_calls"] == 2
    assert [one["step"] for one in data["steps"]] == [step.name for step in STEPS]
    assert all(one["spent_ms"] >= 0 for one in data["steps"])
    assert (data["facts_before"]["site 2"]["epoch"], data["facts_after"]["site 2"]["epoch"]) == (1, 2)
    page = told.markdown()
    for line in ("| command to first committed load |", "| pbx | delivered to", "| site 2, epoch | 1 | 2 |"):
        assert line in page
    assert all(step.name in run_text(run) for step in STEPS)


def test_a_site_that_answers_and_is_active_is_not_failed_over(after: Disaster) -> None:
    assert "answers and is active; hand over with twinmart switchover" in after.refused
    assert "Nothing was changed" in after.refused


@pytest.mark.faults("P2")
def test_the_old_active_that_returns_is_refused_however_it_is_made_to_load(after: Disaster) -> None:
    """It holds itself for the active one, in its own epoch; the other site knows better."""
    dsns = {1: after.first.dsn, 2: after.second.dsn}
    mart = after.first.connect(autocommit=True)
    assert mart.execute("SELECT active_site, epoch FROM cfg.topology").fetchone() == (1, 1)
    loads = "SELECT count(*) FROM ctl.audit_log"
    before = mart.execute(loads.encode()).fetchone()
    ways = (
        lambda: catch_up(1, dsns),
        lambda: follow(1, dsns, Signal()),
        lambda: extract(1, dsns, stop=Signal()),
        lambda: transform(1, dsns, stop=Signal()),
    )
    for load in ways:
        with pytest.raises(errors.SiteFenced, match="site 2 is active") as refused:
            load()
        assert "twinmart return" in str(refused.value.hint)
    stop, server = Signal(), JobServer(1, dsns)
    thread = Thread(target=server.run, args=(stop,), daemon=True)
    thread.start()
    try:
        states = set()
        for _ in range(40):
            states.add(server.state.value)
            time.sleep(0.05)
    finally:
        stop.set()
        thread.join(30)
    assert states <= {"starting", "fenced"}
    assert "fenced" in states
    assert mart.execute(loads.encode()).fetchone() == before
    assert mart.execute("SELECT heard_epoch FROM ops.recovery_fence").fetchone() == (2,)


@pytest.mark.faults("P2")
def test_the_old_active_that_has_heard_of_its_successor_stays_fenced_when_nobody_answers(after: Disaster) -> None:
    mart = after.first.connect(autocommit=True)
    alone, nobody = {1: after.first.dsn}, {1: after.first.dsn, 2: NOWHERE}
    with pytest.raises(errors.SiteFenced):
        catch_up(1, {1: after.first.dsn, 2: after.second.dsn})
    for dsns in (alone, nobody):
        with pytest.raises(errors.SiteFenced, match="another site is active"):
            catch_up(1, dsns)
    with pytest.raises(errors.SiteFenced) as refused, mart.transaction():
        check_epoch(mart, 1, 1)
    assert "heard of epoch 2" in str(refused.value.detail)
    assert look(mart, known_migrations()).state(1, 0)[0] is State.FENCED
    # Should it have to be the active one all the same, it takes an epoch of its own above that.
    with mart.transaction(force_rollback=True):
        assert raise_epoch(mart, expected_epoch=1, active_site=1) == next_epoch(2, 1)
        check_epoch(mart, 1, next_epoch(2, 1))


def test_a_site_that_is_replaced_while_it_loads_hears_of_it_and_stops(after: Disaster) -> None:
    peers = Peers(1, {1: after.first.dsn, 2: after.second.dsn}, every_s=0.05)
    peers.check(1)
    peers.start()
    try:
        with pytest.raises(errors.SiteFenced, match="site 2 is active"):
            peers.check(1)
        peers.check(2)
    finally:
        peers.stop()


def test_with_twins_nothing_is_gone_and_the_facts_are_those_of_an_undisturbed_run(after: Disaster) -> None:
    kinds = [found.kind for found in manifest(after.mart)]
    assert kinds == ["delivered", "recovered"]
    assert undisturbed(after).difference(Fingerprint.of(after.mart)) is None


def test_the_same_command_again_finds_nothing_to_do(after: Disaster) -> None:
    world = after.world()
    assert is_fulfilled(world.facts({1, 2}), FAILOVER)
    assert after.journal.open_run() is None


@pytest.mark.faults("E2")
def test_a_zombie_of_the_old_epoch_is_refused_by_the_database(after: Disaster) -> None:
    with pytest.raises(errors.SiteFenced), Etl(1, {1: after.second.dsn}):
        pass


def test_step_7_a_survivor_whose_schema_is_behind_is_migrated_before_it_is_active(other_server: MartServer) -> None:
    """It was a copy when the release before was current, and site 1 is gone with the newer schema."""
    mart = old_mart(other_server, known_migrations()[:-1])
    end = embedded_end(2, mart.server, mart.dsn, database=mart.name)
    made = Disaster(mart, mart, {1: end, 2: end})
    try:
        with reach(end, "test") as standby:
            ensure_replicator(standby, mart.server.password(REPLICATOR))
            own = identity(standby)
            records.begin(standby, "twinmart_1_2_gone", "target", (2, 1), own, own, "online")
            records.move(standby, "twinmart_1_2_gone", "ended", linked_at=datetime.now(UTC))
            fence.raise_(standby, 1)
            assert isinstance(schema_state(standby).obstacle(), errors.NotReady)
        run = made.carry_out(replace(FAILOVER, accept_loss=frozenset({"all"})))
        assert run.state == "done"
        came_out = {event.step: event.state for event in made.events}
        assert came_out["migrate-schema"] == "done"
        names = [event.step for event in made.events]
        assert names.index("migrate-schema") < names.index("raise-epoch") < names.index("load")
        assert schema_state(made.mart).obstacle() is None
        assert one(made, "SELECT active_site FROM cfg.topology") == 2
    finally:
        made.close()
        other_server.drop(mart)
