"""A day of facts made of numbers alone, set by set: calls spread evenly over the day, 50 queues and 2,000 agents."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import LiteralString

from psycopg import sql

from twinmart.db.connect import Connection

AGENTS, QUEUES = 2_000, 50

# A call n: entered at t, waited w, talked k; one in eight was abandoned.
_CALLS: LiteralString = """
CREATE TEMPORARY TABLE call AS
SELECT
    n,
    mart.fact_key(1, %(salt)s || ' call ' || n) AS id,
    entered.at,
    entered.at + entered.wait_ms * interval '1 millisecond' AS answered_at,
    entered.at + (entered.wait_ms + entered.talk_ms) * interval '1 millisecond' AS ended_at,
    entered.wait_ms,
    entered.talk_ms,
    n %% 8 = 0 AS is_lost,
    1000000 + n %% %(agents)s AS agent_key,
    2000000 + n %% %(queues)s AS queue_key
FROM generate_series(1, %(calls)s) AS n
CROSS JOIN LATERAL (
    SELECT %(from_at)s::timestamptz + n * (%(span_ms)s::float / %(calls)s) * interval '1 millisecond' AS at,
        n::bigint * 7919 %% 60000 + 1 AS wait_ms, n::bigint * 104729 %% 280000 + 20000 AS talk_ms
) AS entered
"""

_RESOURCES: LiteralString = """
INSERT INTO mart.resource_
    (resource_key, tenant_key, resource_type_code, source_key, natural_name, resource_name, first_seen_at)
SELECT 1000000 + n, 1, 'AGENT', 1, 'SIP/' || n, 'Agent ' || n, timestamptz 'epoch'
FROM generate_series(0, %(agents)s - 1) AS n
UNION ALL
SELECT 2000000 + n, 1, 'QUEUE', 1, 'queue' || n, 'queue' || n, timestamptz 'epoch'
FROM generate_series(0, %(queues)s - 1) AS n
ON CONFLICT DO NOTHING
"""

_COMMON = {"tenant_key": "1", "source_key": "1", "media_type_key": "1", "interaction_type_key": "1"}
_IXN = {**_COMMON, "interaction_id": "id", "interaction_date_time_key": "mart.date_time_key(at)"}
_DESCRIPTOR = (
    "(SELECT technical_descriptor_key FROM mart.technical_descriptor WHERE technical_result = 'Completed'"
    " AND result_reason = 'Unspecified' AND resource_role = 'Received' AND role_reason = 'Unspecified')"
)


# The pieces of a talk: state, begin and end as shares of its length.
_PIECES = (
    "call CROSS JOIN (VALUES PIECES) AS piece (state, f, t)"
    " CROSS JOIN LATERAL (SELECT answered_at + talk_ms * f * interval '1 millisecond' AS b,"
    " answered_at + talk_ms * t * interval '1 millisecond' AS e) AS s WHERE NOT is_lost"
)


def _span(begin: str, end: str) -> dict[str, str]:
    return {
        "start_date_time_key": f"mart.date_time_key({begin})",
        "start_at": begin,
        "end_at": end,
        "end_date_time_key": f"mart.date_time_key({end})",
    }


_FACTS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    (
        "interaction_fact",
        "call",
        {
            **_IXN,
            **_span("at", "CASE WHEN is_lost THEN answered_at ELSE ended_at END"),
            "media_server_root_ixn_guid": "n::text",
            "duration_ms": "wait_ms + CASE WHEN is_lost THEN 0 ELSE talk_ms END",
        },
    ),
    (
        "mediation_segment_fact",
        "call",
        {
            **_IXN,
            **_span("at", "answered_at"),
            "mediation_segment_id": "id",
            "resource_key": "queue_key",
            "technical_descriptor_key": _DESCRIPTOR,
            "target_ixn_resource_id": "CASE WHEN NOT is_lost THEN id END",
            "target_ixn_resource_sdt_key": "CASE WHEN NOT is_lost THEN mart.date_time_key(answered_at) END",
            "channel_id": "n::text",
            "entry_ordinal": "1",
            "result": "CASE WHEN is_lost THEN 'abandoned' ELSE 'answered' END",
            "entered_by": "'arrival'",
            "offer_count": "1",
            "total_duration_ms": "wait_ms",
        },
    ),
    (
        "interaction_resource_fact",
        "call WHERE NOT is_lost",
        {
            **_IXN,
            **_span("answered_at", "ended_at"),
            "interaction_resource_id": "id",
            "resource_key": "agent_key",
            "resource_group_combination_key": "-2",
            "technical_descriptor_key": _DESCRIPTOR,
            "attempt_kind": "'queue'",
            "channel_id": "n::text",
            "mediation_segment_id": "id",
            "mediation_date_time_key": "mart.date_time_key(at)",
            "last_queue_resource_key": "queue_key",
            "answered_at": "answered_at",
            "total_duration_ms": "talk_ms",
            "customer_ring_count": "1",
            "customer_talk_count": "1",
            "customer_talk_duration_ms": "talk_ms",
            "customer_handle_count": "1",
            "customer_acw_count": "1",
            "customer_acw_duration_ms": "10000",
            "queue_duration_ms": "wait_ms",
        },
    ),
    (
        "ixn_resource_state_fact",
        _PIECES.replace("PIECES", "(3, 0, 0.5), (5, 0.5, 0.6), (3, 0.6, 1), (7, 1, 1.1)"),
        {
            **_IXN,
            **_span("b", "e"),
            "ixn_resource_state_fact_key": "mart.fact_key(2, id::text || piece)",
            "interaction_resource_id": "id",
            "interaction_resource_sdt_key": "mart.date_time_key(answered_at)",
            "resource_key": "agent_key",
            "interaction_resource_state_key": "state",
        },
    ),
    (
        "sm_res_state_fact",
        _PIECES.replace("PIECES", "(5, 0, 0.9), (4, 0.9, 1), (2, 1, 1.5)"),
        {
            **_COMMON,
            **_span("b", "e"),
            "sm_res_state_fact_key": "mart.fact_key(3, id::text || piece)",
            "sm_res_session_fact_key": "id",
            "resource_key": "agent_key",
            "resource_state_key": "state",
        },
    ),
    (
        "sm_res_state_reason_fact",
        "call WHERE n % 40 = 0",
        {
            **_COMMON,
            **_span("at", "ended_at"),
            "sm_res_state_reason_fact_key": "id",
            "sm_res_state_fact_key": "id",
            "sm_res_session_fact_key": "id",
            "resource_key": "agent_key",
            "resource_state_key": "3",
            "resource_state_reason_key": "-2",
        },
    ),
    (
        "sm_res_session_fact",
        "call WHERE n <= 4000",
        {**_COMMON, **_span("at", "ended_at"), "sm_res_session_fact_key": "id", "resource_key": "agent_key"},
    ),
)


def fill(mart: Connection, day: datetime, calls: int) -> None:
    """Fill all of a day but its last two hours, in which calls end, and analyze; leave no requests."""
    for name, _, _ in _FACTS:
        mart.execute(sql.SQL("ALTER TABLE mart.{} DISABLE TRIGGER USER").format(sql.Identifier(name)))
    insert(mart, day, timedelta(hours=22), calls, "day")
    for name, _, _ in _FACTS:
        mart.execute(sql.SQL("ALTER TABLE mart.{} ENABLE TRIGGER USER").format(sql.Identifier(name)))
        mart.execute(sql.SQL("ANALYZE mart.{}").format(sql.Identifier(name)))


def insert(mart: Connection, from_at: datetime, span: timedelta, calls: int, salt: str) -> None:
    """Insert calls spread over a span; those of another salt are others."""
    parameters = {
        "from_at": from_at,
        "span_ms": span.total_seconds() * 1000,
        "calls": calls,
        "agents": AGENTS,
        "queues": QUEUES,
        "salt": salt,
    }
    mart.execute(_RESOURCES, parameters)
    mart.execute("DROP TABLE IF EXISTS pg_temp.call")
    mart.execute(_CALLS, parameters)
    with mart.transaction():
        for name, rows, values in _FACTS:
            _fill_one(mart, name, rows, values)


def _fill_one(mart: Connection, name: str, rows: str, values: Mapping[str, str]) -> None:
    """Insert one fact a row; a required column that is not named holds 0, any other nothing."""
    required = mart.execute(
        "SELECT attname, atttypid::regtype::text FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull",
        (f"mart.{name}",),
    ).fetchall()
    known = {column for column, _ in required} | {"end_at", "end_date_time_key", "total_duration_ms", "duration_ms"}
    known |= {"target_ixn_resource_id", "target_ixn_resource_sdt_key", "answered_at"}
    known |= {"mediation_segment_id", "mediation_date_time_key"}
    filled = {column: "0" for column, _ in required} | {c: v for c, v in values.items() if c in known}
    mart.execute(
        sql.SQL("INSERT INTO mart.{} ({}) SELECT {} FROM {}").format(
            sql.Identifier(name),
            sql.SQL(", ").join(map(sql.Identifier, filled)),
            sql.SQL(", ").join(sql.SQL(value) for value in filled.values()),
            sql.SQL(rows),
        )
    )
