"""Calendars beside ``mart.date_time``: one for each section ``date-time-NAME`` of the mart's options.

A calendar is a row of ``mart.calendar``, its intervals are rows of ``mart.calendar_date_time``, and the view
``gim.date_time_NAME`` shows them in the original's shape. Rows are written by the active site and replicated; views are
made by each site itself. What a calendar was filled with is fixed: another zone in the same intervals would make days
that overlap.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from psycopg import sql

from twinmart import errors
from twinmart.config.options import Options
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.model.calendar import Day, Rules

PREFIX = "date-time-"

# The columns of gim.date_time are those of the original; what a calendar has beyond them follows.
_COLUMNS = (
    "date_time_key", "date_time_30min_key", "date_time_hour_key", "date_time_day_key", "date_time_next_day_key",
    "date_time_week_key", "date_time_month_key", "date_time_quarter_key", "date_time_year_key", "cal_date",
    "label_yyyy", "label_yyyy_mm", "label_yyyy_mm_dd", "label_yyyy_mm_dd_hh24", "label_yyyy_mm_dd_hh24_15int",
    "cal_day_num_in_week", "cal_day_name", "cal_month_num_in_year", "cal_month_name", "cal_quarter_num_in_year",
    "cal_hour_24_num_in_day", "cal_week_year", "cal_week_num_in_year", "utc_offset_s", "fiscal_year",
    "fiscal_quarter_num_in_year", "fiscal_month_num_in_year", "fiscal_week_num_in_year", "fiscal_year_key",
    "fiscal_quarter_key", "fiscal_month_key", "fiscal_week_key",
)  # fmt: skip

# A transaction fills so many days; a calendar of many years can be broken off between two.
DAYS_A_TRANSACTION = 400


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar as its options have it."""

    name: str
    section: str
    zone: str
    first_day_of_week: int
    min_days_in_first_week: int
    simple_week_numbering: bool
    fiscal_year_start: str
    fiscal_week_pattern: str
    start_year: int
    max_days_ahead: int = 366
    min_days_ahead: int = 183

    @property
    def rules(self) -> Rules:
        """How it counts weeks and fiscal periods."""
        pattern = None if self.fiscal_week_pattern == "none" else tuple(map(int, self.fiscal_week_pattern))
        start = _month_and_day(self.section, self.fiscal_year_start)
        assert pattern is None or len(pattern) == 3  # noqa: S101  the declaration has no other choice
        return Rules(self.first_day_of_week, self.min_days_in_first_week, self.simple_week_numbering, start, pattern)

    @property
    def fixed(self) -> dict[str, object]:
        """What cannot change once the calendar is filled, by the names of the columns."""
        names = (
            "zone", "first_day_of_week", "min_days_in_first_week", "simple_week_numbering", "fiscal_year_start",
            "fiscal_week_pattern", "start_year",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}


def calendars(options: Options) -> list[Calendar]:
    """Return the custom calendars that the options ask for.

    Raises:
        WrongSetting: the name of a calendar cannot be that of a view, or a fiscal year's start is no day.
    """
    return [_calendar(options, section) for section in options.sections(PREFIX)]


def ensure_calendars(connection: Connection, options: Options, now: datetime) -> dict[str, int]:
    """Make and extend all custom calendars; return the days that each was extended by. At the active site.

    Raises:
        CalendarFixed: the options of a calendar that is filled were changed; others were made, it stays as it was.
    """
    extended, refused = {}, []
    for calendar in calendars(options):
        try:
            extended[calendar.name] = _extend(connection, calendar, now)
        except errors.CalendarFixed as error:
            refused.append(error)
    ensure_views(connection)
    if refused:
        raise refused[0]
    return extended


def ensure_views(connection: Connection) -> list[str]:
    """Make the views of each calendar that this mart holds and that has none yet, of aggregates too; at every site."""
    made = []
    for key, name, zone in connection.execute("SELECT calendar_key, name, zone FROM mart.calendar ORDER BY name"):
        view = sql.Identifier("gim", name)
        found = connection.execute("SELECT to_regclass(%s)", (f'gim."{name}"',)).fetchone()
        if found != (None,):
            continue
        with connection.transaction():
            connection.execute(
                sql.SQL(
                    "CREATE VIEW {view} AS SELECT {columns} FROM mart.calendar_date_time WHERE calendar_key = {key};"
                    "COMMENT ON VIEW {view} IS {comment};"
                    "GRANT SELECT ON {view} TO twinmart_reader"
                ).format(
                    view=view,
                    columns=sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)),
                    key=sql.Literal(key),
                    comment=sql.Literal(f"Intervals of 15 minutes by the clocks of {zone}"),
                )
            )
            connection.execute("CALL agg.define_calendar(%s)", (name,))
        made.append(name)
    return made


def extend_standard(connection: Connection, options: Options, now: datetime) -> int:
    """Extend ``mart.date_time``, which counts in UTC, as far ahead as the options say; return the days added."""
    wanted = _midnight(now) + timedelta(days=options.number("date-time", "date-time-max-days-ahead"))
    least = _midnight(now) + timedelta(days=options.number("date-time", "date-time-min-days-ahead"))
    row = connection.execute(
        "SELECT max(date_time_key) FROM mart.date_time WHERE date_time_key < %s", (_epoch(wanted) + 86_400,)
    ).fetchone()
    known = row[0] if row else None
    start = _midnight(now) if known is None else datetime.fromtimestamp(known + 900, UTC)
    if start >= least:
        return 0
    parameters = {"from_key": _epoch(start), "to_key": _epoch(wanted) - 900}
    with connection.transaction():
        return connection.execute(sql_text("transform/calendar"), parameters).rowcount // 96


def _calendar(options: Options, section: str) -> Calendar:
    name = "date_time_" + section.removeprefix(PREFIX).lower().replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise errors.WrongSetting(
            f'"{section}" cannot be the section of a calendar',
            detail="what follows date-time- becomes part of a view's name: up to 30 letters, digits, dashes",
            hint="Nothing was changed. Name the section anew with: twinmart config set.",
        )
    calendar = Calendar(
        name,
        section,
        options.zone(section, "date-time-tz").key,
        options.number(section, "date-time-first-day-of-week"),
        options.number(section, "date-time-min-days-in-first-week"),
        options.flag(section, "simple-week-numbering"),
        options.text(section, "fiscal-year-start"),
        options.text(section, "fiscal-year-week-pattern"),
        options.number(section, "date-time-start-year"),
        options.number(section, "date-time-max-days-ahead"),
        options.number(section, "date-time-min-days-ahead"),
    )
    _ = calendar.rules
    return calendar


def _extend(connection: Connection, calendar: Calendar, now: datetime) -> int:
    known = _known(connection, calendar)
    today = now.astimezone(UTC).date()
    start = known if known is not None else date(calendar.start_year, 1, 1)
    if start > today + timedelta(days=calendar.min_days_ahead):
        return 0
    end = today + timedelta(days=calendar.max_days_ahead + 1)
    for first in range(0, (end - start).days, DAYS_A_TRANSACTION):
        upto = min(start + timedelta(days=first + DAYS_A_TRANSACTION), end)
        _fill(connection, calendar, start + timedelta(days=first), upto)
    return (end - start).days


def _known(connection: Connection, calendar: Calendar) -> date | None:
    """Return up to which day the calendar is filled, or None if there is none yet."""
    names = list(calendar.fixed)
    row = connection.execute(
        sql.SQL("SELECT populated_to, {} FROM mart.calendar WHERE name = %s").format(
            sql.SQL(", ").join(map(sql.Identifier, names))
        ),
        (calendar.name,),
    ).fetchone()
    if row is None:
        return None
    was = dict(zip(names, row[1:], strict=True))
    if was != calendar.fixed:
        changes = [f"{name}: {was[name]} → {value}" for name, value in calendar.fixed.items() if was[name] != value]
        raise errors.CalendarFixed(
            f'calendar "{calendar.name}" is filled, so its options must not change',
            detail="; ".join(changes) + ". The calendar stays as it was filled",
            hint=f"Set [{calendar.section}] back with: twinmart config set; or make a new section for a new calendar.",
        )
    return row[0]  # type: ignore[no-any-return]


def _fill(connection: Connection, calendar: Calendar, start: date, end: date) -> None:
    """Fill the days from start up to but without end, and record how far the calendar reaches, in one transaction."""
    with connection.transaction():
        connection.execute(sql_text("upkeep/calendar_day_table"))
        with connection.cursor() as cursor, cursor.copy("COPY calendar_day FROM STDIN") as copy:
            for day in _days(calendar.rules, start, end):
                copy.write_row(day)
        connection.execute(
            sql_text("upkeep/calendar_record"),
            {"name": calendar.name, "section": calendar.section, "populated_to": end, **calendar.fixed},
        )
        row = connection.execute("SELECT mart.dimension_key('CALENDAR|' || %s::text)", (calendar.name,)).fetchone()
        connection.execute(
            sql_text("upkeep/calendar_fill"), {"calendar_key": row[0] if row else None, "zone": calendar.zone}
        )


def _days(rules: Rules, start: date, end: date) -> Iterator[Day]:
    for number in range((end - start).days):
        yield rules.of(start + timedelta(days=number))


def _month_and_day(section: str, text: str) -> tuple[int, int]:
    try:
        month, day = map(int, text.split("-"))
        # The day must be there in every month, since fiscal months begin on it.
        if not (1 <= month <= 12 and 1 <= day <= 28):
            raise ValueError(text)
    except ValueError:
        raise errors.WrongSetting(
            f'"{text}" cannot be the start of a fiscal year',
            detail=f"[{section}] fiscal-year-start is month and day, such as 4-1; the day 28 at most",
            hint="Nothing was changed. Set it with: twinmart config set.",
        ) from None
    return month, day


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _epoch(at: datetime) -> int:
    return int(at.timestamp())
