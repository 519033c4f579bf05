"""The list of queue visits: each visit of a caller to a queue, how it ended, who answered, how long it took."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit; what is not known, or not yet, is None."""

    uniqueid: str
    queue: str
    nth: int
    result: str
    agent: str | None
    wait_s: Decimal | None
    talk_s: Decimal | None
    hold_s: Decimal | None
    transferred: int
    agent_name: str | None
    source: str
    entered_by: str
    start_at: datetime
    answered_at: datetime | None
    end_at: datetime | None
    interaction_id: UUID


def visits(
    mart: Connection, *, source: str | None = None, queue: str | None = None, last: int | None = None
) -> list[Visit]:
    """Return the visits of a source, of a queue, or of all, oldest first; ``last`` leaves out the oldest."""
    with mart.cursor(row_factory=class_row(Visit)) as cursor:
        return cursor.execute(sql_text("report/visits"), {"source": source, "queue": queue, "last": last}).fetchall()


def visits_csv(mart: Connection, *, source: str | None = None, queue: str | None = None) -> Iterator[bytes]:
    """Yield all visits as CSV with a header, piece by piece: as many as there are, in as little memory."""
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(sql.SQL(sql_text("report/visits")))
    with (
        mart.cursor() as cursor,
        cursor.copy(statement, {"source": source, "queue": queue, "last": None}) as rows,
    ):
        for block in rows:
            yield bytes(block)
