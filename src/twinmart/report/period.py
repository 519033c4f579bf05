"""What time a report is about: its period, its zone, its steps; pure.

A step is cut by the wall clock of the zone, so that a day has 23, 24 or 25 hours as the zone has it, and is handed to
the database as spans of epoch seconds. All zones of our times keep whole quarters of an hour, so a span always
consists of whole 15-minute intervals; a zone that did not at the time asked for is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from twinmart.errors import ImpossiblePeriod, TooManySteps, UnknownZone

STEPS = ("15min", "30min", "hour", "day", "week", "month", "quarter", "year")
PRESETS = ("today", "yesterday", "this-week", "last-week", "this-month", "last-month", "this-quarter", "last-quarter")

# A year in steps of 15 minutes, and no more: 366 days.
MOST_STEPS = 366 * 96

# What the calendar of the mart can hold; beyond it lies a slip of the keyboard.
_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

_LAST_DAYS = re.compile(r"last-([1-9][0-9]{0,3})-days")
_MINUTES = {"15min": 15, "30min": 30}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the day of the zone, both counted in; 23 and 24 both mean the last one."""

    first: int = 0
    last: int = 23

    def __post_init__(self) -> None:
        """Refuse hours that no day has, and a last one before the first."""
        if not (0 <= self.first <= 24 and 0 <= self.last <= 24 and min(self.first, 23) <= min(self.last, 23)):
            raise ImpossiblePeriod(
                f"hours {self.first} to {self.last} are in no day",
                hint="Hours are 0 to 24, the first before the last; 23 and 24 both mean the last hour.",
            )

    @property
    def is_whole_day(self) -> bool:
        """Whether no hour is left out."""
        return min(self.first, 23) == 0 and min(self.last, 23) == 23

    def listed(self) -> list[int] | None:
        """Return the hours as a list, or None for all of them."""
        return None if self.is_whole_day else list(range(min(self.first, 23), min(self.last, 23) + 1))


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open time, ``from_at <= t < to_at``, as a zone sees it."""

    from_at: datetime
    to_at: datetime
    zone: ZoneInfo

    def __post_init__(self) -> None:
        """Refuse a period that is empty, or that no calendar has."""
        if self.from_at >= self.to_at:
            raise ImpossiblePeriod(
                "a period must begin before it ends",
                detail=f"it begins {self.from_at.isoformat()} and ends {self.to_at.isoformat()}",
                hint="Name both, the earlier one first, as in: --from 2026-11-01 --to 2026-12-01.",
            )
        if self.from_at < _EARLIEST or self.to_at > _LATEST:
            raise ImpossiblePeriod(
                f"the years {self.from_at.year} to {self.to_at.year} are outside the calendar",
                detail=f"it reaches from {_EARLIEST.year} to {_LATEST.year - 1}",
                hint="Correct --from and --to.",
            )


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of epoch seconds in order, each with the begin of the step that it belongs to."""

    starts: list[int]
    ends: list[int]
    labels: list[int]

    @property
    def level(self) -> str:
        """The coarsest aggregate of which every span has whole intervals: day, hour or subhr; all of them in UTC."""
        edges = {*self.starts, *self.ends}
        for name, width in (("day", 86400), ("hour", 3600)):
            if all(edge % width == 0 for edge in edges):
                return name
        return "subhr"


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of an IANA name, such as Asia/Kolkata.

    Raises:
        UnknownZone: there is none of this name; the hint has those most like it.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = sorted(available_timezones())
        folded = {one.casefold().rpartition("/")[2]: one for one in known} | {one.casefold(): one for one in known}
        near = get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
        like = f" Did you mean {', '.join(dict.fromkeys(folded[one] for one in near))}?" if near else ""
        raise UnknownZone(
            f'there is no time zone "{name}"', hint=f"Zones have IANA names such as Europe/London.{like}"
        ) from None


def period(
    zone: ZoneInfo, *, now: datetime, from_: str | None = None, to: str | None = None, preset: str | None = None
) -> Period:
    """Return the period that somebody named; a preset goes before dates, and without either it is today.

    A bare date means the midnight with which it begins, so ``--to 2026-12-01`` ends with November.

    Raises:
        ImpossiblePeriod: a date cannot be read, or it ends before it begins.
    """
    if preset is not None or (from_ is None and to is None):
        return _preset(preset or "today", zone, now)
    begin = _midnight(now.astimezone(zone).date(), zone) if from_ is None else _moment(from_, zone)
    return Period(begin, now if to is None else _moment(to, zone), zone)


def spans(wanted: Period, step: str | None, hours: Hours) -> Spans:
    """Cut a period into steps by the wall clock of its zone, and leave out hours that are not wanted.

    Without a step all of it is one. The ends of the period are moved outwards to whole intervals of 15 minutes.

    Raises:
        TooManySteps: there would be more than ``MOST_STEPS``.
        ImpossiblePeriod: the zone's clock differed from UTC by a part of a quarter of an hour then.
    """
    first, last = _interval_of(wanted.from_at), -_interval_of(wanted.to_at, up=True)
    found = Spans([], [], [])
    for label, begin, end in _steps(wanted, step):
        for start, stop in [(begin, end)] if hours.is_whole_day else _within_hours(begin, end, wanted.zone, hours):
            low = first if start <= wanted.from_at else _epoch(start)
            high = last if stop >= wanted.to_at else _epoch(stop)
            if low >= high:
                continue
            if low % 900 or high % 900:
                raise ImpossiblePeriod(
                    f'the clock of "{wanted.zone.key}" was not whole quarters of an hour from UTC then',
                    detail=f"a step begins {start.isoformat()}",
                    hint="Ask in another zone, such as --zone UTC.",
                )
            found.starts.append(low)
            found.ends.append(high)
            found.labels.append(max(_epoch(label), first))
    if not found.starts:
        raise ImpossiblePeriod("none of the hours lies in the period", hint="Correct the hours or the period.")
    return found


def _steps(wanted: Period, step: str | None) -> Iterator[tuple[datetime, datetime, datetime]]:
    """Yield label, begin and end of each step that meets the period."""
    if step is None:
        yield wanted.from_at, wanted.from_at, wanted.to_at
        return
    expected = (wanted.to_at - wanted.from_at) / timedelta(minutes=_MINUTES.get(step, 60 if step == "hour" else 1440))
    if expected > MOST_STEPS:
        raise TooManySteps(
            f"{expected:,.0f} steps of {step} are more than a report holds",
            detail=f"the most are {MOST_STEPS:,}: a year of 15 minutes",
            hint="Ask for a shorter period with --from and --to, or for longer steps such as --by day.",
        )
    edges = _edges(wanted, step)
    begin = next(edges)
    for end in edges:
        if end > wanted.from_at:
            yield begin, begin, end
        if end >= wanted.to_at:
            return
        begin = end


def _edges(wanted: Period, step: str) -> Iterator[datetime]:
    """Yield the begins of steps without end, in UTC, the first at or before the period's begin."""
    local = wanted.from_at.astimezone(wanted.zone)
    if step in _MINUTES or step == "hour":
        # Counted on, not by the wall clock: an hour that comes twice is two steps, one that is skipped is none.
        width = timedelta(minutes=_MINUTES.get(step, 60))
        at = local.replace(
            minute=local.minute // (width.seconds // 60) * (width.seconds // 60), second=0, microsecond=0
        )
        moment = at.astimezone(UTC)
        while True:
            yield moment
            moment += width
    day = local.date()
    if step == "week":
        day -= timedelta(days=day.weekday())
    elif step in _MONTHS:
        day = day.replace(month=(day.month - 1) // _MONTHS[step] * _MONTHS[step] + 1, day=1)
    while True:
        yield _midnight(day, wanted.zone)
        day = _next(day, step)


def _next(day: date, step: str) -> date:
    if step in _MONTHS:
        return _months_on(day, _MONTHS[step])
    return day + timedelta(days=7 if step == "week" else 1)


def _months_on(day: date, months: int) -> date:
    whole = day.year * 12 + day.month - 1 + months
    return date(whole // 12, whole % 12 + 1, 1)


def _within_hours(begin: datetime, end: datetime, zone: ZoneInfo, hours: Hours) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of a step that lie in the hours wanted, day by day."""
    day = begin.astimezone(zone).date()
    while True:
        first = _at(day, hours.first, zone)
        last = _at(day + timedelta(days=1), 0, zone) if hours.last >= 23 else _at(day, hours.last + 1, zone)
        if first >= end:
            return
        if last > begin:
            yield max(first, begin), min(last, end)
        day += timedelta(days=1)


def _at(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(min(hour, 23)), tzinfo=zone).astimezone(UTC)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins; where the clock jumps over midnight that is the first moment after the jump."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _preset(name: str, zone: ZoneInfo, now: datetime) -> Period:
    today = now.astimezone(zone).date()
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    quarter = first.replace(month=(first.month - 1) // 3 * 3 + 1)
    days = {
        "today": (today, today + timedelta(days=1)),
        "yesterday": (today - timedelta(days=1), today),
        "this-week": (monday, monday + timedelta(days=7)),
        "last-week": (monday - timedelta(days=7), monday),
        "this-month": (first, _months_on(first, 1)),
        "last-month": (_months_on(first, -1), first),
        "this-quarter": (quarter, _months_on(quarter, 3)),
        "last-quarter": (_months_on(quarter, -3), quarter),
    }
    if counted := _LAST_DAYS.fullmatch(name):
        days[name] = (today - timedelta(days=int(counted[1])), today)
    if name not in days:
        near = get_close_matches(name, days, n=2)
        like = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ImpossiblePeriod(
            f'there is no preset "{name}"', hint=f"Presets are {', '.join(PRESETS)} and last-N-days.{like}"
        )
    begin, end = days[name]
    return Period(_midnight(begin, zone), _midnight(end, zone), zone)


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ImpossiblePeriod(
            f'"{text}" is not a time',
            detail=str(error),
            hint="Write a day as 2026-11-22, or a time as 2026-11-22T09:30, in the zone of the report.",
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())


def _interval_of(moment: datetime, *, up: bool = False) -> int:
    """Return the interval of a moment; with ``up`` the next one's begin if it is inside, negated."""
    seconds = moment.timestamp()
    return int(-seconds // 900 * 900) if up else int(seconds // 900 * 900)
