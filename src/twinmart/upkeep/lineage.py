"""Follows a fact back: from its row to the loads that made it, the extractions that brought its events, and these."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.rows import dict_row

from twinmart import errors
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text

# The column of the key of each fact, and whether its rows hang on an interaction or on an agent and a span of time.
FACTS: Mapping[str, tuple[str, bool]] = {
    "interaction_fact": ("interaction_id", True),
    "interaction_resource_fact": ("interaction_resource_id", True),
    "mediation_segment_fact": ("mediation_segment_id", True),
    "ixn_resource_state_fact": ("ixn_resource_state_fact_key", True),
    "sm_res_session_fact": ("sm_res_session_fact_key", False),
    "sm_res_state_fact": ("sm_res_state_fact_key", False),
    "sm_res_state_reason_fact": ("sm_res_state_reason_fact_key", False),
    "resource_group_fact_": ("resource_group_fact_key", False),
}


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a fact comes from. Events that are purged are missing, and with them their extractions."""

    table: str
    row: Mapping[str, Any]
    loads: list[dict[str, Any]]
    extractions: list[dict[str, Any]]
    events: list[dict[str, Any]]


def lineage(connection: Connection, key: str) -> Lineage:
    """Return where the fact of this key comes from.

    Raises:
        UnknownId: no fact has this key.
    """
    table, row = _find(connection, _uuid(key))
    name = "upkeep/lineage_interaction" if FACTS[table][1] else "upkeep/lineage_agent"
    with connection.cursor(row_factory=dict_row) as cursor:
        events = cursor.execute(sql_text(name), row).fetchall()
        loads = cursor.execute(
            sql_text("trace/load"), {"audit_keys": [row["create_audit_key"], row["update_audit_key"]]}
        ).fetchall()
        batches = sorted({event["batch"] for event in events})
        extractions = cursor.execute(sql_text("trace/batch"), {"batches": batches}).fetchall()
    return Lineage(table, row, loads, extractions, events)


def _find(connection: Connection, key: UUID) -> tuple[str, dict[str, Any]]:
    # The first 48 bits of a key are the milliseconds of its start, so one partition is asked.
    start_key = (key.int >> 80) // 900_000 * 900
    for table, (column, _) in FACTS.items():
        with connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(
                sql.SQL("SELECT * FROM mart.{} WHERE {} = %s AND start_date_time_key = %s").format(
                    sql.Identifier(table), sql.Identifier(column)
                ),
                (key, start_key),
            ).fetchone()
        if row is not None:
            return table, {"interaction_id": None, "end_at": None, **row}
    raise errors.UnknownId(f'no fact has the key "{key}"', hint="Keys stand in the tables of schema mart.")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise errors.UnknownId(
            f'"{text}" is no key of a fact', hint="Keys of facts are UUIDs, as in schema mart."
        ) from None
