"""Brings the rows that a model has computed into a fact table, touching only rows that differ.

Rows are matched by the table's primary key, which is deterministic; every row carries the audit keys of the loads that
inserted it and changed it last. The statements are put together from the catalog, so that a new column of a fact needs
no line here.
"""

from dataclasses import dataclass
from functools import cache

from psycopg import sql

from twinmart.db.connect import Connection

# First and last interval of rows, both included.
KeySpan = tuple[int, int]

KEYS_OF_TIME = ("start_date_time_key", "end_date_time_key")
AUDIT_COLUMNS = ("create_audit_key", "update_audit_key")


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact table and how rows that are no longer computed are found.

    ``of_interaction`` says that its rows hang on an interaction; else they hang on an agent and a moment.
    """

    name: str
    of_interaction: bool

    @property
    def table(self) -> sql.Identifier:
        """The table in the mart."""
        return sql.Identifier("mart", self.name)

    @property
    def keys_of_time(self) -> tuple[str, ...]:
        """The columns that name an interval of the calendar; a membership's end has none."""
        return ("start_date_time_key",) if self.name == "resource_group_fact_" else KEYS_OF_TIME

    @property
    def computed(self) -> sql.Identifier:
        """The temporary table with the rows just computed."""
        return sql.Identifier(f"new_{self.name}")


INTERACTION_FACTS = (
    Fact("interaction_fact", of_interaction=True),
    Fact("interaction_resource_fact", of_interaction=True),
    Fact("mediation_segment_fact", of_interaction=True),
    Fact("ixn_resource_state_fact", of_interaction=True),
)
AGENT_FACTS = (
    Fact("sm_res_session_fact", of_interaction=False),
    Fact("sm_res_state_fact", of_interaction=False),
    Fact("sm_res_state_reason_fact", of_interaction=False),
    Fact("resource_group_fact_", of_interaction=False),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of a fact table, without the audit keys, and those of them that are its key."""

    columns: tuple[str, ...]
    key: tuple[str, ...]


@cache
def _statements(fact: Fact, shape: Shape) -> tuple[sql.Composed, sql.Composed]:
    return _merge(fact, shape), _delete(fact, shape)


def merge(
    connection: Connection, fact: Fact, shape: Shape, audit_key: int, new: KeySpan | None, stale: KeySpan | None
) -> int:
    """Delete what is no longer computed, change what differs, insert what is new; return how many rows that were.

    ``new`` and ``stale`` are the first and last ``start_date_time_key`` of the rows computed and of those that may have
    to go, so that other partitions rest; None where there are no such rows.
    """
    merging, deleting = _statements(fact, shape)
    changed = 0
    if stale is not None:
        changed += connection.execute(deleting, {"from_key": stale[0], "to_key": stale[1]}).rowcount
    if new is not None:
        changed += connection.execute(merging, {"audit_key": audit_key, "from_key": new[0], "to_key": new[1]}).rowcount
    return changed


def shape_of(connection: Connection, fact: Fact) -> Shape:
    """Return the columns of a fact table from the catalog."""
    columns = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        (f"mart.{fact.name}",),
    )
    names = tuple(name for (name,) in columns if name not in AUDIT_COLUMNS)
    keys = connection.execute(
        "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
        " WHERE indrelid = %s::regclass AND indisprimary",
        (f"mart.{fact.name}",),
    )
    return Shape(names, tuple(name for (name,) in keys))


def _listed(names: tuple[str, ...], prefix: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(prefix, name) if prefix else sql.Identifier(name) for name in names)


def _same_key(shape: Shape, one: str, other: str) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(one, name), sql.Identifier(other, name)) for name in shape.key
    )


def _merge(fact: Fact, shape: Shape) -> sql.Composed:
    payload = tuple(name for name in shape.columns if name not in shape.key)
    return sql.SQL(
        "MERGE INTO {table} AS known USING {computed} AS found"
        " ON {same_key} AND known.start_date_time_key BETWEEN %(from_key)s AND %(to_key)s"
        " WHEN MATCHED AND ROW({known}) IS DISTINCT FROM ROW({found}) THEN"
        " UPDATE SET {changes}, update_audit_key = %(audit_key)s"
        " WHEN NOT MATCHED THEN INSERT ({columns}, create_audit_key, update_audit_key)"
        " VALUES ({values}, %(audit_key)s, %(audit_key)s)"
    ).format(
        table=fact.table,
        computed=fact.computed,
        same_key=_same_key(shape, "known", "found"),
        known=_listed(payload, "known"),
        found=_listed(payload, "found"),
        changes=sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Identifier("found", name)) for name in payload
        ),
        columns=_listed(shape.columns),
        values=_listed(shape.columns, "found"),
    )


def _delete(fact: Fact, shape: Shape) -> sql.Composed:
    concerned = (
        "stale_interaction AS stale WHERE known.interaction_id = stale.interaction_id"
        if fact.of_interaction
        else "working_resource AS stale WHERE known.resource_key = stale.resource_key"
        " AND known.start_at >= stale.from_at"
    )
    return sql.SQL(
        "DELETE FROM {table} AS known USING {concerned}"
        " AND known.start_date_time_key BETWEEN %(from_key)s AND %(to_key)s"
        " AND NOT EXISTS (SELECT FROM {computed} AS found WHERE {same_key})"
    ).format(
        table=fact.table,
        concerned=sql.SQL(concerned),
        computed=fact.computed,
        same_key=_same_key(shape, "known", "found"),
    )
