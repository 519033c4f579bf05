"""The interaction database of one collector: a schema in its site's database; events are added to it, never changed.

One writer writes at a time, in the order of its commits, so that whoever reads by ``seq`` never overlooks a row that
was numbered earlier and committed later.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self
from uuid import UUID

from psycopg import sql

from twinmart.collect.records import Record, Tag
from twinmart.db.connect import Connection, lock_key
from twinmart.db.partitions import ensure_partitions
from twinmart.db.sqlfiles import SqlFile, sql_file, sql_text
from twinmart.errors import SpoolTakenTwice
from twinmart.model.events import EPOCH

TABLES = (
    "idb/event_seq",
    "idb/event_table",
    "idb/event_seq_ix",
    "idb/session_table",
    "idb/no_data_table",
    "idb/bad_message_table",
    "idb/writer_position_table",
)

# Two weeks of a busy switch are some ten gigabytes; a week is what a purge takes away at once.
PARTITION_DAYS = 7

_COLUMN = re.compile(r"^    (\w+) .*-- (.+)$", re.MULTILINE)

_STATEMENTS = {
    Tag.BAD_MESSAGE: "idb/add_bad_message",
    Tag.SESSION_START: "idb/start_session",
    Tag.SESSION_HEARD: "idb/hear_session",
    Tag.SESSION_END: "idb/end_session",
    Tag.RECORDING_START: "idb/load_session",
    Tag.RECORDING_END: "idb/loaded_session",
}


@dataclass(frozen=True, slots=True)
class Move:
    """The step of a spool's position that belongs to a batch; it is taken with the batch or not at all."""

    spool_id: UUID
    was: int
    position: int


class Idb:
    """An interaction database on a connection of one's own or of the caller's; every write is one transaction."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._lock = lock_key(f"idb {schema}")
        self._days: set[int] = set()

    @classmethod
    def open(cls, connection: Connection, schema: str) -> Self:
        """Return the database, after making it if it is new."""
        idb = cls(connection, schema)
        with connection.transaction():
            idb._begin()
            if idb._missing():
                idb._create()
            connection.execute(sql_text("idb/incoming"))
        return idb

    @classmethod
    def prepare(cls, connection: Connection, schema: str) -> list[str]:
        """Make the tables and indexes that a database lacks, and return their names; one that is not there stays so."""
        idb = cls(connection, schema)
        missing = idb._missing()
        if not missing or "event" in missing:
            return []
        with connection.transaction():
            idb._begin()
            idb._create()
        return missing

    def _missing(self) -> list[str]:
        names = [name for file in TABLES for name in sql_file(file).names_written]
        rows = self._connection.execute(
            "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(format('%%I.%%I', %s::text, name)) IS NULL",
            (names, self._schema),
        )
        return [name for (name,) in rows]

    def user_data_keys(self, source_name: str) -> dict[str, bool] | None:
        """Return the keys of user data that are collected of a source, each with whether its value is hidden.

        None where the database has no configuration of a version that knows.
        """
        with self._connection.transaction():
            if self._connection.execute("SELECT to_regclass('cfg.user_data_wanted')").fetchone() == (None,):
                return None
            return dict(
                self._connection.execute(sql_text("collect/user_data_keys"), {"source": source_name}).fetchall()
            )

    def write(self, records: Sequence[Record], move: Move | None = None) -> int:
        """Write the records, and move the spool's position with them; return how many events were new.

        Raises:
            SpoolTakenTwice: somebody else has moved the position since; nothing was written.
        """
        lines = [record.payload for record in records if record.tag is Tag.EVENTS]
        days: set[int] = set()
        added = 0
        with self._connection.transaction():
            self._begin()
            if move is not None:
                self._move(move)
            for record in _without_old_news(records):
                if record.tag is not Tag.EVENTS:
                    self._connection.execute(sql_text(_STATEMENTS[record.tag]), record.parameters())
            if lines:
                days = self._copy(lines)
                added = sum(count for (count,) in self._connection.execute(sql_text("idb/add_events")))
        self._days |= days
        return added

    def position(self, spool_id: UUID, oldest: int) -> int:
        """Return up to where a spool was taken over; of a new one nothing was, so that is its oldest byte."""
        with self._connection.transaction():
            self._begin()
            row = self._connection.execute(
                sql_text("idb/position"), {"spool_id": spool_id, "oldest": oldest}
            ).fetchone()
        assert row is not None  # noqa: S101  the statement always returns its row
        return int(row[0])

    def _begin(self) -> None:
        # A standby's mart is read-only by default; its interaction databases are not part of what is replicated there.
        self._connection.execute("SET TRANSACTION READ WRITE")
        self._connection.execute(sql_text("idb/begin"), {"schema": self._quoted(), "lock": self._lock})

    def _quoted(self) -> str:
        return sql.Identifier(self._schema).as_string(self._connection)

    def _create(self) -> None:
        self._connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self._schema)))
        for name in TABLES:
            self._connection.execute(sql_text(name))
            self._comment(sql_file(name))
        self._connection.execute(
            "INSERT INTO ops.partition_rule VALUES (%s, 'event', 'timestamptz', %s) ON CONFLICT DO NOTHING",
            (self._schema, PARTITION_DAYS),
        )

    def _comment(self, file: SqlFile) -> None:
        """Give a table and its columns the comments of its file, for those who read the database."""
        (table,) = file.names_written
        comments = [
            sql.SQL("COMMENT ON COLUMN {} IS {}").format(sql.Identifier(table, column), sql.Literal(text))
            for column, text in _COLUMN.findall(file.text)
        ]
        if comments:
            about = sql.SQL("COMMENT ON TABLE {} IS {}")
            comments.append(about.format(sql.Identifier(table), sql.Literal(file.title.rstrip("."))))
            self._connection.execute(sql.SQL("; ").join(comments))

    def _copy(self, lines: Sequence[bytes]) -> set[int]:
        """Bring lines into the room for incoming events, make the partitions they need, and return their days."""
        with self._connection.cursor().copy("COPY idb_incoming FROM STDIN") as copy:
            for part in lines:
                copy.write(part)
        days = {day for (day,) in self._connection.execute(sql_text("idb/incoming_days"))}
        for day in sorted(days - self._days):
            start = EPOCH + timedelta(days=day)
            ensure_partitions(self._connection, start, start + timedelta(days=1), schema=self._schema)
        return days

    def _move(self, move: Move) -> None:
        moved = self._connection.execute(
            sql_text("idb/move_position"),
            {"spool_id": move.spool_id, "was": move.was, "position": move.position},
        ).fetchone()
        if moved is None:
            raise SpoolTakenTwice(
                f'the spool of interaction database "{self._schema}" is taken by another writer too',
                detail=f"its position is no longer {move.was}",
                hint="Nothing was written. Look for a second collector process of this name and stop it.",
            )


def _without_old_news(records: Sequence[Record]) -> list[Record]:
    """Leave out how far a source was heard where a later record says the same of the same session."""
    kept: list[Record] = []
    newest: object = None
    for record in reversed(records):
        if record.tag is Tag.SESSION_HEARD:
            session = record.parameters()["session_key"]
            if session == newest:
                continue
            newest = session
        kept.append(record)
    return kept[::-1]
