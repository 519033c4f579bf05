"""Asks the mart a report's question and gives the whole answer row by row, each marked with the gaps that touch it.

The rows come from a cursor at the server, so that an answer of any length takes the same little memory, and from one
read-only snapshot, so that rows, totals and gaps belong together. Nothing is ever written: a standby answers as well.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from psycopg import IsolationLevel, sql
from psycopg.rows import class_row, dict_row

from twinmart import __version__
from twinmart.config.options import effective
from twinmart.db.connect import Connection, session
from twinmart.db.migrate import schema_state
from twinmart.db.sqlfiles import sql_text
from twinmart.report.age import Age, age
from twinmart.report.catalogue import Column, Report
from twinmart.report.measures import DEFAULT_SERVICE_LEVEL
from twinmart.report.own import Own, own_measures
from twinmart.report.question import FILTERS, Asked, Question, settle

COMPLETE, PARTIAL, NONE = "complete", "partial", "none"

# Rows fetched at once: enough that the wire does not matter, few enough that their memory does not.
_FETCHED = 2000

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """A hole in the data that touches a report's period."""

    gap_key: str
    source: str | None
    site: int | None
    cause: str
    from_at: datetime
    to_at: datetime
    is_open: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A report's answer: what was asked, how old it is, what is missing, and the rows, which can be read once."""

    asked: Asked
    columns: tuple[Column, ...]
    gaps: tuple[Gap, ...]
    age: Age
    made_at: datetime
    rows: Iterator[Row]
    total: Row | None
    behind: int = 0
    has_no_level: bool = False
    """Whether service levels were asked for and no threshold is set for them."""
    faults: tuple[str, ...] = ()
    """Why measures that people declared over these figures are not shown."""

    def about(self) -> dict[str, object]:
        """Return what a reader must know of the answer, by name."""
        asked = self.asked
        zone = asked.period.zone
        question = asked.question
        return {
            "report": asked.report.name,
            "title": asked.report.title,
            "from": asked.period.from_at.astimezone(zone).isoformat(),
            "to": asked.period.to_at.astimezone(zone).isoformat(),
            "zone": zone.key,
            "by": list(asked.by),
            "filters": {key: value for key, value in question.to_json().items() if key in _TOLD},
            "made_at": self.made_at.isoformat(),
            "version": __version__,
            "site": self.age.site,
            "answered_by": self.age.role,
            "as_of": self.age.as_of.isoformat() if self.age.as_of else None,
            "age_s": self.age.seconds,
            "intervals_behind": self.behind,
        }


# The aggregates that a report reads, by the tables that its statement names.
_SETS = re.compile(r"\bagg\.(\w+?)_subhr\b")

_TOLD = frozenset({*FILTERS, "interaction", "service_level", "from_hour", "to_hour"})


@contextmanager
def ask(dsn: str, question: Question, *, site: int | None = None, now: datetime | None = None) -> Iterator[Answer]:
    """Ask a mart and give the answer for the block, in which its rows are read.

    Raises:
        UsageError: the question cannot be asked; see ``settle``.
        NotReady: the mart is not at this program's version.
        MartError: the server gives no answer.
    """
    now = now or datetime.now(UTC)
    asked = settle(question, now)
    with session(dsn, application_name="twinmart report") as mart:
        mart.rollback()
        mart.isolation_level = IsolationLevel.REPEATABLE_READ
        mart.read_only = True
        if (obstacle := schema_state(mart).obstacle()) is not None:
            raise obstacle
        yield answer(mart, asked, site=site)
        mart.rollback()


def answer(mart: Connection, asked: Asked, *, site: int | None = None) -> Answer:
    """Ask on a connection whose transaction holds the snapshot; the rows are to be read before it ends."""
    report = asked.report
    variants = _variants(mart, asked)
    parameters = asked.parameters(_members(mart, asked)) | variants
    # A report is asked once for all its rows; what the planner spends on compiling is more than it wins.
    mart.execute("SET LOCAL jit = off")
    gaps = tuple(_gaps(mart, asked))
    columns = tuple(column for column in report.columns if column.dimension is None or column.dimension in asked.by)
    columns = columns if asked.step or not report.by else tuple(one for one in columns if not one.is_step)
    rows = _rows(mart, report, asked.spans.level, parameters)
    total: Row | None = None
    declared = own_measures(mart) if report.measures else []
    if report.by:
        width = len(report.columns)
        chosen = [*(place for place, column in enumerate(report.columns) if column in columns), width, width + 1]
        own = [one for one in declared if one.is_shown_by(report)]
        columns = (*columns, *(one.column for one in own))
        total = _total(mart, asked, parameters, chosen, own)
        if own:
            rows = (_with_own(report, row, chosen, own) for row in rows)
        else:
            rows = map(_with_keys, map(itemgetter(*chosen), rows))
    else:
        rows = _marked(rows, report, gaps)
    behind = _behind(mart, asked)
    formulas = variants["variants"]
    has_no_level = bool(formulas) and not any(formulas)
    return Answer(
        asked,
        (*columns, *MARKS),
        gaps,
        age(mart, site),
        datetime.now(UTC),
        rows,
        total,
        behind,
        has_no_level,
        tuple(one.told for one in declared if one.fault and one.is_about(report)),
    )


MARKS = (Column("data", "Data", "text"), Column("gaps", "Gaps", "list"))


def _behind(mart: Connection, asked: Asked) -> int:
    """Return how many intervals of the period wait to be aggregated again; 0 for a report that reads facts only."""
    sets = sorted(set(_SETS.findall(sql_text(asked.report.sql))))
    if not sets:
        return 0
    period = asked.period
    row = mart.execute(
        "SELECT count(DISTINCT date_time_key) FROM ctl.aggregate_request WHERE set_name = ANY (%s)"
        " AND date_time_key >= mart.date_time_key(%s) AND date_time_key < extract(epoch FROM %s::timestamptz)",
        (sets, period.from_at, period.to_at),
    ).fetchone()
    return int(row[0]) if row else 0


def statement(report: Report, level: str) -> str:
    """Return the SQL of a report, reading its aggregates at a level: subhr, hour or day."""
    return sql_text(report.sql).replace("_subhr AS", f"_{level} AS")


def _rows(mart: Connection, report: Report, level: str, parameters: Mapping[str, Any]) -> Iterator[Row]:
    with mart.cursor("report") as cursor:
        cursor.itersize = _FETCHED
        cursor.execute(sql.SQL(statement(report, level)), parameters)
        yield from cursor


def _total(
    mart: Connection, asked: Asked, parameters: Mapping[str, Any], chosen: Sequence[int], own: Sequence[Own]
) -> Row | None:
    """Return the total, computed anew from the sums of all rows, since ratios do not add up; None for no rows."""
    whole = {name: False if name.startswith("by_") else value for name, value in parameters.items()}
    whole["labels"] = [asked.spans.labels[0]] * len(asked.spans.labels)
    if not asked.by or not asked.report.measures:
        return None
    row = next(iter(_rows(mart, asked.report, asked.spans.level, whole)), None)
    if row is None:
        return None
    columns = (*asked.report.columns, *MARKS)
    summed = [None if column.is_step else value for column, value in zip(columns, row, strict=True)]
    return _with_own(asked.report, summed, chosen, own)


def _marked(rows: Iterator[Row], report: Report, gaps: Sequence[Gap]) -> Iterator[Row]:
    """Mark each row of a list with the gaps that it touches, and put a row without values where each gap begins."""
    begin, end, where = (report.place(name) for name in (report.begins, report.ends, "source"))
    ahead = list(gaps)
    for row in rows:
        while ahead and ahead[0].from_at <= row[begin]:
            yield _hole(report, ahead.pop(0))
        keys = [
            gap.gap_key
            for gap in gaps
            if gap.source == row[where] and gap.from_at <= (row[end] or gap.from_at) and gap.to_at >= row[begin]
        ]
        yield [*row, PARTIAL if keys else COMPLETE, keys]
    for gap in ahead:
        yield _hole(report, gap)


def _hole(report: Report, gap: Gap) -> Row:
    known: dict[str, Any] = {
        report.begins: gap.from_at,
        report.ends: None if gap.is_open else gap.to_at,
        "source": gap.source,
    }
    known["site"] = gap.site
    return [*(known.get(column.name) for column in report.columns), NONE, [gap.gap_key]]


def _with_keys(row: Row) -> Row:
    return (*row[:-1], row[-1] or [])


def _with_own(report: Report, row: Row, places: Sequence[int], own: Sequence[Own]) -> Row:
    """Return the values of a row at these places, with measures of one's own before what marks the row."""
    *values, mark, keys = (row[place] for place in places)
    figures = {column.name: row[place] for place, column in enumerate(report.columns) if column.measure}
    return (*values, *(one.value(figures) for one in own), mark, keys or [])


def _gaps(mart: Connection, asked: Asked) -> Iterator[Gap]:
    question = asked.question
    with mart.cursor(row_factory=class_row(Gap)) as cursor:
        yield from cursor.execute(
            sql_text("report/gap"),
            {
                "from_at": asked.period.from_at,
                "to_at": asked.period.to_at,
                "source": list(question.source) or None,
                "site": list(question.site) or None,
                "resource": [*question.queue, *question.agent] or None,
            },
        )


def _variants(mart: Connection, asked: Asked) -> dict[str, list[int] | list[int | None]]:
    """Return the formula of the service level for each queue: that which was asked for, else the queue's own.

    A queue without a threshold has no service level, and no formula. Interactions as a whole have that of their tenant.
    """
    keys: list[int] = []
    variants: list[int | None] = []
    if any(one.key == "queue.service_level" for one in asked.report.measures):
        options = effective(mart)
        for key, source, queue, tenant, threshold_ms in mart.execute(sql_text("report/queue_variant")).fetchall():
            own = options.at("reports", "service-level", tenant=tenant, source=source, queue=queue)
            keys.append(key)
            variants.append(None if threshold_ms is None else asked.question.service_level or int(str(own)))
    elif any(one.key == "interaction.service_level" for one in asked.report.measures):
        options = effective(mart)
        for key, name in mart.execute(
            "SELECT tenant_key, tenant_name FROM mart.tenant WHERE tenant_key > 0"
        ).fetchall():
            threshold = options.at("gim-etl", "q-answer-threshold", tenant="default" if key == 1 else name)
            keys.append(key)
            variants.append(None if threshold is None else DEFAULT_SERVICE_LEVEL)
    return {"queue_keys": keys, "variants": variants}


def _members(mart: Connection, asked: Asked) -> list[int] | None:
    """Return the keys of the agents of the groups asked for, or None if none were."""
    if not asked.question.group:
        return None
    with mart.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            sql_text("report/group_member"),
            {"groups": list(asked.question.group), "from_at": asked.period.from_at, "to_at": asked.period.to_at},
        )
        return [row["resource_key"] for row in cursor]
