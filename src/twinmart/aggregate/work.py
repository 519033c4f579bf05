"""What is to be rebuilt next: spans of requested intervals, handed out to writers; recent ones before old ones."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Condition

from twinmart.aggregate.sets import BY_NAME
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.model.writers import Schedule

# Intervals that began within so many seconds are recent.
RECENT_S = 86_400

# A list of what is pending is used for so long before it is read again, so that today's news does not wait for it.
FRESH_S = 1.0

_WIDTH_S = {"subhr": 900, "hour": 3600, "day": 86_400}

# A writer for every so many intervals, up to as many as the schedule has.
LEAST_INTERVALS = 8

# Sets that take longest come first, so that writers who share the work end together.
DEAREST = ["i_agent", "queue", "agent", "id"]

# Below so many seconds a unit is little news: higher levels follow in its transaction.
SMALL_S = 8 * 900


@dataclass(frozen=True, slots=True)
class Unit:
    """What one transaction rebuilds: the intervals from ``from_key`` up to ``to_key``, that one left out.

    Several sets are those that are made of the same rows of facts, which are then read once.
    """

    tenant_key: int
    set_names: tuple[str, ...]
    level: str
    from_key: int
    to_key: int
    zone: int
    reach: str = "hour"
    is_redo: bool = False

    @property
    def is_small(self) -> bool:
        """Whether it is little news of 15 minutes; what somebody asked for is computed anew at every level."""
        return self.level == "subhr" and self.to_key - self.from_key < SMALL_S and not self.is_redo

    @property
    def intervals(self) -> int:
        """How many intervals of sets it has, in quarters of an hour."""
        return (self.to_key - self.from_key) // 900 * len(self.set_names)

    def span(self) -> dict[str, object]:
        """Return the parameters of every statement that works on it."""
        return {"tenant_key": self.tenant_key, "from_key": self.from_key, "to_key": self.to_key}

    def higher_spans(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield the higher levels that are stored with it, from the lowest, with the parameters of their statements.

        15 minutes, all of one day, carry their hours along; little news also day and month, unless these are delayed.
        """
        if self.level == "subhr":
            for level in ("hour", "day", "month") if self.is_small and self.reach == "month" else ("hour",):
                begin = _begin(level, self.from_key)
                yield level, {**self.span(), "from_key": begin, "to_key": _end(level, _begin(level, self.to_key - 1))}

    def overlaps(self, other: "Unit") -> bool:
        """Whether both write the same rows at any level."""
        if self.tenant_key != other.tenant_key or not set(self.set_names) & set(other.set_names):
            return False
        mine, others = ({u.level: u.span()} | dict(u.higher_spans()) for u in (self, other))
        return any(
            int(str(mine[level]["from_key"])) < int(str(others[level]["to_key"]))
            and int(str(others[level]["from_key"])) < int(str(mine[level]["to_key"]))
            for level in mine.keys() & others.keys()
        )


@dataclass
class Work:
    """Hands out units to writers, each to one of them, until nothing is left that they may do.

    ``mart`` is used under the lock of this object only.
    """

    mart: Connection
    schedule: Schedule
    delays_s: Mapping[str, int]
    _ready: list[Unit] = field(default_factory=list)
    _busy: list[Unit] = field(default_factory=list)
    _read_at: float = float("-inf")
    _changed: Condition = field(default_factory=Condition)
    is_stopped: bool = False

    def writers(self) -> int:
        """Return how many writers are worth their connections now; a strict schedule gets all that it names."""
        with self._changed:
            self._read()
            intervals = sum(unit.intervals for unit in self._ready)
        if any(writers.is_strict for writers in self.schedule.by_hour):
            return self.schedule.most
        return max(1, min(self.schedule.most, -(-intervals // LEAST_INTERVALS)))

    def units(self, writer: int) -> Iterator[Unit]:
        """Yield units for a writer, counted from 0; each counts as being worked on until the next is asked for."""
        unit = None
        while (unit := self._next(writer, unit)) is not None:
            yield unit

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self.is_stopped = True
            self._changed.notify_all()

    def _next(self, writer: int, done: Unit | None) -> Unit | None:
        with self._changed:
            if done is not None:
                self._busy.remove(done)
                self._changed.notify_all()
            while not self.is_stopped:
                zones = self.schedule.by_hour[datetime.now(UTC).hour].zones(writer)
                if (unit := self._pick(zones)) is not None:
                    self._busy.append(unit)
                    return unit
                if not self._busy:
                    return None
                # What others do may ask for higher levels.
                self._changed.wait(FRESH_S)
        return None

    def _pick(self, zones: tuple[int, ...]) -> Unit | None:
        is_old = time.monotonic() - self._read_at > FRESH_S
        for is_read in (is_old, True):
            if is_read:
                self._read()
            for zone in zones:
                for unit in self._ready:
                    if unit.zone == zone and not any(unit.overlaps(other) for other in self._busy):
                        self._ready.remove(unit)
                        return unit
            if is_old:
                break
        return None

    def _read(self) -> None:
        recent = int(time.time()) - RECENT_S
        rows = self.mart.execute(
            sql_text("aggregate/pending"),
            {
                "recent_key": recent,
                "day_delay_s": self.delays_s["day"],
                "month_delay_s": self.delays_s["month"],
                "dearest": DEAREST,
            },
        )
        reach = "hour" if any(self.delays_s.values()) else "month"
        together: dict[tuple[str, Unit], list[str]] = {}
        for tenant_key, name, level, first, last, zone, is_redo in rows:
            same = BY_NAME[name].rows.file if level == "subhr" else name
            unit = Unit(tenant_key, (), level, first, _end(level, last), zone, reach, is_redo)
            together.setdefault((same, unit), []).append(name)
        self._ready = [replace(unit, set_names=tuple(names)) for (_, unit), names in together.items()]
        self._read_at = time.monotonic()


def _begin(level: str, key: int) -> int:
    if level == "month":
        return int(datetime.fromtimestamp(key, UTC).replace(day=1, hour=0, minute=0, second=0).timestamp())
    return key // _WIDTH_S[level] * _WIDTH_S[level]


def _end(level: str, last_key: int) -> int:
    if level == "month":
        begin = datetime.fromtimestamp(last_key, UTC)
        following = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
        return int(following.timestamp())
    return last_key + _WIDTH_S[level]
