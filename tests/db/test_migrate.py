"""Migrations: forward only, whole or not at all, one process at a time, and never twice."""

import threading
from collections.abc import Iterator

import pytest
from psycopg import sql

from tests.support import Mart, MartServer
from twinmart import errors
from twinmart.db.connect import Connection, connect
from twinmart.db.migrate import Migration, SchemaState, known_migrations, migrate, schema_state

FIRST = Migration(1, "words", "CREATE TABLE public.word (word text); INSERT INTO public.word VALUES ('first')")
SECOND = Migration(2, "more", "INSERT INTO public.word VALUES ('second 100%')")
BROKEN = Migration(3, "broken", "INSERT INTO public.word VALUES ('third'); SELECT 1/0")


@pytest.fixture
def empty_dsn(server: MartServer) -> Iterator[str]:
    """A database without anything in it."""
    name = sql.Identifier("empty")
    with connect(server.server.dsn(), application_name="test", autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield server.server.dsn(database="empty")
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def empty(empty_dsn: str) -> Iterator[Connection]:
    with connect(empty_dsn, application_name="test") as connection:
        yield connection


def words(connection: Connection) -> list[str]:
    return [word for (word,) in connection.execute("SELECT word FROM public.word ORDER BY word")]


def test_an_empty_database_becomes_a_mart_and_a_second_time_changes_nothing(empty: Connection) -> None:
    assert schema_state(empty, [FIRST, SECOND]) == SchemaState(0, 2)
    assert migrate(empty, [FIRST, SECOND]) == [FIRST, SECOND]
    assert migrate(empty, [FIRST, SECOND]) == []
    assert words(empty) == ["first", "second 100%"]
    assert schema_state(empty, [FIRST, SECOND]) == SchemaState(2, 2)


def test_looking_at_the_version_changes_nothing(empty: Connection) -> None:
    schema_state(empty)
    assert empty.execute("SELECT to_regnamespace('ops')").fetchone() == (None,)


def test_a_broken_migration_leaves_nothing_of_itself_and_all_before_it(empty: Connection) -> None:
    with pytest.raises(errors.MigrationFailed) as caught:
        migrate(empty, [FIRST, SECOND, BROKEN])
    assert caught.value.message == "migration 0003 broken could not be applied"
    assert "division by zero" in (caught.value.detail or "")
    assert words(empty) == ["first", "second 100%"]
    assert schema_state(empty, [FIRST, SECOND, BROKEN]).version == 2
    mended = Migration(3, "broken", "INSERT INTO public.word VALUES ('third')")
    assert migrate(empty, [FIRST, SECOND, mended]) == [mended]


@pytest.mark.parametrize("raised", ["no_data_found", "insufficient_privilege", "syntax_error"])
def test_whatever_a_migration_raises_it_is_the_migration_that_failed(empty: Connection, raised: str) -> None:
    text = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{raised}'; END $$"
    with pytest.raises(errors.MigrationFailed):
        migrate(empty, [Migration(1, "raises", text)])


@pytest.mark.parametrize(
    "tampered", [Migration(1, "words", FIRST.sql + " "), Migration(1, "renamed", FIRST.sql)], ids=["edited", "renamed"]
)
def test_an_applied_migration_that_changed_is_refused(empty: Connection, tampered: Migration) -> None:
    migrate(empty, [FIRST])
    with pytest.raises(errors.MigrationChanged, match="0001") as caught:
        migrate(empty, [tampered, SECOND])
    assert FIRST.sha256 in (caught.value.detail or "")
    assert words(empty) == ["first"]


def test_a_mart_newer_than_the_program_is_refused(empty: Connection) -> None:
    migrate(empty, [FIRST, SECOND])
    with pytest.raises(errors.MartNewer):
        migrate(empty, [FIRST])
    assert isinstance(schema_state(empty, [FIRST]).obstacle(), errors.MartNewer)


def test_why_a_program_cannot_work_with_a_mart() -> None:
    assert SchemaState(2, 2).obstacle() is None
    assert isinstance(SchemaState(0, 2).obstacle(), errors.NotInitialised)
    assert isinstance(SchemaState(1, 2).obstacle(), errors.MartBehind)
    assert isinstance(SchemaState(3, 2).obstacle(), errors.MartNewer)


def test_of_two_that_migrate_at_once_one_does_it_and_the_other_finds_it_done(empty_dsn: str) -> None:
    slow = Migration(1, "slow", "SELECT pg_sleep(0.3); CREATE TABLE public.once ()")
    start = threading.Barrier(2)
    results: list[list[Migration]] = []

    def run() -> None:
        with connect(empty_dsn, application_name="test") as connection:
            start.wait()
            results.append(migrate(connection, [slow]))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, results)) == [0, 1]


def test_the_migrations_of_this_program_are_in_order_and_bring_a_mart_up_to_date(mart: Mart) -> None:
    known = known_migrations()
    assert known
    assert schema_state(mart.connect()) == SchemaState(len(known), len(known))
    assert migrate(mart.connect()) == []
