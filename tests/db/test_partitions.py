"""Partitions: made ahead for every table of the mart, side by side without holes, at most once."""

import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import Mart
from twinmart import errors
from twinmart.db.connect import Connection
from twinmart.db.partitions import (
    DAY_S,
    PartitionedTable,
    PartitionMemory,
    Span,
    ensure_partitions,
    partitioned_tables,
)

DAY = datetime(2031, 5, 3, tzinfo=UTC)
SOME_TABLES = """
DELETE FROM ops.partition_rule WHERE (schema_name, table_name) NOT IN (('mart', 'by_key'), ('gidb', 'by_time'));
CREATE TABLE mart.by_key (start_date_time_key bigint NOT NULL, n integer, PRIMARY KEY (start_date_time_key))
    PARTITION BY RANGE (start_date_time_key);
CREATE TABLE gidb.by_time (at timestamptz NOT NULL, n integer) PARTITION BY RANGE (at);
CREATE INDEX ON gidb.by_time (n);
INSERT INTO ops.partition_rule VALUES ('mart', 'by_key', 'epoch', 1), ('gidb', 'by_time', 'timestamptz', 7)
"""


@pytest.fixture
def connection(mart: Mart) -> Connection:
    """A mart whose own partitioned tables were put away, with two of ours instead."""
    connection = mart.connect()
    for table in partitioned_tables(connection):
        drop = psycopg.sql.SQL("DROP TABLE {} CASCADE").format(psycopg.sql.Identifier(table.schema, table.name))
        connection.execute(drop)
        connection.commit()  # each alone, so that no transaction holds more locks than the server has room for
    connection.execute(SOME_TABLES)
    connection.commit()
    return connection


def test_partitions_are_named_after_the_day_on_which_they_begin(connection: Connection) -> None:
    made = ensure_partitions(connection, DAY, DAY + timedelta(days=2))
    assert made == ["gidb.by_time_p20310501", "mart.by_key_p20310503", "mart.by_key_p20310504"]


def test_rows_of_the_whole_span_find_their_partition_and_those_beside_it_do_not(connection: Connection) -> None:
    ensure_partitions(connection, DAY, DAY + timedelta(days=2))
    last = int((DAY + timedelta(days=2)).timestamp()) - 1
    connection.execute("INSERT INTO mart.by_key VALUES (%s, 1), (%s, 2)", (int(DAY.timestamp()), last))
    connection.execute("INSERT INTO gidb.by_time VALUES (%s, 1)", (DAY + timedelta(hours=5),))
    connection.commit()
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("INSERT INTO mart.by_key VALUES (%s, 3)", (last + 1,))


def test_making_them_again_makes_none(connection: Connection) -> None:
    assert ensure_partitions(connection, DAY, DAY + timedelta(days=9))
    assert ensure_partitions(connection, DAY, DAY + timedelta(days=9)) == []


def test_part_of_a_day_is_a_day(connection: Connection) -> None:
    noon = DAY + timedelta(hours=12)
    assert ensure_partitions(connection, noon, noon + timedelta(microseconds=1)) == [
        "gidb.by_time_p20310501",
        "mart.by_key_p20310503",
    ]
    assert ensure_partitions(connection, DAY, DAY + timedelta(days=1)) == []


def test_an_empty_span_needs_nothing(connection: Connection) -> None:
    assert ensure_partitions(connection, DAY, DAY) == []


def test_partitions_have_the_indexes_of_their_table(connection: Connection) -> None:
    ensure_partitions(connection, DAY, DAY + timedelta(days=1))
    valid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    count = "SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass"
    assert connection.execute(valid).fetchone() == (0,)
    assert connection.execute(count, ("gidb.by_time_p20310501",)).fetchone() == (1,)
    assert connection.execute(count, ("mart.by_key_p20310503",)).fetchone() == (1,)


def test_a_reader_of_the_table_does_not_hold_them_up(connection: Connection, mart: Mart) -> None:
    reader = mart.connect()
    reader.execute("SELECT * FROM mart.by_key")
    connection.execute("SET lock_timeout = '2s'")
    assert ensure_partitions(connection, DAY, DAY + timedelta(days=1))


def test_a_changed_width_fills_up_to_the_old_partitions(connection: Connection) -> None:
    ensure_partitions(connection, DAY, DAY + timedelta(days=1))
    connection.execute("UPDATE ops.partition_rule SET interval_days = 7")
    made = ensure_partitions(connection, DAY, DAY + timedelta(days=7))
    assert made == ["gidb.by_time_p20310508", "mart.by_key_p20310501", "mart.by_key_p20310504", "mart.by_key_p20310508"]


def test_a_table_without_a_rule_is_loudly_missed(connection: Connection) -> None:
    connection.execute("DELETE FROM ops.partition_rule WHERE table_name = 'by_key'")
    with pytest.raises(errors.NoPartitionRule, match=r'"mart\.by_key"'):
        ensure_partitions(connection, DAY, DAY + timedelta(days=1))


def test_a_broken_clock_makes_no_thousands_of_partitions(connection: Connection) -> None:
    with pytest.raises(errors.ImplausibleTime):
        ensure_partitions(connection, datetime(1970, 1, 1, tzinfo=UTC), DAY)


def test_two_who_make_the_same_ones_at_once_share_the_work(connection: Connection, mart: Mart) -> None:
    start = threading.Barrier(2)
    made: list[str] = []

    def run(own: Connection) -> None:
        start.wait()
        made.extend(ensure_partitions(own, DAY, DAY + timedelta(days=20)))

    threads = [threading.Thread(target=run, args=[mart.connect()]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(set(made)) == 20 + 4


def test_four_hundred_take_no_more_than_a_few_seconds(connection: Connection) -> None:
    started = time.monotonic()
    assert len(ensure_partitions(connection, DAY, DAY + timedelta(days=400))) == 400 + 58
    assert time.monotonic() - started < 15


def test_a_loader_that_asks_for_each_batch_asks_the_database_once_a_day(connection: Connection) -> None:
    memory = PartitionMemory()
    assert memory.ensure(connection, DAY, DAY + timedelta(hours=1))
    connection.close()
    assert memory.ensure(connection, DAY + timedelta(hours=1), DAY + timedelta(hours=24)) == []
    with pytest.raises(psycopg.OperationalError):
        memory.ensure(connection, DAY + timedelta(hours=23), DAY + timedelta(hours=25))


spans = st.tuples(st.integers(0, 400), st.integers(1, 30)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@st.composite
def days_apart(draw: st.DrawFn) -> tuple[Span, ...]:
    """Spans of whole days, sorted, none over another."""
    edges = sorted(draw(st.sets(st.integers(0, 430), max_size=12)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return tuple((start * DAY_S, end * DAY_S) for start, end in pairs)


@given(covered=days_apart(), span=spans, width=st.integers(1, 40))
def test_what_is_made_and_what_was_there_cover_the_span_and_nothing_twice(
    covered: tuple[Span, ...], span: Span, width: int
) -> None:
    table = PartitionedTable("mart", "fact", "epoch", width, covered)
    made = list(table.missing((span[0] * DAY_S, span[1] * DAY_S)))
    days = [day for start, end in (*covered, *made) for day in range(start // DAY_S, end // DAY_S)]
    assert len(days) == len(set(days))
    assert set(range(*span)) <= set(days)
    assert len({table.partition_name(part) for part in made}) == len(made)
    assert all(start % DAY_S == 0 and end - start <= width * DAY_S for start, end in made)


def test_a_collector_makes_those_of_its_own_schema_only(connection: Connection) -> None:
    assert ensure_partitions(connection, DAY, DAY + timedelta(days=1), schema="gidb") == ["gidb.by_time_p20310501"]
