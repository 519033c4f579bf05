"""How far each source is in the mart: what came in lately, what came last, and which holes there are."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source as the mart knows it; times are None before its first event."""

    name: str
    enabled: bool
    events_in_24_h: int
    last_event_at: datetime | None
    extracted_at: datetime | None
    open_gaps: int


def source_states(mart: Connection) -> list[SourceState]:
    """Return all sources, by name."""
    with mart.cursor(row_factory=class_row(SourceState)) as cursor:
        return cursor.execute(sql_text("report/source_state")).fetchall()
