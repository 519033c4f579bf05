"""How one value of a report is written: for programs, for a spreadsheet, for people."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from twinmart.report.catalogue import FLAG, LIST, TIME, WHOLE, Column
from twinmart.report.measures import SECONDS, SHARE

UNKNOWN = "—"

# A spreadsheet takes a text that begins so for a formula; white space before one does not keep it from that.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def plain(value: Any, column: Column, zone: ZoneInfo) -> Any:
    """Return a value for JSON: times with offset in the zone, numbers as numbers, what is not known as None."""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, Decimal):
        return int(value) if column.unit not in {SECONDS, SHARE} else float(value)
    return list(value) if column.unit == LIST else value


def cell(value: Any, column: Column, zone: ZoneInfo) -> Any:
    """Return a value for CSV: as for JSON, but empty where nothing is known, and never a formula."""
    told = plain(value, column, zone)
    if told is None:
        return ""
    if column.unit == LIST:
        return ";".join(told)
    if column.unit == FLAG:
        return "true" if told else "false"
    return harmless(told) if isinstance(told, str) else told


def tellers(columns: Sequence[Column], zone: ZoneInfo) -> list[tuple[int, Callable[[Any], Any]]]:
    """Return which values of a row are to be told as ``cell`` does, and how; others are written as they are."""
    return [
        (place, _teller(column, zone))
        for place, column in enumerate(columns)
        if column.measure is None and column.unit != WHOLE
    ]


def _teller(column: Column, zone: ZoneInfo) -> Callable[[Any], Any]:
    """Return what tells the values of a column, the common ones by the shortest way."""

    def tell(value: Any) -> Any:
        if type(value) is str:
            return harmless(value)
        if type(value) is Decimal and column.unit == SECONDS:
            return float(value)
        return cell(value, column, zone)

    # Many rows have the same time.
    return lru_cache(1024)(tell) if column.unit == TIME else tell


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless("Ann"), harmless("+44 20 7946 0000")
    ("'=1+1", 'Ann', "'+44 20 7946 0000")
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def shown(value: Any, column: Column, zone: ZoneInfo, notes: Sequence[str] = ()) -> str:
    """Return a value for people: a dash for what is not known, times and durations as they are spoken of."""
    if column.unit == LIST:
        return " ".join(str(notes.index(key) + 1) if key in notes else key for key in value)
    if value is None:
        return UNKNOWN
    if column.unit == SHARE:
        return f"{value * 100:.1f} %"
    if column.unit == SECONDS:
        return duration(float(value))
    if column.unit == TIME:
        return _time(value.astimezone(zone))
    if column.unit == FLAG:
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int | Decimal) else str(value)


def duration(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds; below a minute with tenths.

    >>> duration(3.25), duration(75), duration(7322.4)
    ('3.2', '1:15', '2:02:02')
    """
    if abs(seconds) < 60:
        return f"{seconds:.1f}"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _time(moment: datetime) -> str:
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return f"{moment:%Y-%m-%d}"
    return (
        f"{moment:%Y-%m-%d %H:%M}" if moment.second == 0 and moment.microsecond == 0 else f"{moment:%Y-%m-%d %H:%M:%S}"
    )
