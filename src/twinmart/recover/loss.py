"""The loss manifest: what became of each source's data when a site was lost, span by span.

What the lost site's collectors had delivered is known from the marks that came with the facts. Behind that, the twin at
the surviving site says when it heard the source: what it heard is loaded from it and counted, what it knows that it
missed is partial, and what nobody here heard is gone, until the lost site's own databases turn up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.model.intervals import Span


def open_manifest(connection: Connection, run: str, lost: int) -> int:
    """Write down how far the lost site's collectors had delivered; return the number of sources."""
    return connection.execute(sql_text("recover/open_manifest"), {"run": run, "lost": lost}).rowcount


def write_manifest(connection: Connection, run: str, site: int) -> str:
    """Write down what became of everything behind that, after it was loaded; return it in words."""
    rows = connection.execute(
        "SELECT source_key, lost_site, to_at FROM ctl.loss WHERE run = %s AND class = 'delivered'", (run,)
    ).fetchall()
    told = []
    for source_key, lost, since in rows:
        schema = _schema(connection, source_key, site)
        for kind, span, cause in classify(since, *_heard(connection, schema)):
            written = {"run": run, "lost": lost, "source_key": source_key, "class": kind, "cause": cause}
            row = connection.execute(
                sql_text("recover/write_loss"), {**written, "from_at": span.start, "to_at": span.end}
            ).fetchone()
            if row is not None:
                told.append(_in_words(kind, *row))
            if kind != "recovered":
                connection.execute(
                    sql_text("recover/loss_gap"),
                    {"source_key": source_key, "from_at": span.start, "to_at": span.end, "kind": kind, "run": run},
                )
    return "; ".join(told) or "nothing was on its way"


@dataclass(frozen=True, slots=True)
class Part:
    """A span that may go on."""

    start: datetime
    end: datetime | None


def classify(
    since: datetime, heard: list[Span], missed: list[tuple[datetime, datetime | None, str]]
) -> Iterator[tuple[str, Part, str | None]]:
    """Yield class, span and cause of everything behind a moment, by what the twin heard and knows that it missed.

    The spans adjoin; one that is gone at the end goes on, where the twin is cut off from its source or never heard it.

    >>> from datetime import UTC, timedelta
    >>> t = [datetime(2026, 11, 22, 9, minute, tzinfo=UTC) for minute in range(10)]
    >>> found = classify(t[1], [Span(t[0], t[3]), Span(t[5], t[8])], [(t[6], t[7], "spool-full")])
    >>> [(kind, part.start.minute, part.end.minute) for kind, part, _ in found]
    [('recovered', 1, 3), ('gone', 3, 5), ('recovered', 5, 6), ('partial', 6, 7), ('recovered', 7, 8)]
    >>> [(kind, part.end) for kind, part, _ in classify(t[4], [Span(t[0], t[3])], [(t[3], None, "disconnected")])]
    [('gone', None)]
    """
    at = since
    for span in _joined(heard):
        if span.end <= at:
            continue
        if span.start > at:
            cause = next((why for start, end, why in missed if start <= span.start and (end is None or end > at)), None)
            yield "gone", Part(at, span.start), cause
        yield from _with_holes(max(at, span.start), span.end, missed)
        at = span.end
    silent = next((why for _, end, why in missed if end is None), None)
    if silent is not None or not heard:
        yield "gone", Part(at, None), silent or "no collector of the surviving site heard the source"


def _with_holes(
    start: datetime, end: datetime, missed: list[tuple[datetime, datetime | None, str]]
) -> Iterator[tuple[str, Part, str | None]]:
    for from_at, to_at, cause in sorted(missed, key=lambda one: one[0]):
        hole_end = min(end, to_at or end)
        if hole_end <= start or from_at >= end:
            continue
        if from_at > start:
            yield "recovered", Part(start, from_at), None
        yield "partial", Part(max(start, from_at), hole_end), cause
        start = hole_end
    if start < end:
        yield "recovered", Part(start, end), None


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in sorted(spans, key=lambda one: one.start):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def close_found(connection: Connection) -> int:
    """Close what was gone and was delivered since by the lost site's own collectors; return how many gaps it filled."""
    return connection.execute(sql_text("extract/close_loss")).rowcount


def delivered_since(connection: Connection, run: str) -> datetime | None:
    """Return how far the source that was delivered least was delivered before the loss."""
    row = connection.execute(
        "SELECT min(to_at) FROM ctl.loss WHERE run = %s AND class = 'delivered'", (run,)
    ).fetchone()
    found: datetime | None = row[0] if row else None
    return found


def _schema(connection: Connection, source_key: int, site: int) -> str | None:
    row = connection.execute(
        "SELECT idb_schema FROM cfg.collector WHERE source_key = %s AND site = %s"
        " AND to_regclass(idb_schema || '.data_source_session') IS NOT NULL",
        (source_key, site),
    ).fetchone()
    return str(row[0]) if row else None


def _heard(
    connection: Connection, schema: str | None
) -> tuple[list[Span], list[tuple[datetime, datetime | None, str]]]:
    """Return when the collector of an interaction database heard its source, and when it knows that it did not."""
    if schema is None:
        return [], []
    known = {name: sql.Identifier(schema, name) for name in ("data_source_session", "no_data", "event")}
    heard = connection.execute(sql.SQL(sql_text("recover/heard_spans")).format(**known)).fetchall()
    missed = connection.execute(
        sql.SQL("SELECT from_at, to_at, cause FROM {no_data} ORDER BY from_at").format(**known)
    ).fetchall()
    return [Span(start, end) for start, end in heard if start < end], [(a, b, c) for a, b, c in missed]


def _in_words(kind: str, source: str, events: int, calls: int) -> str:
    counted = f", {events:,} events of {calls:,} calls" if kind == "recovered" else ""
    return f"{source} {kind}{counted}"
