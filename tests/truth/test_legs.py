"""Every leg of a phone has its row, and no row tells of a leg that was none."""

from collections import Counter

import pytest

from tests.truth import facts
from tests.truth.asked import INSTANT_S, visit_of
from tests.truth.facts import Attempt
from tests.truth.legs import (
    CALLED_A_DEAD_SWITCH,
    CALLED_DIRECTLY,
    CONSULTED_FOR_A_LOST_CALL,
    KILL,
    LOST_THE_RACE,
    OUTLIVED_THE_SWITCH,
    Leg,
)
from tests.truth.loading import Told
from tests.truth.matching import NEAR_S, Matched, match
from tests.truth.recording import POOL, ROBOT, Recording

# Where the truth itself slipped: so often in each recording, and no more.
SLIPS = {
    "site1": {CALLED_DIRECTLY: 5},
    "edges": {CALLED_DIRECTLY: 2, LOST_THE_RACE: 1},
    "crash": {
        CALLED_DIRECTLY: 1,
        OUTLIVED_THE_SWITCH: 10,
        CALLED_A_DEAD_SWITCH: 1,
        CONSULTED_FOR_A_LOST_CALL: 2,
    },
}


@pytest.fixture(scope="module")
def matched(told: Told) -> Matched:
    """Which row tells of which leg."""
    return match(told.recording.legs, facts.attempts(told.mart))


def test_the_truth_is_corrected_no_oftener_than_known(told: Told) -> None:
    assert Counter(slip.reason for slip in told.recording.slips) == SLIPS[told.recording.name]


def test_every_leg_has_its_row(matched: Matched) -> None:
    assert matched.missing == []


def test_every_row_is_of_the_kind_of_its_leg(matched: Matched) -> None:
    kinds = [(leg.kind, attempt.kind.replace("_", "-"), leg) for leg, attempt in matched.pairs]
    assert [leg for true, told, leg in kinds if true != told] == []


def test_every_row_begins_is_answered_and_ends_with_its_leg(matched: Matched) -> None:
    apart = [
        (leg, attempt)
        for leg, attempt in matched.pairs
        if (leg.answer is None) != (attempt.answer is None)
        or _apart(leg.answer, attempt.answer)
        or (leg.is_phone and _apart(leg.start, attempt.start))
        # When the switch died is for another test to judge.
        or (leg.end_by != KILL and _apart(leg.end, attempt.end))
    ]
    assert apart == []


def test_no_row_is_invented(told: Told, matched: Matched) -> None:
    assert [row for row in matched.invented if told.recording.kinds.get(row.agent or 0) not in {ROBOT, POOL}] == []
    assert [row for row in matched.invented if not _was_rung(told.recording, row)] == []


def test_who_transferred_a_call_is_known(matched: Matched) -> None:
    assert any(leg.transferred for leg, _ in matched.pairs)
    for leg, attempt in matched.pairs:
        assert attempt.transferred == int(leg.transferred), leg
        assert (attempt.result == "Transferred") == leg.transferred, leg


def test_a_call_that_was_not_taken_was_refused_missed_or_called_off(told: Told, matched: Matched) -> None:
    seen = Counter(
        (_fate(told.recording, leg), attempt.result, attempt.reason)
        for leg, attempt in matched.pairs
        if leg.kind == "queue" and leg.answer is None and leg.end_by != KILL
    )
    assert seen.keys() <= {
        ("refused", "Redirected", "Rejected"),
        ("missed", "Redirected", "RoutedOnNoAnswer"),
        ("another answered", "Diverted", "AnsweredByOther"),
        ("caller gave up", "CustomerAbandoned", "AbandonedWhileRinging"),
        ("caller left by key", "Diverted", "ExitedByKey"),
    }
    assert len(seen) >= 3


def test_who_ended_a_talk_is_right_where_it_is_known(matched: Matched) -> None:
    known = [(leg, attempt) for leg, attempt in matched.pairs if leg.answer is not None and attempt.stop_action >= 0]
    assert len(known) > len(matched.pairs) / 3
    assert [pair for pair in known if pair[1].stop_action != int(pair[0].end_by == "agent")] == []


def _apart(true: float | None, told: float | None) -> bool:
    return true is not None and (told is None or abs(true - told) > NEAR_S)


def _was_rung(recording: Recording, row: Attempt) -> bool:
    """Whether the dialplan of a member that is no phone says that it was rung; only its answers are in the truth."""
    return any(
        line.what in {"RRING", "PREQ"} and line.about == str(row.agent) and abs(line.at - row.start) < NEAR_S
        for line in recording.dialplan
    )


def _fate(recording: Recording, leg: Leg) -> str:
    if leg.end_by.startswith("reject"):
        return "refused"
    visit = visit_of(recording, leg)
    if visit is None or abs(visit.left - leg.end) > INSTANT_S:
        return "missed"
    fates = {"answered": "another answered", "abandoned": "caller gave up", "exitkey": "caller left by key"}
    return fates.get(visit.result, "missed")
