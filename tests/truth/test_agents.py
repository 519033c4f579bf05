"""Sessions, states and pauses of agents are those that follow from what was asked of the switch and what phones did."""

from itertools import pairwise

import pytest

from tests.oracle import agent_states as oracle
from tests.oracle.agent_states import Piece
from tests.truth import facts
from tests.truth.asked import AUTOPAUSE, on_the_phone, served
from tests.truth.facts import Lasting
from tests.truth.loading import Told

# Shorter than this, a difference is one of clocks.
CLOCKS_S = 0.05

# The switch is slow to notice an answer while it carries out an attended transfer; a member of an agent pool is asked
# for before it talks; and a switch that dies was heard last a moment before. A difference lasts no longer than that.
MOMENT_S = 0.5

# All these moments together, of the time of all sessions.
SHARE = 0.002

# The switch tells in whole seconds since when a member serves that it knows from its configuration.
WHOLE_SECONDS_S = 2.0


@pytest.fixture(scope="module")
def courses(told: Told) -> dict[int, list[Piece]]:
    """The course of every agent, by the oracle."""
    changes = served(told.recording)
    return {agent: oracle.course(known, on_the_phone(told.recording, agent)) for agent, known in changes.items()}


def test_every_agent_has_a_course_and_nobody_else(told: Told, courses: dict[int, list[Piece]]) -> None:
    assert facts.sessions(told.mart).keys() == facts.states(told.mart).keys() == courses.keys()
    assert courses.keys() == told.recording.kinds.keys()


def test_sessions_last_from_the_first_queue_to_the_last(told: Told, courses: dict[int, list[Piece]]) -> None:
    found = facts.sessions(told.mart)
    for agent, course in courses.items():
        true = oracle.sessions(course)
        assert len(found[agent]) == len(true), agent
        for session, span in zip(found[agent], true, strict=True):
            slack = WHOLE_SECONDS_S if agent in told.recording.static else MOMENT_S
            assert session.start == pytest.approx(span.start, abs=slack), agent
            assert session.end == pytest.approx(span.end, abs=MOMENT_S), agent


def test_at_every_moment_the_state_is_the_true_one(told: Told, courses: dict[int, list[Piece]]) -> None:
    found = facts.states(told.mart)
    total = apart = 0.0
    for agent, course in courses.items():
        for start, end, true in _moments(course, found[agent]):
            state = _at(found[agent], (start + end) / 2)
            total += end - start
            if state != true:
                apart += end - start
                if end - start > MOMENT_S and not _is_before_the_first(course, end):
                    pytest.fail(f"agent {agent}, {start:.3f} to {end:.3f}: {true} is told as {state}")
    assert apart < total * SHARE


def test_every_state_but_after_call_work_is_met(told: Told) -> None:
    seen = {state.what for states in facts.states(told.mart).values() for state in states}
    assert seen == {oracle.BUSY, oracle.READY, oracle.NOT_READY}


def test_pauses_have_their_length_and_the_latest_reason(told: Told, courses: dict[int, list[Piece]]) -> None:
    found = facts.pauses(told.mart)
    count = 0
    for agent, course in courses.items():
        true = [pause for pause in oracle.pauses(course) if pause.end is None or pause.end - pause.start > CLOCKS_S]
        told_pauses = [pause for pause in found[agent] if pause.end is None or pause.end - pause.start > CLOCKS_S]
        assert [pause.what for pause in told_pauses] == [pause.reason for pause in true], agent
        for pause, truth in zip(told_pauses, true, strict=True):
            assert pause.start == pytest.approx(truth.start, abs=MOMENT_S), agent
            assert pause.end == pytest.approx(truth.end, abs=MOMENT_S), agent
        count += len(true)
    assert count > 5


def test_a_pause_is_the_switchs_own_or_somebody_asked_for_it(told: Told, courses: dict[int, list[Piece]]) -> None:
    found = {(pause.what, pause.kind) for pauses in facts.pauses(told.mart).values() for pause in pauses}
    reasons = {pause.reason for course in courses.values() for pause in oracle.pauses(course)}
    assert found == {(reason, "SWITCH" if reason == AUTOPAUSE else "SOFTWARE") for reason in reasons}


def test_the_switchs_own_pauses_are_among_them(edges: Told) -> None:
    found = [pause for pauses in facts.pauses(edges.mart).values() for pause in pauses if pause.what == AUTOPAUSE]
    assert len(found) > 5


def test_memberships_are_those_of_the_queues_that_were_joined(told: Told) -> None:
    killed_at = told.recording.killed_at
    spans: dict[tuple[int, str], list[list[float | None]]] = {}
    for agent, changes in served(told.recording).items():
        for change in changes:
            known = spans.setdefault((agent, change.queue), [])
            if change.serving and (not known or known[-1][1] is not None):
                known.append([change.at, None])
            elif not change.serving and known and known[-1][1] is None:
                known[-1][1] = change.at
    found: dict[tuple[int, str], list[list[float | None]]] = {}
    for agent, queue, start, end in told.mart.execute(
        """
        SELECT employee_id::integer, group_name, extract(epoch FROM fact.start_at)::float8,
            extract(epoch FROM fact.end_at)::float8
        FROM mart.resource_group_fact_ AS fact
        JOIN mart.resource_ USING (resource_key)
        JOIN mart.group_ USING (group_key)
        ORDER BY fact.start_at
        """
    ):
        found.setdefault((agent, queue), []).append([start, end])
    assert found.keys() == spans.keys()
    assert killed_at is None or sum(map(len, found.values())) > len(found)
    for key, known in spans.items():
        slack = WHOLE_SECONDS_S if key[0] in told.recording.static else MOMENT_S
        assert [start for start, _ in found[key]] == pytest.approx([start for start, _ in known], abs=slack), key
        assert [end for _, end in found[key]] == pytest.approx([end for _, end in known], abs=MOMENT_S), key


def _moments(course: list[Piece], found: list[Lasting]) -> list[tuple[float, float, str | None]]:
    """The time cut at everything that either side tells, with what is true in each piece."""
    edges = {at for piece in course for at in (piece.start, piece.end) if at is not None}
    edges |= {at for state in found for at in (state.start, state.end) if at is not None}
    cut = sorted(edges)
    return [(start, end, oracle.state_at(course, (start + end) / 2)) for start, end in pairwise(cut)]


def _at(found: list[Lasting], at: float) -> str | None:
    return next((row.what for row in found if row.start <= at and (row.end is None or at < row.end)), None)


def _is_before_the_first(course: list[Piece], end: float) -> bool:
    """Whether this is before the truth begins, or before a session of which only whole seconds are known."""
    return any(abs(piece.start - end) < CLOCKS_S for piece in course if piece.in_session) and (
        oracle.state_at(course, end - CLOCKS_S) is None
    )
