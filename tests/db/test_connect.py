"""Connections: errors of PostgreSQL become ours, locks are held by one at a time."""

import psycopg
import pytest

from tests.support import Mart, MartServer
from twinmart import errors
from twinmart.db.connect import advisory_lock, connect, lock_key, mapped_errors, session


def test_a_connection_speaks_utc_and_has_a_name(mart: Mart) -> None:
    with session(mart.dsn, application_name="loader", statement_timeout_s=7) as connection:
        row = connection.execute(
            "SELECT current_setting('TimeZone'), current_setting('application_name'),"
            " current_setting('statement_timeout')"
        ).fetchone()
    assert row == ("UTC", "loader", "7s")


def test_a_connection_without_limits_keeps_those_of_the_server(mart: Mart) -> None:
    row = mart.connect().execute("SELECT current_setting('statement_timeout')").fetchone()
    assert row == ("0",)


def test_nobody_listening_is_no_connection() -> None:
    with pytest.raises(errors.NoConnection) as caught:
        connect("host=127.0.0.1 port=1 dbname=mart user=me password=hunter2", application_name="test")
    assert caught.value.message == 'PostgreSQL "mart" at 127.0.0.1:1 gives no answer'
    assert "hunter2" not in caught.value.render()


def test_a_wrong_password_is_a_refused_login(server: MartServer) -> None:
    dsn = f"host=127.0.0.1 port={server.server.port} dbname=postgres user=twinmart password=wrong"
    with pytest.raises(errors.LoginRefused, match="refused the login"):
        connect(dsn, application_name="test")


def test_a_missing_database_is_a_refused_login(server: MartServer) -> None:
    with pytest.raises(errors.LoginRefused) as caught:
        connect(server.server.dsn(database="nowhere"), application_name="test")
    assert caught.value.detail is not None
    assert 'database "nowhere" does not exist' in caught.value.detail


def test_a_connection_string_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(errors.WrongSetting):
        connect("host", application_name="test")


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT 1/0", errors.RowRefused),
        ("INSERT INTO pg_temp.narrow VALUES (7)", errors.RowRefused),
        ("INSERT INTO pg_temp.divided VALUES (99)", errors.NoPartition),
        ("CREATE ROLE another", errors.NotAllowed),
        ("SET LOCAL transaction_read_only = on; CREATE TABLE public.forbidden ()", errors.ReadOnlySite),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)", errors.TookTooLong),
        ("SELECT pg_terminate_backend(pg_backend_pid())", errors.ConnectionLost),
    ],
)
def test_what_postgresql_says_becomes_what_one_can_do_about_it(
    mart: Mart, statement: str, kind: type[errors.MartError]
) -> None:
    connection = mart.connect()
    connection.execute("CREATE TEMP TABLE narrow (n integer CHECK (n < 5))")
    connection.execute("CREATE TEMP TABLE divided (n integer) PARTITION BY RANGE (n)")
    with pytest.raises(kind) as caught, mapped_errors("site 1"):
        connection.execute(statement)
    assert type(caught.value) is kind
    assert isinstance(caught.value.__cause__, psycopg.Error)


def test_a_mistake_in_our_own_sql_stays_a_mistake(mart: Mart) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), mapped_errors():
        mart.connect().execute("SELECT * FROM nowhere")


def test_a_deadlock_names_itself_as_something_to_try_again(mart: Mart) -> None:
    with pytest.raises(errors.TransactionLost), mapped_errors():
        mart.connect().execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END $$")


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_lock_is_held_by_one_connection_and_the_refusal_says_which(mart: Mart, autocommit: bool) -> None:
    first, second = mart.connect(autocommit=autocommit), mart.connect(autocommit=autocommit)
    with advisory_lock(first, "load"):
        assert first.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        with pytest.raises(errors.LockHeld) as caught, advisory_lock(second, "load"):
            pass
        assert caught.value.message == 'lock "load" is held by another process'
        assert caught.value.detail is not None
        assert f'held by "test", server process {first.info.backend_pid}' in caught.value.detail
        with advisory_lock(second, "aggregate"):
            pass
    with advisory_lock(second, "load"):
        pass


def test_a_lock_is_let_go_after_a_broken_transaction(mart: Mart) -> None:
    first, second = mart.connect(), mart.connect()
    with pytest.raises(psycopg.errors.DivisionByZero), advisory_lock(first, "load"):
        first.execute("SELECT 1/0")
    with advisory_lock(second, "load"):
        pass


def test_a_lock_dies_with_its_connection(mart: Mart) -> None:
    first, second = mart.connect(), mart.connect()
    with advisory_lock(first, "load"):
        first.close()
        with advisory_lock(second, "load", wait=True):
            pass


def test_a_lock_whose_connection_is_broken_is_gone_without_a_word(mart: Mart) -> None:
    first, second = mart.connect(autocommit=True), mart.connect(autocommit=True)
    with advisory_lock(first, "load"):
        second.execute("SELECT pg_terminate_backend(%s, 60000)", (first.info.backend_pid,))
    with advisory_lock(second, "load", wait=True):
        pass


def test_the_key_of_a_lock_never_changes() -> None:
    # Two releases of Twinmart that disagree about it would both migrate the same mart.
    assert lock_key("migrate") == -8382747344732321830
