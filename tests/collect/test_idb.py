"""The interaction database: made when needed, added to once, in one order, whatever the values and the times."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import Mart
from twinmart.collect.idb import Idb, Move
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.db.connect import Connection
from twinmart.errors import SpoolTakenTwice
from twinmart.model.events import Event, Kind, event_id

SCHEMA = "idb_Pbx-1_a"
AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SESSION = UUID(int=7)


@pytest.fixture
def connection(mart: Mart) -> Connection:
    return mart.connect(autocommit=True)


@pytest.fixture
def idb(connection: Connection) -> Idb:
    return Idb.open(connection, SCHEMA)


def ring(number: int = 0, at: datetime = AT, **columns: str) -> Event:
    at_us = int(at.timestamp()) * 1_000_000 + at.microsecond
    return Event(event_id("pbx", at_us, b"%d" % number), at, Kind.CHANNEL_RING, **columns)


def lines(*events: Event, session: UUID = SESSION) -> Record:
    return Record(Tag.EVENTS, copy_lines(events, str(session), AT))


def rows(connection: Connection, columns: str = "at", order: str = "seq") -> list[object]:
    select = psycopg.sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        psycopg.sql.Identifier(columns), psycopg.sql.Identifier(SCHEMA, "event"), psycopg.sql.Identifier(order)
    )
    return [row[0] for row in connection.execute(select)]


def table(connection: Connection, name: str) -> list[dict[str, object]]:
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        select = psycopg.sql.SQL("SELECT * FROM {} ORDER BY 1")
        return cursor.execute(select.format(psycopg.sql.Identifier(SCHEMA, name))).fetchall()


def start(session: UUID = SESSION, at: datetime = AT, kind: int = 1) -> Record:
    about = {"source": "pbx", "collector": "pbx_a", "connect_type": kind}
    return Record.of(Tag.SESSION_START, session_key=session, connected_at=at, **about)


def heard(at: datetime, session: UUID = SESSION, *, restarted: bool = False) -> Record:
    told = {"switch_boot_at": AT - timedelta(days=1), "version": "22.1", "system_name": "pbx"}
    return Record.of(Tag.SESSION_HEARD, session_key=session, last_heard_at=at, restarted=restarted, **told)


def end(reason: str = "gone", cause: str = "not-connected") -> Record:
    return Record.of(Tag.SESSION_END, reason=reason, cause=cause, at=AT + timedelta(days=9))


def test_a_batch_written_twice_is_written_once(idb: Idb, connection: Connection) -> None:
    batch = [start(), lines(ring(1), ring(2))]
    assert idb.write(batch) == 2
    assert idb.write(batch) == 0
    assert idb.write([lines(ring(2), ring(3), ring(3))]) == 1
    assert len(rows(connection)) == 3
    (session,) = table(connection, "data_source_session")
    assert (session["events"], session["first_event_at"], session["last_event_at"]) == (3, AT, AT)


def test_rows_are_numbered_in_the_order_of_the_batch(idb: Idb, connection: Connection) -> None:
    times = [AT + timedelta(seconds=second) for second in (5, 3, 9, 1, 7)]
    idb.write([lines(*(ring(at=at) for at in times[:3])), lines(*(ring(at=at) for at in times[3:]))])
    assert rows(connection) == times


def test_opening_it_again_changes_nothing(idb: Idb, connection: Connection) -> None:
    idb.write([lines(ring())])
    assert Idb.open(connection, SCHEMA).write([lines(ring(), ring(2))]) == 1


def test_partitions_are_made_for_days_and_not_for_the_years_between(idb: Idb, connection: Connection) -> None:
    idb.write([lines(ring(at=AT), ring(at=AT.replace(year=2003)), ring(at=AT + timedelta(days=1)))])
    made = connection.execute(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass(%s)", (f'"{SCHEMA}".event',)
    ).fetchone()
    assert made == (2,)
    assert len(rows(connection)) == 3


def test_the_partitions_of_the_mart_are_left_alone(idb: Idb, connection: Connection) -> None:
    def count() -> object:
        return connection.execute(
            "SELECT count(*) FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid"
            " WHERE part.relnamespace <> to_regnamespace(%s)",
            (f'"{SCHEMA}"',),
        ).fetchone()

    before = count()
    idb.write([lines(ring(at=AT.replace(year=2001)))])
    assert count() == before


def test_it_takes_rows_where_the_mart_is_read_only_by_default(mart: Mart, connection: Connection) -> None:
    name = psycopg.sql.Identifier(mart.name)
    connection.execute(psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    assert Idb.open(mart.connect(autocommit=True), SCHEMA).write([lines(ring())]) == 1


def test_a_caller_in_a_transaction_of_their_own_keeps_their_search_path(mart: Mart) -> None:
    connection = mart.connect()
    before = connection.execute("SHOW search_path").fetchone()
    Idb.open(connection, SCHEMA).write([lines(ring())])
    connection.commit()
    assert connection.execute("SHOW search_path").fetchone() == before


def test_the_position_of_a_spool_moves_with_its_rows_or_not_at_all(idb: Idb, connection: Connection) -> None:
    spool = uuid4()
    assert idb.position(spool, 40) == 40
    idb.write([lines(ring())], Move(spool, 40, 90))
    assert (idb.position(spool, 40), idb.position(spool, 0)) == (90, 90)
    with pytest.raises(SpoolTakenTwice):
        idb.write([lines(ring(2))], Move(spool, 40, 120))
    with pytest.raises(psycopg.DataError):
        idb.write([Record(Tag.EVENTS, b"not a uuid\n")], Move(spool, 90, 120))
    assert idb.position(spool, 40) == 90
    assert len(rows(connection)) == 1


def test_two_writers_number_their_rows_in_the_order_of_their_commits(mart: Mart, connection: Connection) -> None:
    def write(first: int) -> None:
        idb = Idb.open(mart.connect(autocommit=True), SCHEMA)
        for number in range(first, first + 40):
            idb.write([lines(*(ring(number * 10 + part) for part in range(10)))])

    highest, seen = 0, 0
    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 100)]
    Idb.open(connection, SCHEMA)
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers) or seen < 800:
        # A reader by number never finds a row below the highest it has seen.
        found = connection.execute(
            psycopg.sql.SQL("SELECT seq FROM {} WHERE seq > %s ORDER BY seq").format(
                psycopg.sql.Identifier(SCHEMA, "event")
            ),
            (highest,),
        ).fetchall()
        seen += len(found)
        highest = found[-1][0] if found else highest
    for writer in writers:
        writer.join()
    assert seen == 800


def test_a_session_begins_is_heard_and_ends_and_silence_is_a_span(idb: Idb, connection: Connection) -> None:
    second = UUID(int=8)
    later = AT + timedelta(minutes=1)
    idb.write([end("lost")])
    idb.write([start(at=AT + timedelta(days=10)), heard(AT + timedelta(days=10, seconds=5)), end("closed")])
    again = AT + timedelta(days=11)
    idb.write([start(second, again, 2), heard(again, second, restarted=True), lines(ring(at=later), session=second)])
    first, other = table(connection, "data_source_session")
    assert first["disconnected_at"] == first["last_heard_at"] == AT + timedelta(days=10, seconds=5)
    assert (first["disconnect_reason"], first["connect_type"], first["version"]) == ("closed", 1, "22.1")
    assert (other["disconnected_at"], other["connect_type"], other["events"]) == (None, 3, 1)
    assert [(span["from_at"], span["to_at"]) for span in table(connection, "no_data")] == [
        (AT + timedelta(days=9), AT + timedelta(days=10)),
        (AT + timedelta(days=10, seconds=5), again),
    ]


def test_a_session_that_a_killed_collector_left_open_is_ended_where_it_was_heard_last(
    idb: Idb, connection: Connection
) -> None:
    idb.write([start(), heard(AT + timedelta(seconds=30))])
    idb.write([end("lost"), end("still nobody")])
    (session,) = table(connection, "data_source_session")
    assert (session["disconnected_at"], session["disconnect_reason"]) == (AT + timedelta(seconds=30), "lost")
    assert [(span["from_at"], span["to_at"]) for span in table(connection, "no_data")] == [
        (AT + timedelta(seconds=30), None)
    ]


def test_a_silence_that_took_no_time_was_none(idb: Idb, connection: Connection) -> None:
    idb.write([end(), start(at=AT + timedelta(days=8))])
    assert table(connection, "no_data") == []


def test_a_message_kept_aside_twice_is_kept_once(idb: Idb, connection: Connection) -> None:
    bad = Record.of(
        Tag.BAD_MESSAGE, id=uuid4(), session_key=SESSION, received_at=AT, reason="nul", raw=b"a\0\xff".hex()
    )
    idb.write([bad, bad])
    idb.write([bad])
    assert [row["raw"] for row in table(connection, "bad_message")] == [b"a\0\xff"]


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["\\N", "\\", "\t", "\n", "\r\n", "a\tb", "\\.", "'", '"', "\\t", "NULL", ""]
)


@given(st.lists(st.tuples(TEXTS | st.none(), TEXTS | st.none(), TEXTS | st.none()), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_arrives_as_it_was(
    idb: Idb, connection: Connection, texts: list[tuple[str | None, str | None, str | None]]
) -> None:
    day = AT.replace(year=2020)
    events = [
        ring(number, at=day)._replace(channel=channel, value=value, reason=reason)
        for number, (channel, value, reason) in enumerate(texts)
    ]
    idb.write([lines(*events)])
    got = connection.execute(
        psycopg.sql.SQL("DELETE FROM {} WHERE at = %s RETURNING seq, channel, value, reason").format(
            psycopg.sql.Identifier(SCHEMA, "event")
        ),
        (day,),
    ).fetchall()
    assert [tuple(row[1:]) for row in sorted(got)] == texts


def test_every_table_and_column_has_a_comment(idb: Idb, connection: Connection) -> None:
    bare = connection.execute(
        "SELECT attrelid::regclass::text, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'p') AND attnum > 0"
        " AND (col_description(attrelid, attnum) IS NULL OR obj_description(attrelid) IS NULL)",
        (f'"{SCHEMA}"',),
    ).fetchall()
    assert bare == []
