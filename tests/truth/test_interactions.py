"""What one customer lived through is one interaction, over queues, agents, transfers and consultations."""

from collections import Counter, defaultdict

import pytest

from tests.truth import facts
from tests.truth.facts import Interaction
from tests.truth.loading import Told
from tests.truth.matching import match


@pytest.fixture(scope="module")
def of_call(told: Told) -> dict[int, set[str]]:
    """The interactions in which the legs and visits of each call to a queue stand."""
    found: dict[int, set[str]] = defaultdict(set)
    for leg, attempt in match(told.recording.legs, facts.attempts(told.mart)).pairs:
        if leg.call is not None:
            found[leg.call].add(attempt.interaction)
    place = {(visit.channel, visit.queue, visit.ordinal): visit.interaction for visit in facts.visits(told.mart)}
    for visit in told.recording.visits:
        if visit.call is not None:
            found[visit.call].add(place[visit.channel, visit.queue, visit.ordinal])
    return found


@pytest.fixture(scope="module")
def known(told: Told) -> dict[str, Interaction]:
    return {interaction.key: interaction for interaction in facts.interactions(told.mart)}


def test_all_that_belongs_to_a_call_is_one_interaction_and_nothing_else_is(of_call: dict[int, set[str]]) -> None:
    assert {call: keys for call, keys in of_call.items() if len(keys) != 1} == {}
    assert max(Counter(key for keys in of_call.values() for key in keys).values()) == 1


def test_every_call_is_an_inbound_interaction_under_its_numbers(
    told: Told, of_call: dict[int, set[str]], known: dict[str, Interaction]
) -> None:
    inbound = Counter((row.source, row.target) for row in known.values() if row.direction == "Inbound")
    calls = {call.number: call for call in told.recording.calls if call.reached_the_switch}
    refused = {visit.call for visit in told.recording.visits if visit.result in {"full", "joinempty"}} - {
        visit.call for visit in told.recording.visits if visit.result not in {"full", "joinempty"}
    }
    # Of a call over a Local channel the switch tells the caller's number only when a queue takes it in.
    number = {one: call.caller if call.is_sip or one not in refused else None for one, call in calls.items()}
    assert inbound == Counter((number[one], call.dialled) for one, call in calls.items())
    for one, call in calls.items():
        for key in of_call.get(one, ()):
            assert (known[key].source, known[key].target) == (number[one], call.dialled)


def test_every_call_that_an_agent_placed_is_an_interaction_with_whom_it_reached(
    told: Told, known: dict[str, Interaction]
) -> None:
    pairs = match(told.recording.legs, facts.attempts(told.mart)).pairs
    parts: dict[str, list[str]] = defaultdict(list)
    for leg, attempt in pairs:
        parts[attempt.interaction].append(leg.kind)
    reached = {"outbound": "external", "internal-out": "internal"}
    placed = [(leg, attempt) for leg, attempt in pairs if leg.kind in reached]
    assert len({attempt.interaction for _, attempt in placed}) == len(placed) > 5
    for leg, attempt in placed:
        row = known[attempt.interaction]
        if told.recording.settings and leg.dialled in _queue_numbers(told):
            continue
        assert sorted(parts[attempt.interaction]) == sorted([leg.kind, reached[leg.kind]])
        assert row.direction == {"outbound": "Outbound", "internal-out": "Internal"}[leg.kind]
        assert (row.source, row.target) == (str(leg.agent), leg.dialled)


def test_there_is_no_other_interaction(told: Told, known: dict[str, Interaction]) -> None:
    kinds = Counter(leg.kind for leg in told.recording.legs)
    assert Counter(row.direction for row in known.values()) == {
        "Inbound": sum(call.reached_the_switch for call in told.recording.calls),
        "Outbound": kinds["outbound"],
        "Internal": kinds["internal-out"],
    }


def test_calls_with_transfers_and_consultations_are_among_them(told: Told) -> None:
    kinds = Counter(leg.kind for leg in told.recording.legs if leg.call is not None)
    ways = Counter(visit.how for visit in told.recording.visits)
    assert min(kinds[kind] for kind in ("direct", "consult-out", "consult", "consult-queue", "external")) > 0
    assert ways["transfer"] > 0


def _queue_numbers(told: Told) -> set[str]:
    return {queue["exten"] for queue in told.recording.spec["queues"]}
