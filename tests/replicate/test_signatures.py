"""Signatures of rows: what has a part in them and what has not."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from tests.etl.story import DAWN
from tests.support import Mart
from twinmart.db.connect import Connection
from twinmart.db.partitions import ensure_partitions
from twinmart.replicate import signatures as under_test
from twinmart.replicate.signatures import Signature, Table, Unit, filled, joined, signature, signatures, tables, units

SHAPE = {
    "a": "bigint",
    "b": "integer",
    "c": "smallint",
    "d": "text",
    "e": "timestamp with time zone",
    "f": "uuid",
    "g": "jsonb",
    "h": "boolean",
    "i": "numeric",
    "j": "bigint[]",
    "k": "bigint",
}
ROW = (
    "1, 2, 3, repeat('x', 5000), '2025-03-30 01:30Z', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"n\": 1.0}', true,"
    " 1.50, '{1,2}', 4"
)
# Of each column another value, and nothing.
OTHERS = {
    "a": "-1", "b": "3", "c": "4", "d": "'y'", "e": "'2025-03-30 01:30:00.000001Z'", "f": "gen_random_uuid()",
    "g": "'{}'", "h": "false", "i": "1.51", "j": "'{2,1}'", "k": "1",
}  # fmt: skip


def table(name: str) -> Table:
    return Table("pg_temp", name, tuple(SHAPE), tuple(SHAPE.values()), ("a",), None)


def make(connection: Connection, name: str, order: list[str], *, more: str = "") -> Table:
    columns = ", ".join(f"{one} {SHAPE[one]}" for one in order)
    connection.execute(f"CREATE TEMPORARY TABLE {name} ({more}{columns})")
    connection.execute(f"INSERT INTO {name} ({', '.join(SHAPE)}) VALUES ({ROW})")
    return table(name)


def of(connection: Connection, one: Table) -> Signature:
    return signature(connection, Unit(one))


def test_the_order_of_columns_and_the_way_a_value_is_kept_have_no_part_in_it(mart: Mart) -> None:
    with mart.connect() as connection:
        left = of(connection, make(connection, "left_one", list(SHAPE)))
        moved = make(connection, "moved", sorted(SHAPE, reverse=True), more="gone text, ")
        connection.execute("ALTER TABLE moved DROP COLUMN gone")
        # Alike and written in other ways: out of line as it is, or in line and compressed; 1.0 for 1.00.
        for how in ("EXTERNAL", "MAIN"):
            connection.execute(f"ALTER TABLE moved ALTER COLUMN d SET STORAGE {how}")
            connection.execute("UPDATE moved SET d = left(d, 4999) || 'x', g = '{\"n\": 1}', i = 1.5")
            assert of(connection, moved) == left
        assert left.rows == 1


@pytest.mark.parametrize("column", SHAPE)
def test_each_column_counts_and_so_does_nothing_in_it(mart: Mart, column: str) -> None:
    with mart.connect() as connection:
        one = make(connection, "one", list(SHAPE))
        seen = {of(connection, one)}
        for value in (OTHERS[column], "NULL"):
            connection.execute(f"UPDATE one SET {column} = {value}")
            seen.add(of(connection, one))
        assert len(seen) == 3


def test_values_that_change_places_are_told(mart: Mart) -> None:
    with mart.connect() as connection:
        one = make(connection, "one", list(SHAPE))
        connection.execute("INSERT INTO one (a, b, k) VALUES (7, 8, 9), (10, 11, NULL)")
        seen = [of(connection, one)]
        for change in (
            "UPDATE one SET a = k, k = a WHERE a = 1",  # within a row
            "UPDATE one SET b = CASE b WHEN 8 THEN 11 ELSE 8 END WHERE b IN (8, 11)",  # from row to row
            "UPDATE one SET a = NULL, k = a WHERE a = 10",
            "INSERT INTO one SELECT * FROM one WHERE a = 7",
            "INSERT INTO one SELECT * FROM one WHERE a = 7 LIMIT 1",
        ):
            connection.execute(change)
            seen.append(of(connection, one))
        assert len(set(seen)) == len(seen)


def test_older_servers_come_to_the_same_number(mart: Mart, monkeypatch: pytest.MonkeyPatch) -> None:
    with mart.connect() as connection:
        one = make(connection, "one", list(SHAPE))
        connection.execute("INSERT INTO one (a, e) VALUES (2, 'infinity'), (3, '-infinity'), (4, '0044-03-15 BC')")
        newer = of(connection, one)
        monkeypatch.setattr(
            under_test,
            "_row_hash",
            lambda _, table: under_test._hash_of_columns(table, is_older=True),
        )
        assert of(connection, one) == newer


@pytest.mark.parametrize("kind", ["epoch", "timestamptz"])
def test_units_read_together_have_the_signatures_that_each_has_by_itself(mart: Mart, kind: str) -> None:
    value = "n * 3600" if kind == "epoch" else "to_timestamp(n * 3600)"
    with mart.connect() as connection:
        made = sql.SQL("CREATE TEMPORARY TABLE parts AS SELECT {} AS at, n FROM generate_series(-30, 200) AS n")
        connection.execute(made.format(sql.SQL(value)))
        shape = ("bigint" if kind == "epoch" else "timestamp with time zone", "integer")
        one = Table("pg_temp", "parts", ("at", "n"), shape, ("n",), "at")
        day = 86_400
        spans = ((None, 0), (0, day), (day, 3 * day), (day, 2 * day), (3 * day, 4 * day), (9 * day, 10 * day))
        parts = units(one, [f"FOR VALUES FROM ({bound(start, kind)}) TO ({bound(end, kind)})" for start, end in spans])
        each = [signature(connection, unit) for unit in parts]
        assert [one.rows for one in each] == [30, 24, 24, 24, 24, 0]
        assert signatures(connection, parts) == each
        assert signatures(connection, []) == []
        whole = signature(connection, joined(parts[1:5]))
        assert whole == Signature(96, sum(one.hashes for one in each[1:5]))
        assert joined(parts).parts == tuple(parts)
        assert joined(parts[:1]) == parts[0]


def bound(second: int | None, kind: str) -> str:
    """An end of a partition as PostgreSQL writes it."""
    if second is None:
        return "MINVALUE"
    return f"'{second}'" if kind == "epoch" else f"'{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S+00}'"


def test_only_partitions_that_hold_anything_are_read(mart: Mart) -> None:
    with mart.connect(autocommit=True) as connection:
        ensure_partitions(connection, DAWN, DAWN + timedelta(days=2))
        assert filled(connection)["ctl.audit_log"] == []
        connection.execute(
            "INSERT INTO ctl.audit_log (audit_key, created_at, job, epoch, site, row_count)"
            " VALUES (-1, %s, 'test', 1, 1, 0)",
            (DAWN,),
        )
        (one,) = filled(connection)["ctl.audit_log"]
        (table,) = [one for one in tables(connection) if one.name == "ctl.audit_log"]
        (unit,) = units(table, [one])
        assert signature(connection, unit).rows == 1
