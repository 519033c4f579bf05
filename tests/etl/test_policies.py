"""Options of the transformation: what becomes of broken interactions, and in which steps a backlog is loaded."""

from contextlib import closing
from threading import Event as Signal

import pytest

from tests.etl.story import Switch
from tests.paths.fingerprint import Fingerprint
from tests.support import Mart
from tests.upkeep.stories import queue_call
from twinmart import errors
from twinmart.config.store import Store
from twinmart.etl.cycle import Cycle, Etl, run_once

HOUR_S = 3600
POLICY = ("error-policy", "error-policy-irf-exception")


@pytest.fixture
def switch(mart: Mart) -> Switch:
    return Switch(mart)


def set_option(switch: Switch, section: str, name: str, value: str) -> None:
    Store(switch.mart, author="test").set_option("application", "mart", section, name, value)


def two_calls_one_broken(switch: Switch) -> None:
    """Call c1 ends before it starts; call c11 is sound and later."""
    switch.call(10, "c1", "PJSIP/1")
    switch.end(0, "c1")
    queue_call(switch, 100, 11)


def loaded(switch: Switch) -> set[str]:
    """The interactions of which the facts hold more than the name."""
    rows = switch.rows(
        "SELECT DISTINCT media_server_root_ixn_guid AS id FROM mart.interaction_fact"
        " JOIN mart.interaction_resource_fact USING (interaction_id)"
    )
    return {row["id"] for row in rows}


@pytest.mark.parametrize(("policy", "recorded"), [("log_db_resume", ["c1"]), ("resume", [])])
def test_row_47_a_broken_interaction_is_kept_out_and_recorded_as_the_policy_says(
    switch: Switch, policy: str, recorded: list[str]
) -> None:
    set_option(switch, *POLICY, policy)
    two_calls_one_broken(switch)
    switch.hear()
    assert loaded(switch) == {"c11"}
    assert [row["root_id"] for row in switch.rows("SELECT root_id FROM ctl.transform_discard")] == recorded
    assert [row["guid"] for row in switch.rows("SELECT guid FROM gim.stg_transform_discards")] == recorded


def test_row_47_a_load_that_must_not_pass_a_broken_interaction_fails_and_goes_on_when_the_policy_is_changed(
    switch: Switch, mart: Mart
) -> None:
    set_option(switch, *POLICY, "exception")
    two_calls_one_broken(switch)
    switch.write()
    for _ in range(2):
        with pytest.raises(errors.InteractionBroken, match="the call c1 breaks a rule") as refused:
            run_once(1, {1: mart.dsn})
        assert "nothing of this step" in str(refused.value.detail)
        assert loaded(switch) == set()
    set_option(switch, *POLICY, "log_db_resume")
    run_once(1, {1: mart.dsn})
    assert loaded(switch) == {"c11"}
    assert [row["code"] for row in switch.rows("SELECT code FROM ctl.transform_discard")] == ["ends-before-start"]


@pytest.mark.parametrize(("policy", "recorded"), [("resume", 1), ("exception", 0), ("log_db_resume", 1)])
def test_row_47_a_call_that_the_database_refuses_is_treated_by_the_same_policy(
    switch: Switch, policy: str, recorded: int
) -> None:
    switch.mart.execute("ALTER TABLE mart.interaction_fact ADD CHECK (source_address <> 'refused')")
    set_option(switch, *POLICY, policy)
    queue_call(switch, 100, 11)
    switch.call(200, "c5", "PJSIP/1", number="refused")
    switch.end(210, "c5")
    if policy == "exception":
        with pytest.raises(errors.InteractionBroken):
            switch.hear()
        assert switch.rows("SELECT FROM gidb.touched_call WHERE linked_id = 'c5'"), "it waits for the next try"
    else:
        switch.hear()
        assert loaded(switch) == {"c11"}
    assert len(switch.rows("SELECT FROM ctl.transform_discard")) == recorded


def backlog(switch: Switch, hours: int) -> None:
    """Six calls an hour, all written before anything is loaded."""
    for number in range(6 * hours):
        queue_call(switch, number * HOUR_S / 6 + 1, 10 * number + 1)


def spans_loaded(switch: Switch) -> list[int]:
    """The seconds between first and last start of the interactions that each load brought."""
    rows = switch.rows(
        "SELECT extract(epoch FROM max(start_at) - min(start_at))::integer AS span FROM mart.interaction_fact"
        " GROUP BY create_audit_key ORDER BY min(start_at)"
    )
    return [row["span"] for row in rows]


def test_row_50_a_backlog_is_loaded_in_steps_of_chunk_size(switch: Switch) -> None:
    set_option(switch, "gim-transformation", "chunk-size", str(HOUR_S))
    backlog(switch, 5)
    cycle = switch.hear()
    assert len(cycle.transformed) == len(spans_loaded(switch)) >= 5
    assert max(spans_loaded(switch)) <= HOUR_S
    set_option(switch, "gim-transformation", "chunk-size", "604800")
    queue_call(switch, 100 * HOUR_S, 1001)
    queue_call(switch, 110 * HOUR_S, 1011)
    assert len(switch.hear().transformed) == 1


@pytest.fixture
def at_once(other_mart: Mart) -> Fingerprint:
    """What the backlog comes to when it is loaded in one step."""
    switch = Switch(other_mart)
    set_option(switch, "gim-transformation", "chunk-size", "604800")
    backlog(switch, 5)
    assert len(switch.hear().transformed) == 1
    return Fingerprint.of(switch.mart)


def test_row_50_a_load_that_is_stopped_or_killed_in_the_middle_of_a_backlog_goes_on_there(
    switch: Switch, mart: Mart, at_once: Fingerprint
) -> None:
    set_option(switch, "gim-transformation", "chunk-size", str(HOUR_S))
    backlog(switch, 5)
    stop = Signal()

    def stop_it(cycle: Cycle) -> None:
        if cycle.transformed:
            stop.set()

    def kill_it(cycle: Cycle) -> None:
        if len(cycle.transformed) == 2:
            with closing(mart.connect(autocommit=True)) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'twinmart transform' AND datname = current_database()"
                )

    switch.write()
    with Etl(1, {1: mart.dsn}) as etl:
        etl.cycle(tell=stop_it, stop=stop)
    assert 0 < len(loaded(switch)) < 30
    first = len(loaded(switch))
    with pytest.raises(errors.MartError), Etl(1, {1: mart.dsn}) as etl:
        etl.cycle(tell=kill_it)
    assert first < len(loaded(switch)) < 30
    run_once(1, {1: mart.dsn})
    assert Fingerprint.of(switch.mart).difference(at_once) is None
    assert switch.rows("SELECT sum(interactions)::integer AS n FROM ctl.transform_history") == [{"n": 30}]
