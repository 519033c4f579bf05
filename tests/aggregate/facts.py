"""Facts put into a mart by hand, aggregates read back, and both compared by the oracle."""

from collections import defaultdict
from datetime import UTC, datetime
from threading import Event as Signal
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from tests.oracle import aggregates as oracle
from tests.support import Mart
from twinmart.aggregate.job import aggregate
from twinmart.aggregate.sets import SETS, Level, Shape
from twinmart.db.connect import Connection

SITE = 1
EDGES = [s * 1000 for s in (5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 90, 120, 180, 240, 300, 600, 1200)]


def put(connection: Connection, table: str, **values: Any) -> None:
    """Insert a fact; begin and end give the interval keys, and what is required and not named is 0."""
    required = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attnotnull",
        (f"mart.{table}",),
    )
    common = {"tenant_key": 1, "source_key": 1, "media_type_key": 1, "interaction_type_key": 1}
    start, end = values["start_at"], values.get("end_at")
    times = {"start_date_time_key": _key(start)}
    times |= {"end_date_time_key": _key(end)} if end is not None and table != "resource_group_fact_" else {}
    row = {name: 0 for (name,) in required}
    row |= {name: value for name, value in common.items() if name in row} | times | values
    connection.execute(
        sql.SQL("INSERT INTO mart.{} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Literal, row.values())),
        )
    )


def put_resource(connection: Connection, key: int, kind: str) -> None:
    """Make a resource known."""
    connection.execute(
        "INSERT INTO mart.resource_ (resource_key, tenant_key, resource_type_code, source_key, natural_name,"
        " resource_name, first_seen_at) VALUES (%s, 1, %s, 1, %s, %s, 'epoch')",
        (key, kind, f"{kind}{key}", f"{kind}{key}"),
    )


def rebuild(mart: Mart) -> dict[str, object]:
    """Run the aggregation job once."""
    return dict(aggregate(SITE, {SITE: mart.dsn}, stop=Signal()))


def stored(connection: Connection, name: str, level: str = "subhr") -> dict[tuple[Any, ...], dict[str, int]]:
    """Return what differs from zero of a set, by key; the edges of buckets are left out of the key."""
    shape = Shape.read(connection)[name]
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(sql.SQL("SELECT * FROM agg.{}").format(sql.Identifier(f"{name}_{level}"))).fetchall()
    keys = [key for key in shape.keys if key != "time_range_key"]
    told = {tuple(row[key] for key in keys): {m: row[m] for m in shape.measures if row[m]} for row in rows}
    return {key: measures for key, measures in told.items() if measures}


def expected(connection: Connection, limits: oracle.Limits) -> oracle.Book:
    """Return what the oracle makes of all facts of a mart."""
    book = oracle.Book()
    attempts = {one["interaction_resource_id"]: one for one in _read(connection, _ATTEMPTS)}
    members = _read(connection, "SELECT resource_key, group_key, start_at, end_at FROM mart.resource_group_fact_")
    members += _read(connection, "SELECT resource_key, group_key, start_at, end_at FROM mart.group_member")
    horizons = {
        row["source_key"]: row["reached_at"] for row in _read(connection, "SELECT * FROM ctl.aggregate_horizon")
    }
    begin = datetime.fromtimestamp(0, UTC)
    of_interaction = defaultdict(list)
    for one in attempts.values():
        of_interaction[one["interaction_id"]].append(one)
        if one["is_agent"]:
            groups = sorted(
                {
                    member["group_key"]
                    for member in members
                    if member["resource_key"] == one["resource_key"] and member["start_at"] <= one["start_at"]
                    if member["end_at"] is None or member["end_at"] > one["start_at"]
                }
            )
            oracle.attempt(book, one, groups, limits)
    visits = _read(connection, _VISITS)
    for visit in visits:
        later = [
            other
            for other in visits
            if (other["interaction_id"], other["resource_key"]) == (visit["interaction_id"], visit["resource_key"])
            and (other["start_at"], other["mediation_segment_id"]) > (visit["start_at"], visit["mediation_segment_id"])
        ]
        oracle.visit(book, visit, attempts.get(visit["target_ixn_resource_id"]), not later, limits)
    for one in _read(connection, "SELECT * FROM mart.ixn_resource_state_fact"):
        of = attempts[one["interaction_resource_id"]]
        if of["is_agent"]:
            oracle.state_inside(book, one, of, horizons.get(one["source_key"], begin))
    for one in _read(connection, "SELECT * FROM mart.sm_res_state_fact"):
        oracle.state(book, one, horizons.get(one["source_key"], begin))
    for one in _read(connection, "SELECT * FROM mart.sm_res_session_fact"):
        oracle.session(book, one)
    for one in _read(connection, "SELECT * FROM mart.sm_res_state_reason_fact"):
        oracle.reason(book, one, horizons.get(one["source_key"], begin))
    for one in _read(connection, "SELECT * FROM mart.interaction_fact"):
        oracle.interaction(book, one, of_interaction[one["interaction_id"]], limits)
    return book


def assert_true(connection: Connection, limits: oracle.Limits) -> None:
    """Compare every set with the oracle at 15 minutes, and every level with the sum of those intervals."""
    book = expected(connection, limits)
    for one in SETS:
        told = stored(connection, one.name)
        assert told == book.of(one.name), one.name
        for level in (*list(Level)[1:], "30min", "week", "quarter", "year"):
            assert stored(connection, one.name, str(level)) == _added(connection, told, str(level)), (one.name, level)


def _added(
    connection: Connection, told: dict[tuple[Any, ...], dict[str, int]], level: str
) -> dict[tuple[Any, ...], dict[str, int]]:
    sums = oracle.Book()
    for (tenant, interval, *others), measures in told.items():
        sums.add(level, (tenant, _begin(level, interval), *others), **measures)
    return sums.of(level)


def _begin(level: str, interval: int) -> int:
    at = datetime.fromtimestamp(interval, UTC)
    midnight = at.replace(hour=0, minute=0)
    if level in ("hour", "30min"):
        return interval // (3600 if level == "hour" else 1800) * (3600 if level == "hour" else 1800)
    if level == "week":
        return int(midnight.timestamp()) - at.weekday() * 86_400
    month = {"day": at.month, "month": at.month, "quarter": (at.month - 1) // 3 * 3 + 1, "year": 1}[level]
    return int((midnight if level == "day" else midnight.replace(month=month, day=1)).timestamp())


def _key(at: datetime) -> int:
    return int(at.timestamp()) // 900 * 900


def _read(connection: Connection, query: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


_ATTEMPTS = """
SELECT fact.*, technical_result, result_reason, resource_role, resource_type_code = 'AGENT' AS is_agent,
    coalesce(data.interaction_descriptor_key, -2) AS interaction_descriptor_key
FROM mart.interaction_resource_fact AS fact
LEFT JOIN mart.irf_user_data_keys AS data USING (interaction_resource_id)
JOIN mart.technical_descriptor USING (technical_descriptor_key)
JOIN mart.resource_ USING (resource_key)
"""
_VISITS = """
SELECT fact.*, result_reason, coalesce(data.interaction_descriptor_key, -2) AS interaction_descriptor_key
FROM mart.mediation_segment_fact AS fact
LEFT JOIN mart.irf_user_data_keys AS data
    ON data.interaction_resource_id = fact.mediation_segment_id AND data.is_segment
JOIN mart.technical_descriptor USING (technical_descriptor_key)
"""
