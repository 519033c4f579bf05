"""Finds for each leg of the truth the row of the facts that tells of it."""

from dataclasses import dataclass

from tests.truth.facts import Attempt
from tests.truth.legs import Leg

# How far a time in the facts may lie from what the phone's own clock says.
NEAR_S = 0.5


@dataclass(frozen=True, slots=True)
class Matched:
    """Which row tells of which leg, and what is left on either side."""

    pairs: list[tuple[Leg, Attempt]]
    missing: list[Leg]
    invented: list[Attempt]


def match(legs: list[Leg], attempts: list[Attempt]) -> Matched:
    """Pair each leg with the nearest row of the same phone that begins within half a second of it."""
    nearby = sorted(
        (abs(_begin(leg, attempt) - leg.start), one, other)
        for one, leg in enumerate(legs)
        for other, attempt in enumerate(attempts)
        if abs(_begin(leg, attempt) - leg.start) <= NEAR_S and _same_phone(leg, attempt)
    )
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for _, one, other in nearby:
        if one not in partner and other not in taken:
            partner[one] = other
            taken.add(other)
    return Matched(
        [(legs[one], attempts[other]) for one, other in sorted(partner.items())],
        [leg for one, leg in enumerate(legs) if one not in partner],
        [attempt for other, attempt in enumerate(attempts) if other not in taken],
    )


def _begin(leg: Leg, attempt: Attempt) -> float:
    # Of a member that is no phone, only the answer was seen.
    return attempt.start if leg.is_phone or attempt.answer is None else attempt.answer


def _same_phone(leg: Leg, attempt: Attempt) -> bool:
    if leg.agent is None:
        return attempt.agent is None and leg.dialled in (attempt.target, attempt.target.partition("@")[0])
    return attempt.agent == leg.agent
