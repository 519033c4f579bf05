"""Each state of the link is brought about for real and told by its name, with its mend."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.replicate.conftest import Pair
from tests.replicate.test_link import cross
from twinmart.replicate import link, records, slot, subscription, turn, watch
from twinmart.replicate.ends import End, reach
from twinmart.replicate.state import STATES, Facts, Limits, classify
from twinmart.replicate.watch import Look, look

IMPATIENT = Limits(stalled_after_ms=300)
FULL = b"""
    CREATE FUNCTION has_no_room() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE 'no space left' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER disk BEFORE INSERT ON ops.lag_history EXECUTE FUNCTION has_no_room()
"""


def see(pair: Pair, *, wait_s: float = 2, limits: Limits = IMPATIENT) -> Look:
    return look(pair.source, pair.target, wait_s=wait_s, limits=limits)


def at(end: End, statement: bytes) -> list[tuple[Any, ...]]:
    with reach(end, "test") as connection:
        found = connection.execute(statement)
        return found.fetchall() if found.description else []


def until(pair: Pair, name: str, wait_s: float = 15) -> Look:
    """Look until the link is in a state."""
    deadline = time.monotonic() + wait_s
    while (found := see(pair, wait_s=0.3)).state.name != name and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found.state.name == name, found
    return found


def test_every_state_but_streaming_names_its_mend() -> None:
    assert [state.name for state in STATES if not state.mend] == ["streaming"]
    assert len({state.name for state in STATES}) == len(STATES)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({}, "streaming"),
        ({"source_answers": False}, "unreachable"),
        ({"is_recorded": False}, "not set up"),
        ({"is_between_these": False}, "foreign"),
        ({"is_seeded": False}, "copying"),
        ({"has_slot": False}, "slot lost"),
        ({"wal_status": "lost", "is_enabled": False, "is_paused": True}, "slot lost"),
        ({"has_subscription": False}, "broken"),
        ({"kept_bytes": 60, "limit_bytes": 100, "is_enabled": False, "is_paused": True}, "slot at risk"),
        ({"kept_bytes": 60, "limit_bytes": -1}, "streaming"),
        ({"is_enabled": False, "is_paused": True}, "paused"),
        ({"is_enabled": False}, "conflict"),
        ({"is_enabled": False, "was_line": True}, "interrupted"),
        ({"has_crossed": False, "has_worker": False}, "stalled"),
        ({"has_crossed": False, "has_moved": False, "silent_ms": 20_000}, "stalled"),
        ({"has_crossed": False, "has_moved": False, "silent_ms": 1_000}, "catching up"),
        ({"has_crossed": False, "has_moved": True, "silent_ms": 20_000}, "catching up"),
    ],
)
def test_the_most_urgent_state_is_told(facts: dict[str, object], name: str) -> None:
    assert classify(Facts(1, 2, **facts)).name == name  # type: ignore[arg-type]  # each value is of its field


def test_a_link_that_is_well_streams_and_the_look_is_kept_at_both_sites(steady: Pair) -> None:
    found = see(steady)
    assert found.is_ready, found
    assert found.facts.lag_ms is not None
    for end in (steady.source, steady.target):
        told = b"SELECT source_site, target_site, state FROM ops.lag_history ORDER BY at DESC LIMIT 1"
        assert at(end, told) == [(1, 2, "streaming")]


@pytest.mark.faults("D1")
def test_a_look_that_cannot_be_noted_is_told_all_the_same(steady: Pair) -> None:
    """The history of one site has no room, as on a disk that is full."""
    at(steady.target, FULL)
    ends, looks = (steady.source, steady.target), b"SELECT count(*) FROM ops.lag_history"
    try:
        before = [at(end, looks)[0] for end in ends]
        found = see(steady)
        assert found.is_ready, found
        assert [at(end, looks)[0] for end in ends] == [(before[0][0] + 1,), before[1]]
    finally:
        at(steady.target, b"DROP FUNCTION has_no_room() CASCADE")


def test_no_link_is_a_state(pair: Pair) -> None:
    assert see(pair).state.name == "not set up"


def test_r1_a_forgotten_pause_is_told_with_its_reason_and_resumed(steady: Pair) -> None:
    assert link.pause(steady.target, "disk of site 2 is exchanged")
    assert not link.pause(steady.target)
    found = see(steady)
    assert (found.state.name, found.pause_reason) == ("paused", "disk of site 2 is exchanged")
    assert link.resume(steady.target)
    cross(steady)
    assert see(steady).is_ready


def test_p3_a_sender_that_hangs_is_stalled(steady: Pair) -> None:
    ((pid,),) = at(steady.source, b"SELECT pid FROM pg_stat_replication WHERE application_name LIKE 'twinmart%'")
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert until(steady, "stalled").state.name == "stalled"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert until(steady, "streaming").is_ready


def test_p4_a_planted_conflict_is_told_with_its_cause(linked: Pair) -> None:
    plant = b"INSERT INTO ctl.counter VALUES ('sales', 0)"
    at(linked.target, b"SET session_replication_role = replica; " + plant)
    at(linked.source, plant)
    found = until(linked, "conflict")
    assert "counter" in (found.cause or "")
    assert found.facts.conflicts == 1
    assert not watch.heal(linked.source, linked.target)
    at(linked.target, b"SET session_replication_role = replica; DELETE FROM ctl.counter WHERE name = 'sales'")
    link.resume(linked.target)
    cross(linked)
    assert at(linked.target, b"SELECT name FROM ctl.counter WHERE name = 'sales'") == [("sales",)]


def test_s1_a_column_at_one_side_only_is_named_and_stops_apply(linked: Pair) -> None:
    at(linked.source, b"ALTER TABLE ctl.counter ADD COLUMN colour text")
    assert [str(one) for one in see(linked).drift] == ["column ctl.counter.colour is missing at the standby"]
    at(linked.source, b"INSERT INTO ctl.counter VALUES ('sales', 0)")
    found = until(linked, "conflict")
    assert "colour" in (found.cause or "")
    at(linked.target, b"ALTER TABLE ctl.counter ADD COLUMN colour text")
    link.resume(linked.target)
    cross(linked)
    assert see(linked).drift == ()


def test_s1_a_missing_partition_stops_apply_loudly_and_is_healed(linked: Pair) -> None:
    at(
        linked.source,
        b"CREATE TABLE ctl.audit_log_p2040 PARTITION OF ctl.audit_log FOR VALUES FROM ('2040-01-01') TO ('2040-01-31')",
    )
    at(linked.source, b"INSERT INTO ctl.audit_log VALUES (7, '2040-01-02', 'etl', 1, 1, 0)")
    found = until(linked, "conflict")
    assert any("partition ctl.audit_log" in str(one) for one in found.drift)
    assert watch.heal(linked.source, linked.target)
    cross(linked)
    assert at(linked.target, b"SELECT audit_key FROM ctl.audit_log WHERE created_at > '2040-01-01'") == [(7,)]
    # The partition made at the standby is fenced like its table.
    assert see(linked).is_ready


def test_s1_a_partition_that_whoever_applies_must_not_write_stops_apply_and_is_healed(linked: Pair) -> None:
    load = b"INSERT INTO ctl.audit_log VALUES (7, now(), 'etl', 1, 1, 0)"
    at(linked.source, load)
    cross(linked)
    ((part,),) = at(linked.target, b"SELECT tableoid::regclass::text FROM ctl.audit_log WHERE audit_key = 7")
    at(linked.target, f"REVOKE ALL ON {part} FROM twinmart_replication".encode())
    at(linked.source, load.replace(b"7", b"8"))
    assert "permission denied" in (until(linked, "conflict").cause or "")
    assert watch.heal(linked.source, linked.target)
    cross(linked)
    assert at(linked.target, b"SELECT count(*) FROM ctl.audit_log WHERE audit_key IN (7, 8)") == [(2,)]
    assert see(linked).is_ready


def test_r2_an_origin_that_would_loop_is_a_problem(linked: Pair) -> None:
    name = link.standing(linked.source, linked.target)
    at(linked.target, f'ALTER SUBSCRIPTION "{name}" SET (origin = any)'.encode())
    found = see(linked)
    assert not found.is_ready
    assert "changes would come back" in found.problems[0]


@pytest.mark.soak
def test_d2_a_slot_is_at_risk_long_before_it_is_lost_and_a_lost_one_is_rebuilt(linked: Pair) -> None:
    with limited(linked.source):
        link.pause(linked.target)
        write_log(linked.source, 12)
        assert see(linked).state.name == "slot at risk"
        write_log(linked.source, 40)
        at(linked.source, b"CHECKPOINT")
        assert see(linked).state.name == "slot lost"
    turn.rebuild(linked.source, linked.target)
    assert see(linked).is_ready


def test_r3_a_link_of_an_earlier_life_of_a_server_is_foreign_and_cleared(linked: Pair) -> None:
    at(linked.target, b"UPDATE ops.link SET peer_system = '42'")
    assert see(linked).state.name == "foreign"
    name = link.standing(linked.source, linked.target)
    assert name is None
    removed = link.tear_down(linked.source, linked.target)
    assert any("slot" in one for one in removed)
    linked.set_up()
    assert see(linked).is_ready


def test_r3_a_stale_slot_is_named_and_removed(linked: Pair) -> None:
    at(linked.source, b"SELECT pg_create_logical_replication_slot('twinmart_1_9_deadbeef', 'pgoutput')")
    assert "twinmart_1_9_deadbeef" in "".join(see(linked).problems)
    removed = link.tear_down(linked.source, linked.target)
    assert "site 1: slot twinmart_1_9_deadbeef" in removed
    with reach(linked.source, "test") as active:
        assert not slot.exists(active, "twinmart_1_9_deadbeef")


def test_a_site_that_does_not_answer_is_a_state(steady: Pair) -> None:
    nowhere = End(1, "host=127.0.0.1 port=1 dbname=twinmart user=twinmart")
    found = look(nowhere, steady.target)
    assert found.state.name == "unreachable"
    assert list(found.missed) == [1]
    assert found.facts.beat is not None


@contextmanager
def limited(end: End) -> Iterator[None]:
    """Let the server keep little for its slots."""
    at(end, b"ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'")
    at(end, b"SELECT pg_reload_conf()")
    try:
        yield
    finally:
        at(end, b"ALTER SYSTEM RESET max_slot_wal_keep_size")
        at(end, b"SELECT pg_reload_conf()")


def write_log(end: End, mebibytes: int) -> None:
    for _ in range(mebibytes // 4):
        at(end, b"SELECT pg_logical_emit_message(false, 'test', repeat('x', 4194304))")
        at(end, b"SELECT pg_switch_wal()")


def test_p1_a_source_that_is_shut_down_in_good_order_stops_apply_and_is_healed(linked: Pair) -> None:
    """PostgreSQL disables a subscription whose last word does not reach the source any more."""
    at(linked.target, b"SELECT 1")
    with reach(linked.target, "test") as standby:
        known = records.living(standby, "target")
        assert known is not None
        subscription.disable(standby, known.name)
    assert watch.heal(linked.source, linked.target)
    cross(linked)
    assert until(linked, "streaming").is_ready
    assert not watch.heal(linked.source, linked.target)
