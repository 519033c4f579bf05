"""The first copy of a mart to a standby while the active site goes on: each table as one snapshot shows it.

The slot of the link exported the snapshot, so what the copy lacks is exactly what the link will send. Partitions are
copied side by side, largest first, in PostgreSQL's binary format, straight from one server into the other.

Where the target holds rows already, of an earlier life as the active site or of a copy that was broken off, each
partition's signature is compared first, and only what differs is emptied and copied: hashing a row costs a tenth of
copying it.
"""

import queue
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg import sql

from twinmart.db.connect import Connection, mapped_errors
from twinmart.db.sqlfiles import sql_text
from twinmart.replicate import fence
from twinmart.replicate.ends import End, reach

Tell = Callable[[str], None]
Method = Literal["online", "dump", "physical"]
JOBS = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A table or partition to be copied, by its name at both ends, and its size at the source."""

    schema: str
    table: str
    bytes: int

    @property
    def identifier(self) -> sql.Identifier:
        """Its name, quoted."""
        return sql.Identifier(self.schema, self.table)


@dataclass(slots=True)
class Copied:
    """What a copy came to."""

    tables: int = 0
    rows: int = 0
    bytes: int = 0
    kept: int = 0


def pieces(connection: Connection) -> list[Piece]:
    """Return what a copy has to bring over, the largest first."""
    return [Piece(*row) for row in connection.execute(sql_text("replicate/pieces"))]


def empty(connection: Connection) -> None:
    """Take all rows out of the tables that cross the link, in one transaction; the fences are passed."""
    rows = connection.execute("SELECT schema_name, table_name FROM ops.replicated_table WHERE NOT is_partition")
    tables = sql.SQL(", ").join(sql.Identifier(*row) for row in rows)
    with fence.passed(connection):
        connection.execute(sql.SQL("TRUNCATE {}").format(tables))


def online(source: End, target: End, snapshot: str, *, jobs: int = JOBS, tell: Tell | None = None) -> Copied:
    """Make every table of the target what the snapshot shows; partitions that are alike already stay as they are.

    Raises:
        MartError: a server gave no answer or refused; what was copied stays, and the next copy need not do it again.
    """
    with reach(source, "copy") as connection:
        todo = pieces(connection)
    filled = _clear_unknown(target, todo)
    work: queue.SimpleQueue[Piece] = queue.SimpleQueue()
    for piece in todo:
        work.put(piece)
    copied, lock, halt = Copied(), threading.Lock(), threading.Event()

    def run() -> None:
        try:
            _copy_pieces(source, target, snapshot, work, halt, note, filled)
        except BaseException:
            halt.set()
            raise

    def note(rows: int, size: int, kept: int = 0) -> None:
        with lock:
            copied.kept += kept
            copied.tables, copied.rows, copied.bytes = copied.tables + 1, copied.rows + rows, copied.bytes + size
            if tell and (copied.tables % 50 == 0 or size > 2**24):
                tell(f"{copied.tables} of {len(todo)} tables, {copied.rows:,} rows, {copied.bytes / 2**20:,.0f} MiB")

    with ThreadPoolExecutor(jobs, "copy") as threads:
        for done in [threads.submit(run) for _ in range(jobs)]:
            done.result()
    return copied


def _copy_pieces(
    source: End, target: End, snapshot: str, work: "queue.SimpleQueue[Piece]", halt: threading.Event,
    note: Callable[..., None], filled: Collection[tuple[str, str]],
) -> None:  # fmt: skip
    with (
        mapped_errors(),
        reach(source, "copy") as reading,
        reach(target, "copy") as writing,
        fence.passed(writing),
        reading.transaction(),
    ):
        reading.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        reading.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        # Should the server stop now the copy begins anew anyhow.
        writing.execute("SET synchronous_commit = off")
        while not halt.is_set():
            try:
                piece = work.get_nowait()
            except queue.Empty:
                return
            columns = _columns(reading, piece)
            if (piece.schema, piece.table) in filled:
                rows = _signature(reading, piece, columns)
                if rows == _readable_signature(writing, piece, columns):
                    note(rows[0], 0, 1)
                    continue
                _clear(writing, piece)
            note(*_copy(reading, writing, piece, columns))


def _clear_unknown(target: End, todo: Sequence[Piece]) -> set[tuple[str, str]]:
    """Empty what only the target has rows in, and return which of the others hold rows there."""
    wanted = {(piece.schema, piece.table) for piece in todo}
    filled = set()
    with mapped_errors(), reach(target, "copy") as writing, fence.passed(writing):
        for piece in pieces(writing):
            if not _holds_rows(writing, piece):
                continue
            if (piece.schema, piece.table) in wanted:
                filled.add((piece.schema, piece.table))
            else:
                _clear(writing, piece)
    return filled


def _holds_rows(writing: Connection, piece: Piece) -> bool:
    """Whether there are rows, be it some that a spoilt page holds."""
    asking = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(piece.identifier)
    try:
        return writing.execute(asking).fetchone() == (True,)
    except psycopg.errors.DataCorrupted:
        return True


def _clear(writing: Connection, piece: Piece) -> None:
    try:
        writing.execute(sql.SQL("TRUNCATE {}").format(piece.identifier))
    except psycopg.errors.FeatureNotSupported:  # a foreign key refers to it
        writing.execute(sql.SQL("DELETE FROM {}").format(piece.identifier))


def _readable_signature(writing: Connection, piece: Piece, columns: Sequence[str]) -> tuple[int, int] | None:
    """Return the signature of what the target holds; None where a page is spoilt, so that it is copied anew."""
    try:
        return _signature(writing, piece, columns)
    except psycopg.errors.DataCorrupted:
        return None


def _signature(connection: Connection, piece: Piece, columns: Sequence[str]) -> tuple[int, int]:
    """Return count and sum of hashes of all rows, as a verification does."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    asking = sql.SQL("SELECT count(*), coalesce(sum(hash_record_extended(ROW({}), 0)), 0) FROM {}")
    row = connection.execute(asking.format(names, piece.identifier)).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _copy(reading: Connection, writing: Connection, piece: Piece, columns: Sequence[str]) -> tuple[int, int]:
    """Copy one table; return rows and bytes."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    taking = sql.SQL("COPY {} ({}) TO STDOUT (FORMAT binary)").format(piece.identifier, names)
    putting = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(piece.identifier, names)
    size = 0
    with reading.cursor() as source, writing.cursor() as target:
        with source.copy(taking) as out, target.copy(putting) as into:
            for block in out:
                size += len(block)
                into.write(block)
        return target.rowcount, size


def _columns(connection: Connection, piece: Piece) -> Sequence[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' ORDER BY attnum",
        (piece.identifier.as_string(connection),),
    )
    return [name for (name,) in rows]
