"""A switch that is killed says nothing of it; what was open is told as open, and nothing is made up beyond the kill."""

from collections import Counter

import pytest

from tests.truth import facts
from tests.truth.facts import Attempt
from tests.truth.legs import KILL, Leg
from tests.truth.loading import Told
from tests.truth.matching import NEAR_S, match
from tests.truth.recording import Visit


@pytest.fixture(scope="module")
def killed_at(crash: Told) -> float:
    assert crash.recording.killed_at is not None
    return crash.recording.killed_at


@pytest.fixture(scope="module")
def heard_last(crash: Told, killed_at: float) -> float:
    """The last moment at which the switch was heard of before it was killed."""
    row = crash.mart.execute(
        "SELECT extract(epoch FROM max(at))::float8 FROM gidb.event WHERE at < to_timestamp(%s)", (killed_at,)
    ).fetchone()
    assert row is not None
    assert killed_at - NEAR_S < row[0] < killed_at
    return float(row[0])


@pytest.fixture(scope="module")
def cut_off(crash: Told) -> list[tuple[Leg, Attempt]]:
    """The legs that the switch took with it, and their rows."""
    pairs = match(crash.recording.legs, facts.attempts(crash.mart)).pairs
    return [(leg, attempt) for leg, attempt in pairs if leg.end_by == KILL]


def test_visits_that_were_open_have_no_end_that_nobody_saw(crash: Told, killed_at: float) -> None:
    open_at_the_kill = {_key(visit): visit for visit in crash.recording.visits if visit.is_open_at(killed_at)}
    assert len(open_at_the_kill) == 10
    found = [visit for visit in facts.visits(crash.mart) if _key(visit) in open_at_the_kill]
    assert len(found) == 10
    for visit in found:
        answer = open_at_the_kill[_key(visit)].answer
        talking = answer is not None and answer < killed_at
        assert (visit.result, visit.talk, visit.end) == ("answered" if talking else "unknown", None, None)
    assert Counter(visit.result for visit in found) == {"answered": 8, "unknown": 2}


def test_what_the_switch_took_with_it_ended_when_it_was_heard_last(
    cut_off: list[tuple[Leg, Attempt]], heard_last: float
) -> None:
    assert len(cut_off) == 10
    for leg, attempt in cut_off:
        assert attempt.end == pytest.approx(heard_last, abs=0.001)
        assert attempt.result == "AbnormalStop"
        assert attempt.reason == ("AnsweredByAgent" if leg.answer is not None else "AbandonedWhileRinging")


def test_nothing_lasts_from_before_the_kill_to_after_it(crash: Told, heard_last: float, killed_at: float) -> None:
    courses = (facts.sessions(crash.mart), facts.states(crash.mart), facts.pauses(crash.mart))
    spans = [(row.start, row.end) for row in facts.attempts(crash.mart)]
    spans += [(row.start, row.end) for row in facts.interactions(crash.mart)]
    spans += [(row.start, row.end) for course in courses for rows in course.values() for row in rows]
    before = [span for span in spans if span[0] < killed_at]
    assert len(before) > 500
    assert [span for span in before if span[1] is None or span[1] > heard_last + 0.001] == []


def test_interactions_that_were_open_ended_abnormally_and_no_others(crash: Told, heard_last: float) -> None:
    found = facts.interactions(crash.mart)
    abnormal = [row for row in found if row.status == 1]
    assert all(row.end == pytest.approx(heard_last, abs=0.001) for row in abnormal)
    assert {row.status for row in found} == {0, 1}
    up = {leg.call for leg in crash.recording.legs if leg.end_by == KILL}
    up |= {visit.call for visit in crash.recording.visits if visit.is_open_at(crash.recording.killed_at)}
    callers = {call.caller for call in crash.recording.calls if call.number in up}
    assert callers <= {row.source for row in abnormal}


def test_sessions_ended_abnormally_with_the_switch_and_began_anew(crash: Told, heard_last: float) -> None:
    ended = back = 0
    for agent, sessions in facts.sessions(crash.mart).items():
        for session in sessions:
            at_the_kill = session.end == pytest.approx(heard_last, abs=0.001)
            assert (session.kind == "abnormal") == at_the_kill, agent
            ended += at_the_kill
            back += session.start > heard_last
    assert ended >= len(crash.recording.kinds) - 2
    assert back >= len(crash.recording.kinds) - 2


def test_the_silence_is_noted_as_a_gap(crash: Told, heard_last: float) -> None:
    gaps = crash.mart.execute(
        "SELECT cause, filled, collector_key, extract(epoch FROM from_at)::float8, extract(epoch FROM to_at)::float8"
        " FROM ctl.gap WHERE cause = 'switch-down'"
    ).fetchall()
    # The switch tells when it was started, in whole seconds.
    assert gaps == [
        ("switch-down", False, None, pytest.approx(heard_last), pytest.approx(crash.recording.starts[-1], abs=1.0))
    ]


def test_a_switch_that_was_not_killed_leaves_no_gap(site1: Told) -> None:
    assert site1.mart.execute("SELECT cause FROM ctl.gap").fetchall() == []
    assert {row.status for row in facts.interactions(site1.mart)} == {0}


def _key(visit: Visit | facts.QueueVisit) -> tuple[str, str, int]:
    return visit.channel, visit.queue, visit.ordinal
