"""When jobs are due, as a pure function of the options and the clock.

A schedule is written in wall-clock time of one zone and means instants. A wall-clock time that does not exist, since
the clocks go forward over it, means the next instant that does; one that occurs twice means the first. Several that
mean one instant are one. So a day of 23 or 25 hours neither skips a job nor runs it twice.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from twinmart.config.options import Options
from twinmart.config.values import Cron
from twinmart.errors import WrongSchedule

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)

# The two jobs of one cycle are due together.
CYCLE = "etl"


@dataclass(frozen=True, slots=True)
class Window:
    """A span of each day, half-open, as minutes since midnight; one that ends before it begins goes over midnight."""

    from_minute: int
    to_minute: int

    def __contains__(self, minute: int) -> bool:
        if self.from_minute < self.to_minute:
            return self.from_minute <= minute < self.to_minute
        return minute >= self.from_minute or minute < self.to_minute


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is due when; ``minutes`` holds for each job its minutes of the day, as the wall clock shows them.

    ``every_minutes`` is the distance of cycles within the window, 0 for one right after the other.
    """

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    is_on: bool = False
    window: Window = Window(6 * 60, 22 * 60)
    every_minutes: int = 1
    minutes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    aggregate_for: timedelta = timedelta(hours=5)

    @property
    def is_continuous(self) -> bool:
        """Whether cycles follow one another without a pause."""
        return self.every_minutes == 0

    def cycles_until(self, now: datetime) -> datetime | None:
        """Return the end of the window of cycles that is open now, or None while it is closed."""
        today = now.astimezone(self.zone).date()
        for day in (today - _DAY, today):
            start, end = self._window_of(day)
            if start <= now < end:
                return end
        return None

    def latest(self, job: str, after: datetime, until: datetime) -> datetime | None:
        """Return the last instant with ``after < t <= until`` at which the job is due."""
        day = until.astimezone(self.zone).date()
        # What is due at all is due each day; instants of yesterday's window may lie in today.
        for back in range(-1, 4):
            found = [at for at in self.instants(job, day - back * _DAY) if after < at <= until]
            if found:
                return found[-1]
        return None

    def following(self, job: str, after: datetime) -> datetime | None:
        """Return the first instant after a moment at which the job is due; None for a job without a schedule."""
        day = after.astimezone(self.zone).date()
        for ahead in range(-1, 4):
            for at in self.instants(job, day + ahead * _DAY):
                if at > after:
                    return at
        return None

    def instants(self, job: str, day: date) -> list[datetime]:
        """Return the instants of a day of the zone at which a job is due, in order, each once."""
        if job == CYCLE:
            return list(self._cycles_of(day))
        return sorted({instant(self.zone, day, minute) for minute in self.minutes.get(job, ())})

    def _cycles_of(self, day: date) -> Iterator[datetime]:
        start, end = self._window_of(day)
        at, step = start, timedelta(minutes=self.every_minutes) or _DAY
        while at < end:
            yield at
            at += step

    def _window_of(self, day: date) -> tuple[datetime, datetime]:
        goes_over = self.window.to_minute <= self.window.from_minute
        end_day = day + _DAY if goes_over else day
        return instant(self.zone, day, self.window.from_minute), instant(self.zone, end_day, self.window.to_minute)


def instant(zone: ZoneInfo, day: date, minute: int) -> datetime:
    """Return the instant, in UTC, that a minute of a day means in a zone; minute 1440 is the next day's midnight.

    >>> instant(ZoneInfo("Europe/Berlin"), date(2026, 3, 29), 150).isoformat()  # 02:30 does not exist
    '2026-03-29T01:00:00+00:00'
    >>> instant(ZoneInfo("Europe/Berlin"), date(2026, 10, 25), 150).isoformat()  # 02:30 comes twice
    '2026-10-25T00:30:00+00:00'
    """
    wall = datetime(day.year, day.month, day.day) + minute * _MINUTE  # noqa: DTZ001  the zone comes next
    found = wall.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    # With the offset that holds after the gap, the same words mean an instant before it: the gap's end lies between.
    low = int(wall.replace(tzinfo=zone, fold=1).astimezone(UTC).timestamp())
    after = datetime.fromtimestamp(int(found.timestamp()), zone).utcoffset()
    seconds = range(low, int(found.timestamp()) + 1)
    place = bisect_right(seconds, False, key=lambda second: datetime.fromtimestamp(second, zone).utcoffset() == after)  # noqa: FBT003
    return datetime.fromtimestamp(seconds[place], UTC)


def read_schedule(options: Options) -> Schedule:
    """Return the schedule that the options of section ``schedule`` make together.

    Raises:
        WrongSchedule: they contradict one another.
    """
    section = "schedule"
    window = Window(*(_minute(options.clock(section, name)) for name in ("etl-start-time", "etl-end-time")))
    if window.from_minute == window.to_minute:
        raise WrongSchedule(
            "the window of extraction is empty",
            detail=f"etl-start-time and etl-end-time are both {_shown(window.from_minute)}",
            hint=_mend("etl-end-time", "22:00"),
        )
    duration = options.clock(section, "aggregate-duration")
    minutes: dict[str, Sequence[int]] = {}
    if options.flag(section, "run-maintain"):
        minutes["maintain"] = [_maintain_minute(window, _minute(options.clock(section, "maintain-start-time")))]
    if options.flag(section, "run-aggregates"):
        minutes["aggregate"] = _minutes(options.cron(section, "aggregate-schedule"))
        if not duration:
            raise WrongSchedule(
                "aggregation would end when it begins",
                detail="aggregate-duration is 00:00",
                hint=_mend("aggregate-duration", "23:00"),
            )
    if options.flag(section, "run-export"):
        minutes["export"] = _minutes(options.cron(section, "export-schedule"))
    if options.flag(section, "run-update-stats"):
        minutes["update-stats"] = _minutes(options.cron(section, "update-stats-schedule"))
    return Schedule(
        zone=options.zone(section, "timezone"),
        is_on=options.flag(section, "run-scheduler"),
        window=window,
        every_minutes=options.number(section, "etl-frequency"),
        minutes=minutes,
        aggregate_for=duration,
    )


def _minute(clock: timedelta) -> int:
    return int(clock / _MINUTE)


def _minutes(cron: Cron) -> tuple[int, ...]:
    return tuple(sorted(hour * 60 + minute for hour in cron.hours for minute in cron.minutes))


def _maintain_minute(window: Window, minute: int) -> int:
    minute %= 24 * 60
    if minute in window:
        raise WrongSchedule(
            "maintenance would begin inside the window of extraction",
            detail=f"maintain-start-time is {_shown(minute)}, the window is {_shown(window.from_minute)} to"
            f" {_shown(window.to_minute)}",
            hint=_room_for_maintenance(window, minute),
        )
    return minute


def _room_for_maintenance(window: Window, minute: int) -> str:
    """Return the hint: maintenance when the window ends, or a pause in a window that is the whole day."""
    if (window.from_minute, window.to_minute) != (0, 24 * 60):
        return _mend("maintain-start-time", _shown(window.to_minute % (24 * 60)))
    return _mend("etl-end-time", f"{_shown(minute)} schedule/etl-start-time={_shown((minute + 30) % (24 * 60))}")


def _shown(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _mend(option: str, example: str) -> str:
    return f"The schedule before it stays. Mend it: twinmart config set application mart schedule/{option}={example}."
