"""What an agent did at every moment, the slow and obvious way: look at each moment and ask all that is known of it.

Independent of the mart's SQL: for every span between two things that happened, everything that happened before is gone
through again. An agent is in session while serving any queue; busy while on the phone; not ready while paused in every
queue served; ready otherwise. Times are seconds since the epoch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

BUSY, NOT_READY, READY = "Busy", "NotReady", "Ready"


class Served(NamedTuple):
    """From a moment on: whether an agent serves a queue, and whether paused there, with which reason."""

    at: float
    queue: str
    serving: bool
    paused: bool = False
    reason: str | None = None


class Span(NamedTuple):
    """A span of time; one that goes on has no end."""

    start: float
    end: float | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A span in which nothing changed, and how it was."""

    start: float
    end: float | None
    state: str | None
    pause: tuple[str | None] | None

    @property
    def in_session(self) -> bool:
        """Whether the agent was serving any queue."""
        return self.state is not None


class Pause(NamedTuple):
    """A span of being paused everywhere, for one reason."""

    start: float
    end: float | None
    reason: str | None


def course(changes: Iterable[Served], on_the_phone: Iterable[Span]) -> list[Piece]:
    """Return the whole time from the first thing that happened, in pieces; the last one goes on."""
    known = sorted(changes, key=lambda change: change.at)
    spans = list(on_the_phone)
    moments = sorted(
        {change.at for change in known} | {at for span in spans for at in (span.start, span.end) if at is not None}
    )
    ends: list[float | None] = [*moments[1:], None]
    return [_piece(at, end, known, spans) for at, end in zip(moments, ends, strict=True)]


def _piece(at: float, end: float | None, changes: Sequence[Served], spans: Sequence[Span]) -> Piece:
    latest: dict[str, Served] = {}
    for change in changes:
        if change.at <= at:
            latest[change.queue] = change
    serving = [change for change in latest.values() if change.serving]
    if not serving:
        return Piece(at, end, None, None)
    pause: tuple[str | None] | None = None
    if all(change.paused for change in serving):
        pause = (max(serving, key=lambda change: change.at).reason,)
    if any(span.start <= at and (span.end is None or at < span.end) for span in spans):
        return Piece(at, end, BUSY, pause)
    return Piece(at, end, NOT_READY if pause else READY, pause)


def sessions(pieces: Sequence[Piece]) -> list[Span]:
    """Return the spans in which the agent was in session."""
    found: list[Span] = []
    for piece in pieces:
        if not piece.in_session:
            continue
        if found and found[-1].end == piece.start:
            found[-1] = Span(found[-1].start, piece.end)
        else:
            found.append(Span(piece.start, piece.end))
    return found


def pauses(pieces: Sequence[Piece]) -> list[Pause]:
    """Return the pauses; another reason is another pause, being busy meanwhile is not."""
    found: list[Pause] = []
    for piece in pieces:
        if piece.pause is None:
            continue
        reason = piece.pause[0]
        if found and (found[-1].end, found[-1].reason) == (piece.start, reason):
            found[-1] = Pause(found[-1].start, piece.end, reason)
        else:
            found.append(Pause(piece.start, piece.end, reason))
    return found


def state_at(pieces: Sequence[Piece], at: float) -> str | None:
    """Return the state at a moment; None before everything and outside sessions."""
    for piece in pieces:
        if piece.start <= at and (piece.end is None or at < piece.end):
            return piece.state
    return None
