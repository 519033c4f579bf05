"""A phone's part in a call, as the phone lived through it, and where the truth about it slipped.

The driver of the phones wrote down what it believed, and had no way to know better at times. Where its own other lines
show that, the leg is corrected, with the reason; nothing is corrected by what the switch or the mart says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

# Of two phones that answer at once the switch keeps one; it hangs up on the other within this time.
LOSER_S = 0.6

# A call and what it reaches begin within this time of each other.
DIAL_S = 1.0

LOST_THE_RACE = "answered in the same instant as another phone, which the switch kept: this one only rang"
CALLED_DIRECTLY = "booked for a consultation of the caller some time before, but the caller placed another call here"
OUTLIVED_THE_SWITCH = "a phone does not notice that the switch died, but its call ended all the same"
CALLED_A_DEAD_SWITCH = "called while the switch was down, which heard of it when it was up again"
CONSULTED_FOR_A_LOST_CALL = "the call that the phone believes to hold was lost with the switch"

# How a leg ended that the switch took with it, and what a consultation is when there is no call to consult for.
KILL = "kill"
WITHOUT_THE_HELD_CALL = {"consult-out": "internal-out", "consult-queue": "queue", "consult": "internal"}


@dataclass(frozen=True, slots=True)
class Leg:
    """A phone's part in a call; ``agent`` is None for a phone outside. Times are seconds since the epoch.

    ``caller`` is the number that the phone saw, ``dialled`` the one that it dialled or that reached it.
    """

    kind: str
    agent: int | None
    call: int | None
    caller: str | None
    dialled: str | None
    start: float
    answer: float | None
    end: float
    end_by: str
    holds: tuple[tuple[float, float], ...]
    is_phone: bool
    transferred: bool

    @property
    def talk(self) -> float:
        """Seconds from the answer to the end, hold included."""
        return self.end - self.answer if self.answer is not None else 0.0

    @property
    def hold(self) -> float:
        """Seconds for which the phone held the other side, up to its own end."""
        return sum(min(to, self.end) - at for at, to in self.holds)


class Slip(NamedTuple):
    """A leg as it was told, as it must have been, and how that is known."""

    told: Leg
    leg: Leg
    reason: str


def read_leg(row: dict[str, Any]) -> Leg:
    """Return a line of legs.jsonl."""
    return Leg(
        row["kind"],
        row["agent"],
        row.get("call"),
        row.get("from"),
        row.get("to"),
        row.get("t_ring") or row["t_answer"],
        row.get("t_answer"),
        row["t_end"],
        row["end_by"] or "",
        tuple((at, to or row["t_end"]) for at, to in row["holds"]),
        row["source"] == "sip",
        (row.get("xfer") or {}).get("refer_final") == 200,
    )


def slip(leg: Leg, legs: Sequence[Leg], killed_at: float | None, up_again_at: float) -> Slip | None:
    """Return how a leg must be corrected, in the light of all others and of the switch's death; None if it stands."""
    if _lost_the_race(leg, legs):
        return Slip(leg, replace(leg, answer=None, end_by="cancel"), LOST_THE_RACE)
    if (placed := _own_call(leg, legs)) is not None:
        kind = "internal" if placed.kind == "internal-out" else leg.kind
        return Slip(leg, replace(leg, kind=kind, call=None), CALLED_DIRECTLY)
    if killed_at is None:
        return None
    if leg.start < killed_at < leg.end:
        answer = leg.answer if leg.answer and leg.answer < killed_at else None
        return Slip(
            leg, replace(leg, answer=answer, end=killed_at, end_by=KILL, transferred=False), OUTLIVED_THE_SWITCH
        )
    if killed_at <= leg.start < up_again_at:
        return Slip(leg, replace(leg, start=up_again_at), CALLED_A_DEAD_SWITCH)
    if leg.start > killed_at and leg.kind in WITHOUT_THE_HELD_CALL and _held_before(leg, killed_at, legs):
        return Slip(leg, replace(leg, kind=WITHOUT_THE_HELD_CALL[leg.kind], call=None), CONSULTED_FOR_A_LOST_CALL)
    return None


def _lost_the_race(leg: Leg, legs: Sequence[Leg]) -> bool:
    if leg.answer is None or leg.end_by != "remote" or leg.talk > LOSER_S:
        return False
    return any(
        (other.kind, other.call) == (leg.kind, leg.call)
        and other.answer is not None
        and abs(other.answer - leg.answer) < LOSER_S
        and other.end > leg.end
        for other in legs
    )


def _own_call(leg: Leg, legs: Sequence[Leg]) -> Leg | None:
    """Return the call that a phone placed outside any consultation, if that is what reached this leg."""
    if leg.call is None or leg.kind not in {"consult", "consult-queue", "external"}:
        return None
    for placed in legs:
        if (
            placed.kind in {"outbound", "internal-out"}
            and str(placed.agent) == leg.caller
            and placed.dialled in {str(leg.agent), f"9{leg.dialled}"}
            and abs(placed.start - leg.start) < DIAL_S
        ):
            return placed
    return None


def _held_before(leg: Leg, killed_at: float, legs: Sequence[Leg]) -> bool:
    """Whether the call that a leg consults for, or is consulted for, stems from before the switch was killed."""
    consults = str(leg.agent) if leg.kind == "consult-out" else leg.caller
    return any(
        held.call == leg.call and str(held.agent) == consults and held.start < killed_at < held.end for held in legs
    )
