"""Half-open spans of time and their arithmetic; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """A half-open span, ``start <= t < end``, both ends in UTC; spans that adjoin tile."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse a span that ends before it begins."""
        if self.end < self.start:
            raise ValueError(f"a span must not end before it begins: {self.start} to {self.end}")


def covers(spans: Iterable[Span], wanted: Span) -> bool:
    """Say whether the spans together leave nothing of the wanted one out.

    >>> from datetime import UTC
    >>> at = lambda minute: datetime(2026, 11, 22, 9, minute, tzinfo=UTC)
    >>> covers([Span(at(10), at(20)), Span(at(0), at(12))], Span(at(5), at(20)))
    True
    >>> covers([Span(at(0), at(10)), Span(at(11), at(20))], Span(at(5), at(20)))
    False
    """
    reached = wanted.start
    for span in sorted(spans):
        if span.start > reached:
            break
        reached = max(reached, span.end)
    return reached >= wanted.end
