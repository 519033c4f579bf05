"""Reports kept under a name, and when they are made by themselves and where they go; replicated like the mart.

Whoever saves works on the active site; the question is checked when it is saved, so that what is kept can be asked.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from twinmart.db.connect import Connection
from twinmart.errors import UnknownReport, WrongQuestion
from twinmart.report.period import zone_named
from twinmart.report.question import Question, settle

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_FIELD = re.compile(r"\*|\*/[1-9]\d?|\d{1,2}(-\d{1,2})?(,\d{1,2}(-\d{1,2})?)*")


@dataclass(frozen=True, slots=True)
class Saved:
    """A report kept under a name."""

    name: str
    report: str
    question: Mapping[str, object]
    author: str
    changed_at: datetime

    def asked(self) -> Question:
        """Return the question that was kept."""
        return Question.from_json(self.report, self.question)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a saved report is made, and where it goes: into a folder or by mail."""

    name: str
    saved_report: str
    at_time: str
    zone: str
    format: str
    folder: str | None
    mail: Mapping[str, object] | None
    enabled: bool
    since: datetime


def save(mart: Connection, name: str, question: Question, *, author: str) -> Saved:
    """Keep a question under a name, in place of an older one.

    Raises:
        WrongQuestion: the name cannot be one.
        UsageError: the question cannot be asked.
    """
    if not _NAME.fullmatch(name):
        raise WrongQuestion(
            f'"{name}" cannot be the name of a saved report',
            hint="A name has letters, digits, dots, hyphens and underscores, 63 at most.",
        )
    now = datetime.now(UTC)
    settle(question, now)
    kept = {key: value for key, value in question.to_json().items() if key != "report"}
    mart.execute(
        "INSERT INTO ctl.saved_report VALUES (%s, %s, %s, %s, %s) ON CONFLICT (name) DO UPDATE"
        " SET (report, question, author, changed_at) ="
        " (excluded.report, excluded.question, excluded.author, excluded.changed_at)",
        (name, question.report, Jsonb(kept), author, now),
    )
    return Saved(name, question.report, kept, author, now)


def saved_reports(mart: Connection) -> list[Saved]:
    """Return all saved reports by name."""
    with mart.cursor(row_factory=class_row(Saved)) as cursor:
        return cursor.execute("SELECT * FROM ctl.saved_report ORDER BY name").fetchall()


def saved_report(mart: Connection, name: str) -> Saved:
    """Return a saved report.

    Raises:
        UnknownReport: nothing is saved under the name.
    """
    known = {one.name: one for one in saved_reports(mart)}
    if name not in known:
        near = get_close_matches(name, known, n=3)
        like = f" Did you mean {' or '.join(near)}?" if near else ""
        raise UnknownReport(f'no report is saved as "{name}"', hint=f"All of them: twinmart report saved.{like}")
    return known[name]


def forget(mart: Connection, name: str) -> None:
    """Forget a saved report and its schedules; what was delivered stays.

    Raises:
        UnknownReport: nothing is saved under the name.
    """
    saved_report(mart, name)
    with mart.transaction():
        mart.execute("DELETE FROM ctl.report_schedule WHERE saved_report = %s", (name,))
        mart.execute("DELETE FROM ctl.saved_report WHERE name = %s", (name,))


def put_schedule(mart: Connection, schedule: Schedule) -> None:
    """Set when a saved report is made and where it goes, in place of the schedule of that name.

    Raises:
        UnknownReport: the report is not saved.
        WrongQuestion: the two fields cannot be read.
        UnknownZone: there is no such zone.
    """
    saved_report(mart, schedule.saved_report)
    minutes_and_hours(schedule.at_time)
    zone_named(schedule.zone)
    mart.execute("DELETE FROM ctl.report_schedule WHERE name = %s", (schedule.name,))
    mart.execute(
        "INSERT INTO ctl.report_schedule VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            schedule.name, schedule.saved_report, schedule.at_time, schedule.zone, schedule.format, schedule.folder,
            None if schedule.mail is None else Jsonb(dict(schedule.mail)), schedule.enabled, schedule.since,
        ),
    )  # fmt: skip


def schedules(mart: Connection) -> list[Schedule]:
    """Return all schedules by name."""
    with mart.cursor(row_factory=class_row(Schedule)) as cursor:
        return cursor.execute("SELECT * FROM ctl.report_schedule ORDER BY name").fetchall()


def minutes_and_hours(text: str) -> tuple[frozenset[int], frozenset[int]]:
    """Return the minutes and the hours of two fields of cron.

    >>> sorted(minutes_and_hours("30 6,18")[1])
    [6, 18]

    Raises:
        WrongQuestion: they cannot be read.
    """
    fields = text.split()
    try:
        if len(fields) != 2 or not all(_FIELD.fullmatch(one) for one in fields):
            raise ValueError
        return _field(fields[0], 60), _field(fields[1], 24)
    except ValueError:
        raise WrongQuestion(
            f'"{text}" does not say when',
            hint='Write minute and hour: "30 6" is half past six, "*/15 8-18" each quarter.',
        ) from None


def latest_due(at_time: str, zone: ZoneInfo, since: datetime, now: datetime) -> datetime | None:
    """Return the latest moment at which a schedule was due, not before ``since``; None if there was none.

    Of several that were missed only the latest counts: yesterday's report is not made twice because a site was down.
    """
    minutes, hours = minutes_and_hours(at_time)
    moment = now.replace(second=0, microsecond=0).astimezone(UTC)
    earliest = max(since, now - timedelta(days=2))
    while moment >= earliest:
        local = moment.astimezone(zone)
        if local.minute in minutes and local.hour in hours:
            return moment
        # Clocks change at half hours and whole ones, so no half hour has minutes of two hours.
        moment -= timedelta(minutes=1 if local.hour in hours else local.minute % 30 + 1)
    return None


def _field(text: str, limit: int) -> frozenset[int]:
    if text.startswith("*"):
        return frozenset(range(0, limit, int(text[2:] or 1)))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    if not found or max(found) >= limit:
        raise ValueError
    return frozenset(found)


def names(values: Sequence[str] | None) -> tuple[str, ...]:
    """Return names of an option that may be repeated, or hold several with commas.

    >>> names(["sales,support", "vip"])
    ('sales', 'support', 'vip')
    """
    return tuple(name.strip() for value in values or () for name in value.split(",") if name.strip())
