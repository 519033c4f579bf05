"""The ``writer-schedule``: how many writers work on recent and on old intervals at which hours; pure.

``default=flex(3:1);hour(8-19)=strict(3:0)``: between 8:00 and 20:00 of UTC three writers for recent intervals and none
for old ones, at other times three and one. ``flex``, or ``p``, lets a writer that has nothing to do in its zone work in
the other one; ``strict`` does not.
"""

import re
from dataclasses import dataclass
from typing import Self

from twinmart import errors

MOST_WRITERS = 10
RECENT, OLD = 1, 2

_ENTRY = re.compile(
    r"(?:default|hour\((?P<first>\d{1,2})-(?P<last>\d{1,2})\))=(?P<mode>flex|strict|p)\((?P<recent>\d+):(?P<old>\d+)\)"
)


@dataclass(frozen=True, slots=True)
class Writers:
    """How many writers there are for recent and for old intervals, and whether they may help each other."""

    recent: int
    old: int
    is_strict: bool

    @property
    def total(self) -> int:
        """All of them."""
        return self.recent + self.old

    def zones(self, writer: int) -> tuple[int, ...]:
        """Return in which zones a writer, counted from 0, works, the one it prefers first; none when it rests."""
        if writer >= self.total:
            return ()
        own = RECENT if writer < self.recent else OLD
        return (own,) if self.is_strict else (own, OLD if own == RECENT else RECENT)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Writers by hour of the day, UTC."""

    by_hour: tuple[Writers, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a schedule; the last entry that names an hour counts, and the default where none does.

        Raises:
            WrongWriterSchedule: it cannot be read, has no writer, or more than ten.
        """
        default = Writers(3, 1, is_strict=False)
        hours: dict[int, Writers] = {}
        for entry in filter(None, (part.strip() for part in re.split(r"[;\s]+", text))):
            found = _ENTRY.fullmatch(entry)
            if found is None:
                raise _wrong(text, f'"{entry}" is no entry')
            writers = Writers(int(found["recent"]), int(found["old"]), found["mode"] == "strict")
            if not 1 <= writers.total <= MOST_WRITERS:
                raise _wrong(text, f'"{entry}" names {writers.total} writers; there may be 1 to {MOST_WRITERS}')
            if found["first"] is None:
                default = writers
                continue
            first, last = int(found["first"]), int(found["last"])
            if max(first, last) > 24:
                raise _wrong(text, f'"{entry}" names an hour past 24')
            span = range(first, last + 1) if first <= last else (*range(first, 24), *range(last + 1))
            hours |= {hour % 24: writers for hour in span}
        return cls(tuple(hours.get(hour, default) for hour in range(24)))

    @property
    def most(self) -> int:
        """Most writers at any hour."""
        return max(writers.total for writers in self.by_hour)


def _wrong(text: str, why: str) -> errors.WrongWriterSchedule:
    return errors.WrongWriterSchedule(
        f'writer-schedule "{text}" cannot be used',
        detail=f"{why}; nothing was changed",
        hint='Write it like "default=flex(3:1);hour(8-19)=strict(3:0)", with: twinmart config set.',
    )
