"""A collector that comes late is told who is logged in and which calls are up, and knows them from then on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.oracle import agent_states as oracle
from tests.support import MartServer
from tests.truth import facts
from tests.truth.asked import on_the_phone, served
from tests.truth.loading import Told, load
from tests.truth.matching import NEAR_S, match
from tests.truth.recording import Recording
from twinmart.collect.asterisk.wire import BANNER, END, Messages
from twinmart.collect.backfill import recorded_chunks
from twinmart.sim.recording import time_of
from twinmart.sim.switch import Switch

# So much of the recording is over when the collector comes.
MISSED = 1 / 3

# What the switch answers about a member counts if nothing happens to it within this time, and what happens if it does.
SETTLED_S = 2.0

# Since when a caller waits, and since when a member serves, is told in whole seconds.
WHOLE_SECONDS_S = 1.1


@dataclass(frozen=True, slots=True)
class Late:
    """What a late collector's mart tells, what one tells that heard everything, and since when the former heard."""

    told: Told
    whole: Told
    since: float


@pytest.fixture(scope="module", params=["site1", "edges"])
def late(
    request: pytest.FixtureRequest,
    server: MartServer,
    tell: Callable[[str], Told],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Late]:
    whole = tell(request.param)
    stream = tmp_path_factory.mktemp("late") / "ami.raw"
    since = join_late(whole.recording, stream)
    mart = server.new_mart()
    yield Late(load(mart, whole.recording, [stream]), whole, since)
    server.drop(mart)


def join_late(recording: Recording, stream: Path) -> float:
    """Write what a collector hears that comes when a third is over, and return when that is.

    The switch answers what it is asked at every login, from all that had happened by then.
    """
    messages = Messages()
    said = [message for chunk in recorded_chunks(recording.streams[0]) for message in messages.feed(chunk)]
    times = [at for message in said if (at := time_of(message)) is not None]
    since = times[0] + (times[-1] - times[0]) * MISSED
    first = next(place for place, message in enumerate(said) if (time_of(message) or 0.0) >= since)
    switch = Switch()
    for message in said[:first]:
        switch.hear(message)
    parts = [BANNER, b"11.0.0\r\nResponse: Success\r\nMessage: Authentication accepted", END, switch.fully_booted()]
    actions = ("CoreSettings", "Ping", "CoreStatus", "Ping", "QueueStatus", "CoreShowChannels", "Agents")
    parts += [switch.answer({"Action": action, "ActionID": f"{action}-1"}) for action in actions]
    parts += [part for message in said[first:] for part in (message, END)]
    stream.write_bytes(b"".join(parts))
    return since


def test_what_begins_afterwards_is_told_as_if_everything_had_been_heard(late: Late) -> None:
    later = [leg for leg in late.told.recording.legs if leg.start >= late.since]
    matched = match(later, facts.attempts(late.told.mart))
    assert matched.missing == []
    for leg, attempt in matched.pairs:
        assert attempt.kind.replace("_", "-") == leg.kind
        assert attempt.answer == pytest.approx(leg.answer, abs=NEAR_S)
        assert attempt.end == pytest.approx(leg.end, abs=NEAR_S)
    assert visits_since(late.told, late.since) == visits_since(late.whole, late.since)


def visits_since(told: Told, since: float) -> list[facts.QueueVisit]:
    """The visits of callers who had not been in a queue before."""
    before = {visit.channel for visit in told.recording.visits if visit.enter < since}
    return [row._replace(interaction="") for row in facts.visits(told.mart) if row.channel not in before]


def test_talks_that_were_going_on_are_told_from_then_to_their_end(late: Late) -> None:
    talking = [leg for leg in late.told.recording.legs if leg.answer and leg.answer < late.since < leg.end]
    assert len(talking) > 5
    begun = [row for row in facts.attempts(late.told.mart) if row.start < late.since + NEAR_S]
    for leg in talking:
        rows = [
            row
            for row in begun
            if row.agent == leg.agent and row.end == pytest.approx(leg.end, abs=NEAR_S) and row.answer is not None
        ]
        assert [row.kind for row in rows] == [leg.kind], leg


def test_callers_who_wait_are_told_with_their_wait_and_what_comes_of_it(late: Late) -> None:
    waiting = [visit for visit in late.told.recording.visits if visit.enter < late.since < visit.left]
    assert len(waiting) > 1
    found = {(row.channel, row.queue, row.ordinal): row for row in facts.visits(late.told.mart)}
    for visit in waiting:
        row = found[visit.channel, visit.queue, visit.ordinal]
        assert (row.result, row.agent) == (visit.result, visit.agent)
        assert row.start == pytest.approx(visit.enter, abs=WHOLE_SECONDS_S)
        assert row.end == pytest.approx(visit.end, abs=NEAR_S)


def test_calls_that_are_up_are_one_interaction_each_and_nothing_else_is(late: Late) -> None:
    query = (
        "SELECT media_server_root_ixn_guid, interaction_type_key, end_at FROM mart.interaction_fact"
        " WHERE start_at < to_timestamp(%s) AND end_at > to_timestamp(%s) ORDER BY media_server_root_ixn_guid"
    )
    up = late.whole.mart.execute(query, (late.since, late.since)).fetchall()
    assert len(up) > 10
    assert late.told.mart.execute(query, (late.since, late.since)).fetchall() == up


def test_agents_who_are_logged_in_are_known_since_their_login(late: Late) -> None:
    found, count = facts.sessions(late.told.mart), 0
    for agent, sessions in facts.sessions(late.whole.mart).items():
        true = [session for session in sessions if session.end is None or session.end > late.since]
        assert len(found[agent]) == len(true), agent
        for session, whole in zip(found[agent], true, strict=True):
            assert session.start == pytest.approx(whole.start, abs=WHOLE_SECONDS_S), agent
            assert session.end == whole.end, agent
            count += whole.start < late.since
    assert count > 5


def test_states_are_true_from_then_on(late: Late) -> None:
    found = facts.states(late.told.mart)
    for agent, changes in served(late.told.recording).items():
        course = oracle.course(changes, on_the_phone(late.told.recording, agent))
        settled = late.since + SETTLED_S
        edges = {at for piece in course for at in (piece.start, piece.end) if at is not None and at > settled}
        for start, end in pairwise(sorted(edges | {settled})):
            if end - start > 2 * NEAR_S:
                middle = (start + end) / 2
                state = next(
                    (row.what for row in found[agent] if row.start <= middle and (row.end is None or middle < row.end)),
                    None,
                )
                assert state == oracle.state_at(course, middle), (agent, middle)
