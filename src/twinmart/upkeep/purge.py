"""Drops the partitions that are too old, by decisions that are rows of ``ctl.purge_command``.

Replication does not carry the drop of a partition. So the active site decides, in a row that is replicated, and each
site carries it out with this code. In the place of all partitions dropped comes one that reaches back for ever and
holds what is still needed of them: rows that reach beyond the cut-off, and events that tell how things stand. Nobody
finds a span without a partition, so no load fails and none is made again for a span that is gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import psycopg
from psycopg import sql

from twinmart.db.connect import Connection
from twinmart.db.partitions import FOREVER, PartitionedTable, fence_as_root, partitioned_tables, span_of
from twinmart.db.sqlfiles import sql_text

Kind = Literal["facts", "cfg", "gidb", "history"]

# Readers of a table wait while its partitions are changed, and so do those who come after one that is waiting for them.
LOCK_TIMEOUT = "2s"
MOST_TRIES = 15

# Facts of agents have an end that may lie far beyond their begin.
_SPANS = frozenset({"sm_res_session_fact", "sm_res_state_fact", "sm_res_state_reason_fact", "resource_group_fact_"})


@dataclass(frozen=True, slots=True)
class Purged:
    """What was dropped of one table."""

    table: str
    partitions: int
    bytes_freed: int
    rows_kept: int


@dataclass(frozen=True, slots=True)
class _Part:
    schema: str
    name: str
    end: int
    bytes: int
    is_remainder: bool

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


def commands(connection: Connection) -> Mapping[Kind, datetime]:
    """Return the latest cut-off of each kind that was ever decided."""
    return dict(connection.execute("SELECT kind, max(before_at) FROM ctl.purge_command GROUP BY kind").fetchall())


def has_older(connection: Connection, kind: Kind, before_at: datetime) -> bool:
    """Return whether a table of this kind has partitions that lie wholly before a moment."""
    cut_off = before_at.timestamp()
    return any(
        part.end <= cut_off and not part.is_remainder
        for table in partitioned_tables(connection)
        if kind_of(table) == kind
        for part in _parts(connection, table)
    )


def purge_as_decided(connection: Connection) -> list[Purged]:
    """Carry out at this site whatever was decided and not done yet; return what was dropped. May be broken off.

    Raises:
        LockTimeout (psycopg): readers kept a table for half a minute; what was done before stays.
    """
    done = []
    decided = commands(connection)
    for table in partitioned_tables(connection):
        kind = kind_of(table)
        if kind is not None and kind in decided:
            done += _retried(connection, table, decided[kind], _keep(table))
    return done


def purge_idb(connection: Connection, schema: str, before_at: datetime, mark: int) -> list[Purged]:
    """Drop the events of an interaction database that are older and were extracted, which is up to ``mark``."""
    done = []
    for table in partitioned_tables(connection):
        if table.schema == schema and table.name == "event":
            done += _retried(connection, table, before_at, "upkeep/keep_unread", mark=mark)
    return done


def kind_of(table: PartitionedTable) -> Kind | None:
    """Return by which decision a table is purged; None for those that are not ours, as interaction databases."""
    if (table.schema, table.name) == ("mart", "resource_group_fact_"):
        return "cfg"
    kinds: dict[str, Kind] = {"mart": "facts", "agg": "facts", "gidb": "gidb", "ctl": "history"}
    return kinds.get(table.schema)


def _keep(table: PartitionedTable) -> str:
    if table.schema == "gidb" and table.name == "event":
        return "upkeep/keep_event"
    return "upkeep/keep_span" if table.schema == "mart" and table.name in _SPANS else "upkeep/keep_none"


def _retried(
    connection: Connection, table: PartitionedTable, before_at: datetime, keep: str, *, mark: int = 0
) -> list[Purged]:
    for left in reversed(range(MOST_TRIES)):
        try:
            with connection.transaction():
                return _purge(connection, table, before_at, keep, mark)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if not left:
                raise
    raise AssertionError("not reached")


def _purge(connection: Connection, table: PartitionedTable, before_at: datetime, keep: str, mark: int) -> list[Purged]:
    cut_off = int(before_at.timestamp())
    old = [part for part in _parts(connection, table) if part.end <= cut_off]
    if not any(not part.is_remainder for part in old):
        return []
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
    # Nobody may write there from now on; who reads is disturbed only at the very end.
    for part in old:
        connection.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(part.identifier))
    end = max(part.end for part in old)
    name = table.partition_name((FOREVER, end))
    rest = sql.Identifier("ops", name)
    root = sql.Identifier(table.schema, table.name)
    bound = table.bound(end)
    # Filled in a schema that is not replicated: the other site keeps its own.
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING COMMENTS)").format(rest, root))
    kept = connection.execute(
        sql.SQL("INSERT INTO {} {}").format(
            rest,
            sql.SQL(sql_text(keep)).format(
                root=root, before=bound, cut_off=sql.Literal(cut_off), mark=sql.Literal(mark)
            ),
        )
    ).rowcount
    for part in old:
        connection.execute(
            sql.SQL("ALTER TABLE {} DETACH PARTITION {part}; DROP TABLE {part}").format(root, part=part.identifier)
        )
    connection.execute(
        sql.SQL(
            "ALTER TABLE {root} ATTACH PARTITION {rest} FOR VALUES FROM (MINVALUE) TO ({end});"
            "ALTER TABLE {rest} SET SCHEMA {schema}"
        ).format(root=root, rest=rest, end=bound, schema=sql.Identifier(table.schema))
    )
    fence_as_root(connection, sql.Identifier(table.schema, name), root)
    # Made in another schema, it was given none of the privileges that tables of this one are given when they are made.
    for (writer,) in connection.execute(sql_text("upkeep/writers"), (root.as_string(connection),)).fetchall():
        connection.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON {} TO {}").format(
                sql.Identifier(table.schema, name), sql.Identifier(writer)
            )
        )
    return [_note(connection, table, old, end, kept)]


def _note(connection: Connection, table: PartitionedTable, old: Sequence[_Part], end: int, kept: int) -> Purged:
    rest = f'"{table.schema}"."{table.partition_name((FOREVER, end))}"'
    size = connection.execute("SELECT pg_total_relation_size(to_regclass(%s))", (rest,)).fetchone()
    freed = sum(part.bytes for part in old) - int(size[0] if size else 0)
    dropped = sum(not part.is_remainder for part in old)
    connection.execute(
        "INSERT INTO ops.purge_done (schema_name, table_name, before_at, partitions, bytes_freed, rows_kept)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (table.schema, table.name, datetime.fromtimestamp(end, UTC), dropped, freed, kept),
    )
    return Purged(f"{table.schema}.{table.name}", dropped, freed, kept)


def _parts(connection: Connection, table: PartitionedTable) -> list[_Part]:
    rows = connection.execute(sql_text("upkeep/partitions_of"), {"root": f'"{table.schema}"."{table.name}"'}).fetchall()
    found = []
    for schema, name, bound, size in rows:
        start, end = span_of(bound, table.key_kind)
        found.append(_Part(schema, name, end, size, is_remainder=start == FOREVER))
    return found
