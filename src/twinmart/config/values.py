"""Values of options: how each type is written, read and bounded. Pure.

An option is kept as text, as people write it. ``Type.parse`` turns that into the value that programs use and raises
ValueError, with words for people, when the text is not of the type.
"""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Self, TypeAlias, Union
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from twinmart.errors import WrongWriterSchedule
from twinmart.model.writers import Schedule as WriterSchedule

Value: TypeAlias = Union[bool, int, float, str, date, timedelta, "Cron", ZoneInfo, tuple[str, ...], tuple[float, ...]]

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_MONTH_DAY = re.compile(r"(0?[1-9]|1[0-2])-(0?[1-9]|1\d|2[0-8])")
_REFERENCE = re.compile(r"env:\w+|file:.+|keyring:[^/]+/.+")
_FIELD = re.compile(r"(?P<from>\*|\d{1,2})(?:-(?P<to>\d{1,2}))?(?:/(?P<step>\d{1,2}))?")
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_DAY = timedelta(days=1)


class Type(StrEnum):
    """What kind of value an option has."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    CHOICE = "choice"
    CLOCK = "clock"
    CRON = "cron"
    ZONE = "zone"
    DATE = "date"
    WORDS = "words"
    NUMBERS = "numbers"
    MONTH_DAY = "month-day"
    ENCODING = "encoding"
    REFERENCE = "reference"
    WRITERS = "writers"

    @property
    def meaning(self) -> str:
        """How a value of the type is written."""
        return _MEANINGS[self]

    def parse(self, text: str) -> Value:
        """Return the value that the text stands for.

        Raises:
            ValueError: it stands for none; the message says how one is written.
        """
        try:
            return _PARSERS[self](text.strip())
        except ValueError as error:
            raise ValueError(str(error) if error.args and "Invalid" not in str(error) else self.meaning) from None


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule in two fields, minutes and hours, as ``20 0/8``: at 00:20, 08:20 and 16:20 each day."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``MINUTES HOURS``, where a field is ``*``, ``A``, ``A-B``, ``A/STEP`` or several with commas.

        ``A/STEP`` goes on to the end of the hour or day, as the original has it.

        >>> sorted(Cron.parse("20 0/8").hours)
        [0, 8, 16]
        >>> sorted(Cron.parse("0 0,3/9").hours)
        [0, 3, 12, 21]

        Raises:
            ValueError: it is not written so.
        """
        fields = text.split()
        if len(fields) != 2:
            raise ValueError('a schedule has two fields, minutes and hours, such as "20 0/8"')
        return cls(text, _field(fields[0], 59, "minutes"), _field(fields[1], 23, "hours"))

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time of the schedule after a moment, by the clock of the moment's zone, in UTC.

        A time of day that summer time skips is not there that day; one that it repeats comes once.

        >>> paris = ZoneInfo("Europe/Paris")
        >>> Cron.parse("30 2").next_after(datetime(2026, 3, 29, tzinfo=paris)).isoformat()
        '2026-03-30T00:30:00+00:00'
        """
        zone = moment.tzinfo
        if zone is None:
            raise ValueError("a moment has a zone")
        utc = ZoneInfo("UTC")
        day = moment.date()
        while True:
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    clock = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                    at = clock.astimezone(utc)
                    is_there = at.astimezone(zone).replace(tzinfo=None) == clock.replace(tzinfo=None)
                    if is_there and at > moment.astimezone(utc):
                        return at
            day += _DAY

    def __str__(self) -> str:
        return self.text


def _field(text: str, most: int, what: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        read = _FIELD.fullmatch(part)
        if read is None:
            raise ValueError(f'"{part}" is not {what}: write *, 5, 5-9, 0/15, or several of them with commas')
        first = 0 if read["from"] == "*" else int(read["from"])
        step = int(read["step"] or 1)
        last = int(read["to"]) if read["to"] else first if read["from"] != "*" and not read["step"] else most
        if first > last or last > most or not step:
            raise ValueError(f'"{part}" is not within the {what} 0 to {most}')
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _boolean(text: str) -> bool:
    try:
        return _WORDS[text.lower()]
    except KeyError:
        raise ValueError from None


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    # Whole milliseconds at the finest, and nothing that PostgreSQL or TOML would read otherwise.
    if not re.fullmatch(r"-?\d{1,12}(\.\d{1,3})?", text):
        raise ValueError
    return float(text)


def _clock(text: str) -> timedelta:
    read = _CLOCK.fullmatch(text)
    if read is None or int(read[2]) > 59 or int(read[1]) * 60 + int(read[2]) > 24 * 60:
        raise ValueError
    return timedelta(hours=int(read[1]), minutes=int(read[2]))


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo({"GMT": "Etc/GMT"}.get(text, text))
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(f'there is no time zone "{text}"') from None


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _numbers(text: str) -> tuple[float, ...]:
    found = tuple(_number(word) for word in _words(text))
    if list(found) != sorted(set(found)):
        raise ValueError("the numbers must rise")
    return found


def _written_like(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError
        return text

    return parse


def _encoding(text: str) -> str:
    try:
        codecs.lookup(text)
    except (LookupError, ValueError):
        raise ValueError from None
    return text


def _writers(text: str) -> str:
    try:
        WriterSchedule.parse(text)
    except WrongWriterSchedule as error:
        raise ValueError(f"{Type.WRITERS.meaning}; {(error.detail or '').partition(';')[0]}") from None
    return text


_PARSERS: dict[Type, Callable[[str], Value]] = {
    Type.BOOLEAN: _boolean,
    Type.INTEGER: _integer,
    Type.NUMBER: _number,
    Type.TEXT: str,
    Type.CHOICE: str.lower,
    Type.CLOCK: _clock,
    Type.CRON: Cron.parse,
    Type.ZONE: _zone,
    Type.DATE: date.fromisoformat,
    Type.WORDS: _words,
    Type.NUMBERS: _numbers,
    Type.MONTH_DAY: _written_like(_MONTH_DAY),
    Type.ENCODING: _encoding,
    Type.REFERENCE: _written_like(_REFERENCE),
    Type.WRITERS: _writers,
}

_MEANINGS = {
    Type.BOOLEAN: "true or false (yes, no, on, off, 1 and 0 are understood)",
    Type.INTEGER: "a whole number",
    Type.NUMBER: "a number with at most three decimals",
    Type.TEXT: "any text",
    Type.CHOICE: "one of the words listed",
    Type.CLOCK: "HH:mm, from 00:00 to 24:00",
    Type.CRON: "two fields, minutes and hours, each *, 5, 5-9, 0/15, or several of them with commas",
    Type.ZONE: "name of a time zone, such as Europe/Paris",
    Type.DATE: "a day, as 2026-01-31",
    Type.WORDS: "words with commas between them",
    Type.NUMBERS: "rising numbers with commas between them",
    Type.MONTH_DAY: "month and day, such as 4-1, the day 28 at most",
    Type.ENCODING: "name of an encoding of text, such as utf8",
    Type.REFERENCE: "env:NAME, file:/path or keyring:SERVICE/NAME, never the secret itself",
    Type.WRITERS: "such as default=flex(3:1);hour(8-19)=strict(3:0), with 1 to 10 writers",
}
