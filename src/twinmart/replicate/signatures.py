"""Signatures of the rows of a table: how two marts are compared without sending their rows.

The signature of a number of rows is their count and the sum of ``hash_record_extended`` of each. The sum tells a row
that is there twice, which an exclusive or would not; values that compare as equal hash as equal. 64 bits a row: that a
random difference hides in one span has a chance of some 5e-20. Cost measured on PostgreSQL 18: half a second for a
million rows of 18 columns and core, a third of what md5 of their text takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from psycopg import sql
from psycopg.rows import class_row

from twinmart.db.connect import Connection
from twinmart.db.partitions import FOREVER, PartitionedTable, Span
from twinmart.db.sqlfiles import sql_text

# A difference is narrowed down by so many buckets at a time.
FAN_BITS = 6


@dataclass(frozen=True, slots=True)
class Table:
    """A table that both marts have: its columns by name, its key, and what it is divided by."""

    schema_name: str
    table_name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    partition_column: str | None

    @property
    def name(self) -> str:
        """The table's name with its schema."""
        return f"{self.schema_name}.{self.table_name}"

    @property
    def identifier(self) -> sql.Identifier:
        """The table in SQL."""
        return sql.Identifier(self.schema_name, self.table_name)


@dataclass(frozen=True, slots=True)
class Unit:
    """A table, or a span of one that is divided: what one signature stands for."""

    table: Table
    key_kind: str = ""
    span: Span | None = None

    def condition(self) -> sql.Composable:
        """Return the condition that a row lies in the span."""
        if self.span is None or self.table.partition_column is None:
            return sql.SQL("true")
        column = sql.Identifier(self.table.partition_column)
        ends = [sql.Literal(end) if self.key_kind == "epoch" else _moment(end) for end in self.span]
        return sql.SQL("{0} >= {1} AND {0} < {2}").format(column, *ends)


@dataclass(frozen=True, slots=True)
class Signature:
    """Count and sum of hashes of a number of rows."""

    rows: int
    hashes: int


def tables(connection: Connection) -> list[Table]:
    """Return the tables that cross the link and have a key."""
    with connection.cursor(row_factory=class_row(Table)) as cursor:
        return [
            Table(found.schema_name, found.table_name, tuple(found.columns), tuple(found.key), found.partition_column)
            for found in cursor.execute(sql_text("verify/tables"))
        ]


def units(table: Table, divided: Sequence[PartitionedTable]) -> list[Unit]:
    """Return the spans of a table by the partitions that any of the marts has, cut so that none overlap."""
    of_table = [one for one in divided if (one.schema, one.name) == (table.schema_name, table.table_name)]
    if not of_table:
        return [Unit(table)]
    edges = sorted({edge for one in of_table for span in one.covered for edge in span})
    spans = list(pairwise(edges))
    covered = [span for one in of_table for span in one.covered]
    return [
        Unit(table, of_table[0].key_kind, span)
        for span in spans
        if any(low <= span[0] and span[1] <= high for low, high in covered)
    ]


def signature(connection: Connection, unit: Unit) -> Signature:
    """Return the signature of all rows of a unit."""
    query = sql.SQL("SELECT count(*), coalesce(sum({hash}), 0) FROM {table} WHERE {condition}").format(
        hash=_row_hash(unit.table), table=unit.table.identifier, condition=unit.condition()
    )
    row = connection.execute(query).fetchone()
    return Signature(int(row[0]), int(row[1])) if row else Signature(0, 0)


def buckets(connection: Connection, unit: Unit, shift: int, prefix: int | None) -> dict[int, Signature]:
    """Return the signatures of a unit's rows by the next bits of the hashes of their keys.

    ``shift`` bits were looked at before, and their value is ``prefix``; the result is by that value and the next bits.
    """
    bits = shift + FAN_BITS
    query = sql.SQL(
        "SELECT {key_hash} & {mask}, count(*), sum({hash}) FROM {table} WHERE {condition} AND {before} GROUP BY 1"
    ).format(
        key_hash=_key_hash(unit.table),
        mask=sql.Literal((1 << bits) - 1),
        hash=_row_hash(unit.table),
        table=unit.table.identifier,
        condition=unit.condition(),
        before=_before(unit.table, shift, prefix),
    )
    return {int(bucket): Signature(int(rows), int(hashes)) for bucket, rows, hashes in connection.execute(query)}


def rows(connection: Connection, unit: Unit, bits: int, prefix: int) -> dict[str, int]:
    """Return the hash of every row of a bucket by its key."""
    query = sql.SQL("SELECT {key}, {hash} FROM {table} WHERE {condition} AND {before}").format(
        key=_key_text(unit.table),
        hash=_row_hash(unit.table),
        table=unit.table.identifier,
        condition=unit.condition(),
        before=_before(unit.table, bits, prefix),
    )
    return {key: int(value) for key, value in connection.execute(query)}


def row_hashes(connection: Connection, table: Table, keys: Sequence[str]) -> dict[str, int]:
    """Return the hashes of the rows that have these keys; one that is not there is not in the result."""
    query = sql.SQL("SELECT {key}, {hash} FROM {table} WHERE {among}").format(
        key=_key_text(table), hash=_row_hash(table), table=table.identifier, among=among(table)
    )
    return {key: int(value) for key, value in connection.execute(query, {"keys": list(keys)})}


def row_texts(connection: Connection, table: Table, keys: Sequence[str]) -> dict[str, str]:
    """Return the whole rows that have these keys, as JSON objects."""
    query = sql.SQL("SELECT {key}, to_jsonb(whole)::text FROM {table} AS whole WHERE {among}").format(
        key=_key_text(table), table=table.identifier, among=among(table)
    )
    return dict(connection.execute(query, {"keys": list(keys)}).fetchall())


def among(table: Table) -> sql.Composable:
    """Return the condition that a row's key is among the parameter ``keys``, found by the table's own index."""
    return sql.SQL(
        "({columns}) IN (SELECT {columns} FROM unnest(%(keys)s::text[]) AS wanted (one)"
        " CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, wanted.one::jsonb))"
    ).format(columns=_names(table.key), table=table.identifier)


def _row_hash(table: Table) -> sql.Composable:
    return sql.SQL("hash_record_extended(ROW({}), 0)").format(_names(table.columns))


def _key_hash(table: Table) -> sql.Composable:
    return sql.SQL("hash_record_extended(ROW({}), 1)").format(_names(table.key))


def _key_text(table: Table) -> sql.Composable:
    parts = [sql.SQL("{}, {}").format(sql.Literal(name), sql.Identifier(name)) for name in table.key]
    return sql.SQL("jsonb_build_object({})::text").format(sql.SQL(", ").join(parts))


def _before(table: Table, bits: int, prefix: int | None) -> sql.Composable:
    if prefix is None:
        return sql.SQL("true")
    return sql.SQL("{} & {} = {}").format(_key_hash(table), sql.Literal((1 << bits) - 1), sql.Literal(prefix))


def _names(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _moment(second: int) -> sql.Composable:
    if second == FOREVER:  # after a purge one partition stands for everything before
        return sql.SQL("'-infinity'::timestamptz")
    return sql.SQL("to_timestamp({})").format(sql.Literal(second))
