"""Weeks and fiscal periods of a day, as a calendar's rules make them. Time zones do not come into it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

WEEK = timedelta(days=7)
DAY = timedelta(days=1)


class Day(NamedTuple):
    """What a calendar says of one day; periods are named by the day on which they begin."""

    day: date
    day_of_week: int
    week_start: date
    week_year: int
    week: int
    month_start: date
    quarter_start: date
    year_start: date
    fiscal_year: int
    fiscal_quarter: int
    fiscal_month: int
    fiscal_week: int
    fiscal_year_start: date
    fiscal_quarter_start: date
    fiscal_month_start: date
    fiscal_week_start: date


@dataclass(frozen=True, slots=True)
class Rules:
    """How a calendar counts.

    ``first_day_of_week`` is 1 for Sunday to 7 for Saturday. With ``simple_weeks`` a week ends with its year, so that
    first and last may be short; else the first week of a year is the first with ``min_days_in_first_week`` days.
    ``fiscal_start`` is month and day. ``pattern`` holds the weeks of the three months of a fiscal quarter; a fiscal
    year then begins with the week that begins nearest to the start, and a 53rd week belongs to its last month.
    """

    first_day_of_week: int = 1
    min_days_in_first_week: int = 1
    simple_weeks: bool = True
    fiscal_start: tuple[int, int] = (1, 1)
    pattern: tuple[int, int, int] | None = None

    def of(self, day: date) -> Day:
        """Return what the calendar says of a day."""
        year_start, month_start = day.replace(month=1, day=1), day.replace(day=1)
        quarter_start = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        week_start, week_year, week = self._week(day)
        fiscal_year, fiscal_start = self._fiscal_year(day)
        month, fiscal_month_start, quarter_month_start = self._fiscal_month(day, fiscal_start)
        fiscal_week_start = max(self._week_start(day), fiscal_start)
        fiscal_week = (self._week_start(day) - self._week_start(fiscal_start)).days // 7 + 1
        return Day(
            day, (day - self._week_start(day)).days + 1, week_start, week_year, week, month_start, quarter_start,
            year_start, fiscal_year, (month - 1) // 3 + 1, month, fiscal_week, fiscal_start, quarter_month_start,
            fiscal_month_start, fiscal_week_start,
        )  # fmt: skip

    def _week_start(self, day: date) -> date:
        return day - timedelta(days=(day.isoweekday() % 7 - (self.first_day_of_week - 1)) % 7)

    def _week(self, day: date) -> tuple[date, int, int]:
        start, new_year = self._week_start(day), day.replace(month=1, day=1)
        if self.simple_weeks:
            return max(start, new_year), day.year, (start - self._week_start(new_year)).days // 7 + 1
        for year in (day.year + 1, day.year):
            if start >= (first := self._first_week(year)):
                return start, year, (start - first).days // 7 + 1
        return start, day.year - 1, (start - self._first_week(day.year - 1)).days // 7 + 1

    def _first_week(self, year: int) -> date:
        new_year = date(year, 1, 1)
        start = self._week_start(new_year)
        return start if ((start + WEEK) - new_year).days >= self.min_days_in_first_week else start + WEEK

    def _fiscal_year(self, day: date) -> tuple[int, date]:
        for year in (day.year + 1, day.year):
            if day >= (start := self._fiscal_start(year)):
                return year, start
        return day.year - 1, self._fiscal_start(day.year - 1)

    def _fiscal_start(self, year: int) -> date:
        nominal = date(year, *self.fiscal_start)
        if self.pattern is None:
            return nominal
        before = self._week_start(nominal)
        return before if (nominal - before).days <= 3 else before + WEEK

    def _fiscal_month(self, day: date, fiscal_start: date) -> tuple[int, date, date]:
        """Return the fiscal month, from 1, its first day, and that of its quarter."""
        starts = self._month_starts(fiscal_start)
        month = max(number for number, start in enumerate(starts, 1) if start <= day)
        return month, starts[month - 1], starts[(month - 1) // 3 * 3]

    def _month_starts(self, fiscal_start: date) -> list[date]:
        if self.pattern is None:
            months = [fiscal_start.month - 1 + number for number in range(12)]
            return [fiscal_start.replace(fiscal_start.year + month // 12, month % 12 + 1) for month in months]
        weeks = [0]
        for length in (self.pattern * 4)[:-1]:
            weeks.append(weeks[-1] + length)
        return [fiscal_start + WEEK * count for count in weeks]
