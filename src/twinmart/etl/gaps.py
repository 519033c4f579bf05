"""Notes in the mart for which spans a collector had no data, and whether its twin had them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import psycopg
from psycopg import sql

from twinmart.config.sources import Collector
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.model.intervals import Span, covers


def note_gaps(mart: Connection, source_key: int, twins: Sequence[Collector], idbs: Mapping[int, Connection]) -> None:
    """Write the silences of a source's collectors as gaps; one is filled if the twin was not silent meanwhile.

    A collector whose database cannot be read leaves its gaps as they are known.
    """
    silences: dict[int, list[tuple[datetime, datetime | None, str]]] = {}
    heard: dict[int, list[Span]] = {}
    for collector in twins:
        idb = idbs.get(collector.site)
        if idb is None or idb.broken or idb.closed:
            continue
        table = sql.Identifier(collector.idb_schema, "no_data")
        sessions = sql.Identifier(collector.idb_schema, "data_source_session")
        try:
            silences[collector.key] = idb.execute(
                sql.SQL("SELECT from_at, to_at, cause FROM {}").format(table)
            ).fetchall()
            heard[collector.key] = [
                Span(start, end)
                for start, end in idb.execute(
                    sql.SQL(
                        "SELECT connected_at, greatest(last_heard_at, disconnected_at, last_event_at) FROM {}"
                        " WHERE connected_at IS NOT NULL"
                    ).format(sessions)
                )
                if end is not None and start is not None and start < end
            ]
        except psycopg.errors.UndefinedTable:
            continue
    for key, spans in silences.items():
        others = [span for other, known in heard.items() if other != key for span in known]
        for from_at, to_at, cause in spans:
            filled = (
                to_at is not None and covers(others, Span(from_at, to_at)) if to_at is None or from_at < to_at else True
            )
            mart.execute(
                sql_text("extract/collector_gap"),
                {
                    "source_key": source_key,
                    "collector_key": key,
                    "from_at": from_at,
                    "to_at": to_at,
                    "cause": cause,
                    "filled": filled,
                },
            )
