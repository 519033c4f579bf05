"""S1 to S5: the two marts are not alike; it is named before a switch, and found where nothing else tells."""

import json

import pytest

from tests.etl.story import Switch
from tests.faults.conftest import Line, wait_until
from tests.replicate.conftest import Pair
from tests.replicate.test_states import at, see
from tests.watch.test_verify import at_standby, looked, story
from twinmart.replicate import turn
from twinmart.replicate.ends import End, reach

pytestmark = pytest.mark.xdist_group("faults")


@pytest.fixture
def ends(own_line: Line) -> dict[int, End]:
    """The two sites with some calls."""
    story(Switch(own_line.pair.mart))
    own_line.arrives()
    return {1: own_line.pair.source, 2: own_line.pair.target}


def drift(pair: Pair) -> dict[str, bool]:
    """Return what differs, and whether it stands in the way of a switch."""
    return {str(one): one.breaks for one in see(pair).drift}


def test_s1_an_index_at_one_side_only_is_named_and_stops_nothing(own_line: Line) -> None:
    at(own_line.pair.source, b"CREATE INDEX only_here ON ctl.counter (value)")
    found = drift(own_line.pair)
    assert len(found) == 1
    assert all(text.startswith("index") and "missing at the standby" in text for text in found)
    assert not any(found.values())


def test_s1_a_purge_that_ran_at_one_side_only_is_named(own_line: Line) -> None:
    leaf = "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'gidb.event'::regclass"
    ((name,),) = at(own_line.pair.source, leaf.encode())
    at(own_line.pair.source, f"DROP TABLE {name}".encode())
    found = drift(own_line.pair)
    assert any("at the standby only; it was dropped at the active site" in text for text in found)
    assert not any(found.values())
    at(own_line.pair.target, f"DROP TABLE {name}".encode())
    assert drift(own_line.pair) == {}


def test_s1_a_purge_that_ran_at_the_standby_only_is_made_good_before_a_switch(own_line: Line) -> None:
    """A row of the purged span would stop apply; the way to a switch makes the partition again first."""
    leaf = "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'gidb.event'::regclass"
    ((name,),) = at(own_line.pair.target, leaf.encode())
    at(own_line.pair.target, f"DROP TABLE {name}".encode())
    assert any("partition gidb.event" in text and breaks for text, breaks in drift(own_line.pair).items())
    turn.reverse(own_line.pair.source, own_line.pair.target)
    assert at(own_line.pair.target, f"SELECT to_regclass('{name}') IS NOT NULL".encode()) == [(True,)]


def test_s2_a_truncated_partition_at_the_source_is_found_though_its_signature_was_kept(ends: dict[int, End]) -> None:
    """Its rows stay at the standby: a TRUNCATE of a partition does not cross a link by the root."""
    assert looked(ends).verdict == "right"
    with reach(ends[1], "test") as active:
        ((name,),) = active.execute("SELECT DISTINCT tableoid::regclass::text FROM mart.interaction_fact").fetchall()
        active.execute(f"TRUNCATE {name}".encode())
    made = looked(ends)
    assert made.verdict == "different"
    assert made.comparison is not None
    assert {(one.table, one.kind) for one in made.comparison.listed} == {("mart.interaction_fact", "extra")}


@pytest.mark.soak
def test_s3_a_write_at_the_standby_past_all_fences_is_found(ends: dict[int, End]) -> None:
    with reach(ends[2], "test") as standby:
        standby.execute("SET session_replication_role = replica")
        ((name,),) = standby.execute("SELECT DISTINCT tableoid::regclass::text FROM mart.interaction_fact").fetchall()
        standby.execute(f"UPDATE {name} SET status = 8".encode())
        standby.execute("SELECT pg_stat_force_next_flush()")
    made = looked(ends)
    assert made.comparison is not None
    assert {(one.table, one.kind) for one in made.comparison.listed} == {("mart.interaction_fact", "different")}


def test_s4_a_change_of_a_row_that_the_standby_lost_is_skipped_counted_and_found(
    ends: dict[int, End], own_line: Line
) -> None:
    """PostgreSQL passes over it without an error; the counter forbids a switch, and verify finds it."""
    at(ends[1], b"INSERT INTO ctl.counter VALUES ('changed', 0), ('deleted', 0)")
    own_line.arrives()
    at_standby(ends, "DELETE FROM ctl.counter WHERE name IN ('changed', 'deleted')")
    at(ends[1], b"UPDATE ctl.counter SET value = 1 WHERE name = 'changed'")
    at(ends[1], b"DELETE FROM ctl.counter WHERE name = 'deleted'")
    # The worker that applies tells what it counted once a second at most.
    wait_until(lambda: not see(own_line.pair).is_ready)
    found = see(own_line.pair)
    assert found.state.is_steady
    assert any("conflicts were counted; compare the sites with: twinmart verify" in one for one in found.problems)
    made = looked(ends)
    assert made.comparison is not None
    assert [(one.table, one.kind) for one in made.comparison.listed] == [("ctl.counter", "missing")]
    mended = looked(ends, is_repairing=True)
    assert mended.verdict == "right", json.dumps(mended.to_json())


def test_s5_no_replicated_key_comes_from_a_sequence(own_line: Line) -> None:
    """So none can be behind after a failover."""
    query = b"""
        SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind = 'S' AND n.nspname IN ('cfg', 'gidb', 'ctl', 'mart', 'agg')
        UNION ALL
        SELECT c.oid::regclass::text, a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE a.attidentity <> '' AND n.nspname IN ('cfg', 'gidb', 'ctl', 'mart', 'agg')
    """
    assert at(own_line.pair.source, query) == []
