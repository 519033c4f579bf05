"""V1 to V3: verification while everything moves, killed and begun again, and of differences that are hard to see."""

import multiprocessing
import threading
from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.etl.story import DAWN, Switch
from tests.faults.conftest import Line, wait_until
from tests.replicate.test_link import cross
from tests.replicate.test_states import at
from tests.upkeep.stories import maintained
from tests.watch.test_verify import at_standby, looked, story
from twinmart.replicate import compare
from twinmart.replicate.ends import End
from twinmart.watch.verify import verify

pytestmark = pytest.mark.xdist_group("faults")

_processes = multiprocessing.get_context("forkserver")


@pytest.fixture
def ends(own_line: Line) -> dict[int, End]:
    """The two sites with some calls."""
    story(Switch(own_line.pair.mart))
    own_line.arrives()
    return {1: own_line.pair.source, 2: own_line.pair.target}


@pytest.mark.soak
def test_v1_there_is_no_false_alarm_while_apply_is_killed_over_and_over(ends: dict[int, End], own_line: Line) -> None:
    stop = threading.Event()

    def disturb() -> None:
        number = 0
        while not stop.wait(0.1):
            number += 1
            at(ends[2], b"SELECT pg_terminate_backend(pid) FROM pg_stat_subscription WHERE pid IS NOT NULL")
            own_line.say(b"v%d" % number, 20)

    disturber = threading.Thread(target=disturb)
    disturber.start()
    try:
        made = [looked(ends) for _ in range(2)]
    finally:
        stop.set()
        disturber.join(60)
    assert {one.verdict for one in made} <= {"right", "unknown"}, [one.to_json() for one in made]
    own_line.arrives()
    assert looked(ends).verdict == "right"


def test_v1_a_purge_at_one_site_before_the_other_is_no_difference_once_both_have_carried_it_out(
    ends: dict[int, End], own_line: Line
) -> None:
    pair = own_line.pair
    now = DAWN + timedelta(days=20)
    maintained(pair.mart, now)
    cross(pair)
    assert looked(ends).verdict in ("right", "different", "unknown")
    maintained(pair.other_mart, now, site=2)
    own_line.arrives()
    made = looked(ends)
    assert made.verdict == "right", made.to_json()


def _verify(ends: Mapping[int, End]) -> None:
    verify(ends)


@pytest.mark.soak
def test_v2_one_that_is_killed_leaves_nothing_and_the_next_says_the_same(ends: dict[int, End]) -> None:
    at_standby(ends, "UPDATE mart.interaction_fact SET status = 9")
    here = b"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'twinmart verify'"
    process = _processes.Process(target=_verify, args=(ends,), daemon=True)
    process.start()
    wait_until(lambda: at(ends[1], here) != [(0,)] or not process.is_alive(), every_s=0.005)
    process.kill()
    process.join()
    wait_until(lambda: at(ends[1], here) == [(0,)])
    first, second = looked(ends), looked(ends)
    for made in (first, second):
        assert made.verdict == "different", made.to_json()
        assert made.comparison is not None
        assert (made.comparison.different, {one.table for one in made.comparison.listed}) == (
            4,
            {"mart.interaction_fact"},
        )


FACT = "mart.interaction_resource_fact"
HARD = (
    f"UPDATE {FACT} SET end_at = NULL WHERE {{0}}",
    f"UPDATE {FACT} SET channel_id = '' WHERE {{1}}",
    f"UPDATE {FACT} SET talk_duration_ms = talk_duration_ms # 1 WHERE {{2}}",
    f"UPDATE {FACT} SET start_at = start_at + interval '1 us' WHERE {{3}}",
    f"UPDATE {FACT} SET channel_id = U&'e\\0301' WHERE {{4}}",
    (
        f"UPDATE {FACT} AS a SET channel_id = b.channel_id FROM {FACT} AS b"
        " WHERE a.{5} AND b.{6} OR a.{6} AND b.{5}"
    ),
)
"""A NULL, an empty text, one bit, a microsecond, a composed letter; the values of two rows exchanged."""


def test_v3_differences_that_are_hard_to_see_are_found_in_the_first_and_the_last_row(
    ends: dict[int, End], own_line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    story(Switch(own_line.pair.mart, "more"), 300)
    own_line.arrives()
    keys = [key for (key,) in at(ends[1], f"SELECT interaction_resource_id FROM {FACT} ORDER BY 1".encode())]
    assert len(keys) == 8
    wheres = [f"interaction_resource_id = '{key}'" for key in (keys[0], keys[-1], *keys[1:6])]
    monkeypatch.setattr(compare, "MOST_ROWS", 3)
    for planted in HARD:
        at_standby(ends, planted.format(*wheres))
    edges = "SELECT {}(date_time_key) FROM mart.date_time"
    at_standby(ends, f"DELETE FROM mart.date_time WHERE date_time_key = ({edges.format('min')})")
    at_standby(ends, f"DELETE FROM mart.date_time WHERE date_time_key = ({edges.format('max')})")
    made = looked(ends)
    assert made.comparison is not None
    found = [(one.table, one.kind) for one in made.comparison.listed]
    assert sorted(found) == [("mart.date_time", "missing")] * 2 + [(FACT, "different")] * 7
    assert looked(ends, is_repairing=True).verdict == "right"


def test_v3_minus_zero_and_zeros_behind_the_point_are_equal_and_documented_so(ends: dict[int, End]) -> None:
    """What PostgreSQL calls equal is equal here; no column of a mart is of such a type."""
    inexact = b"""
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema IN ('cfg', 'gidb', 'ctl', 'mart') AND data_type IN ('real', 'double precision')
    """
    assert at(ends[1], inexact) == []
    same = b"SELECT hashfloat8extended('-0', 0) = hashfloat8extended('0', 0),"
    same += b" hash_numeric_extended(1.0, 0) = hash_numeric_extended(1.00, 0)"
    assert at(ends[1], same) == [(True, True)]
