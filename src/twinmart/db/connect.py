"""Connections to PostgreSQL, and the one place where its errors become ours.

Everything here is synchronous psycopg. A connection speaks UTC, notices a dead line within about half a minute, and
carries the name of who uses it, so that ``pg_stat_activity`` and our own messages can say who holds what.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
from psycopg import conninfo, pq
from psycopg.rows import TupleRow

from twinmart import errors
from twinmart.db.sqlfiles import sql_text

Connection = psycopg.Connection[TupleRow]

# How long a server may take to let us in.
CONNECT_S = 5

_DEAD_LINE: dict[str, int] = {
    # A peer that vanished without a word (power, cable) is noticed by probes when idle, by this time limit when busy.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def connect(
    dsn: str,
    *,
    application_name: str,
    autocommit: bool = False,
    connect_timeout_s: int = CONNECT_S,
    statement_timeout_s: float | None = None,
    lock_timeout_s: float | None = None,
) -> Connection:
    """Open a connection that speaks UTC; a time limit of None leaves the server's own, which is usually none.

    The limits hold for the life of the connection. ``connect_timeout_s`` is for each address the name resolves to.

    Raises:
        NoConnection: no server answered in time.
        LoginRefused: a server answered and refused the user, the password or the database.
        WrongSetting: the connection string itself cannot be read.
    """
    settings = {"TimeZone": "UTC"}
    if statement_timeout_s is not None:
        settings["statement_timeout"] = f"{statement_timeout_s * 1000:.0f}ms"
    if lock_timeout_s is not None:
        settings["lock_timeout"] = f"{lock_timeout_s * 1000:.0f}ms"
    try:
        wanted = conninfo.conninfo_to_dict(dsn)
        parameters = {
            **_DEAD_LINE,
            "connect_timeout": connect_timeout_s,
            **wanted,
            "application_name": application_name,
        }
        connection = psycopg.connect(conninfo.make_conninfo("", **parameters), autocommit=True)
        connection.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS setting (name, value)",
            (list(settings), list(settings.values())),
        )
        connection.autocommit = autocommit
    except psycopg.ProgrammingError as error:
        raise errors.WrongSetting("a connection string cannot be read", detail=str(error).strip()) from None
    except psycopg.OperationalError as error:
        raise _no_connection(error, place(dsn)) from error
    return connection


@contextmanager
def session(
    dsn: str,
    *,
    application_name: str,
    autocommit: bool = False,
    statement_timeout_s: float | None = None,
    connect_timeout_s: int = CONNECT_S,
) -> Iterator[Connection]:
    """Give a connection for a block, with PostgreSQL's errors mapped; commit at its end, roll back if it raised.

    Raises:
        MartError: whatever ``connect`` and ``mapped_errors`` raise.
    """
    with (
        mapped_errors(place(dsn), dsn=dsn),
        connect(
            dsn,
            application_name=application_name,
            autocommit=autocommit,
            statement_timeout_s=statement_timeout_s,
            connect_timeout_s=connect_timeout_s,
        ) as connection,
    ):
        yield connection


def place(dsn: str) -> str:
    """Return where a connection string leads, for messages: database and server, without user and password.

    >>> place("host=/run/site1 port=5441 dbname=twinmart user=twinmart password=hunter2")
    'PostgreSQL "twinmart" at /run/site1:5441'
    """
    try:
        parts = conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "PostgreSQL"
    host = parts.get("host") or parts.get("hostaddr") or "the local socket"
    port = f":{parts['port']}" if parts.get("port") else ""
    return f'PostgreSQL "{parts.get("dbname") or parts.get("user") or "postgres"}" at {host}{port}'


@contextmanager
def mapped_errors(where: str = "PostgreSQL", *, dsn: str | None = None) -> Iterator[None]:
    """Turn what psycopg raises in the block into errors of ours; ``where`` names the server in their texts.

    With ``dsn`` the mart is asked who is active when it refused a write; a replica's owner lacks the privilege as well.

    Set around a unit of work, once, at the edge where its outcome is decided. What is left as it is, such as a syntax
    error or a missing column, is a mistake in our own SQL and must be seen as one.

    Raises:
        MartError: the class that says what one can do about it; the original is its ``__cause__``.
    """
    try:
        yield
    except psycopg.Error as error:
        mapped = mapped_error(error, where)
        if mapped is None:
            raise
        if dsn is not None and isinstance(mapped, errors.NotAllowed | errors.ReadOnlySite):
            mapped = _refused_by_fence(mapped, dsn, where)
        raise mapped from error


def _refused_by_fence(error: errors.MartError, dsn: str, where: str) -> errors.MartError:
    """Return the refusal of a replica, which names the active site; or the error itself where the mart is none."""
    try:
        with connect(dsn, application_name="twinmart", connect_timeout_s=2, statement_timeout_s=2) as mart:
            row = mart.execute(sql_text("db/replica_of")).fetchone()
    except (errors.MartError, psycopg.Error):
        return error
    if row is None:
        return error
    return errors.ReadOnlySite(
        f"{where} takes no writes: its mart is a replica of site {row[0]}, which is active",
        detail=error.detail,
        hint=f"It was rolled back. Write at site {row[0]}; look at both with: twinmart replication show.",
    )


def mapped_error(error: psycopg.Error, where: str = "PostgreSQL") -> errors.MartError | None:
    """Return our error for one of psycopg's, or None when it shows a mistake of ours."""
    state = error.sqlstate
    if state is None:
        return _without_state(error, where)
    detail = _told(error, where)
    if state == "23514" and error.diag.constraint_name is None:
        table = f"{error.diag.schema_name}.{error.diag.table_name}"
        return errors.NoPartition(
            f'no partition of table "{table}" holds the time of a row',
            detail=detail,
            hint="Partitions are made ahead at both sites; make those missing with: twinmart up.",
        )
    for prefix, kind, message, hint in _BY_STATE:
        if state.startswith(prefix):
            return kind(message, detail=detail, hint=hint)
    return None


_SPOILT = (
    "A standby is copied anew with: twinmart replication rebuild. Where it is the active site, the standby takes over:"
    " twinmart failover --even-if-alive."
)
_AGAIN = "It was rolled back; run the same command again."

# SQLSTATE or its first characters, the longer before the shorter: our class, primary text, hint.
_BY_STATE: tuple[tuple[str, type[errors.MartError], str, str | None], ...] = (
    ("22", errors.RowRefused, "a value does not fit its column", None),
    ("23", errors.RowRefused, "a row breaks a constraint of its table", None),
    ("25006", errors.ReadOnlySite, "the site takes no writes", "Look at the sites with: twinmart status."),
    ("25P03", errors.ConnectionLost, "the connection was closed since its transaction idled too long", _AGAIN),
    ("28", errors.LoginRefused, "the server refused the user or the password", None),
    ("3D000", errors.LoginRefused, "the server has no such database", "Make the mart with: twinmart init."),
    ("40", errors.TransactionLost, "PostgreSQL ended the transaction in favour of another", _AGAIN),
    ("42501", errors.NotAllowed, "the database user lacks a privilege", None),
    ("53", errors.OutOfResources, "the server has no room left", None),
    ("55P03", errors.LockHeld, "another transaction holds a lock for too long", _AGAIN),
    ("57014", errors.TookTooLong, "a statement ran into its time limit", _AGAIN),
    ("57P", errors.ConnectionLost, "the server is stopping, starting or was stopped", "Look with: twinmart status."),
    ("58", errors.OutOfResources, "the server could not use its files", None),
    ("XX001", errors.DataSpoilt, "the server cannot read what it has written", _SPOILT),
    ("XX002", errors.DataSpoilt, "an index of the server does not fit its table", _SPOILT),
)


def _without_state(error: psycopg.Error, where: str) -> errors.MartError | None:
    """Map what the client itself found out; the server had no part in it and gave no SQLSTATE."""
    told = str(error).strip()
    if isinstance(error, psycopg.OperationalError):
        return errors.ConnectionLost(
            f"the connection to {where} broke; whether the last transaction was committed is not known",
            detail=told or None,
            hint="Look with: twinmart status. Then run the same command again; it is safe.",
        )
    if isinstance(error, psycopg.DataError):
        return errors.RowRefused("a value does not fit its column", detail=told)
    return None


def _told(error: psycopg.Error, where: str) -> str:
    """What PostgreSQL said, whole, after its source."""
    diag = error.diag
    parts = [f"{where}: {diag.message_primary or str(error).strip()}"]
    parts += [part for part in (diag.message_detail, diag.message_hint, diag.context) if part]
    return "\n".join(parts)


def _no_connection(error: psycopg.OperationalError, where: str) -> errors.MartError:
    # libpq has no SQLSTATE for a refused login: the server's words are all there is.
    told = str(error).strip()
    refused = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")
    if (error.sqlstate or "").startswith(("28", "3D")) or any(sign in told for sign in refused):
        hint = "Check the connection string; a database that is missing is made with: twinmart init."
        return errors.LoginRefused(f"{where} refused the login", detail=told, hint=hint)
    if "certificate" in told:
        return errors.NoConnection(
            f"{where} shows a certificate that is not accepted: {told.rpartition(': ')[2]}",
            detail=told,
            hint="Renew the certificate of that server, or name who signed it by sslrootcert in the connection string.",
        )
    return errors.NoConnection(
        f"{where} gives no answer",
        detail=told,
        hint="Look at the sites with: twinmart status. Start those of this folder with: twinmart up.",
    )


@contextmanager
def advisory_lock(connection: Connection, name: str, *, wait: bool = False, shared: bool = False) -> Iterator[None]:
    """Hold the lock of this name in this database for the block; it also ends with the connection.

    The lock belongs to the connection and not to a transaction, so the block may commit as often as it likes. Several
    connections may share it, but none has it then for itself.

    Raises:
        LockHeld: another connection has it and ``wait`` is False; the detail says who.
    """
    key = lock_key(name)
    taking, trying, leaving = _SHARED if shared else _ALONE
    if wait:
        _apart(connection, taking, key)
    elif not _apart(connection, trying, key):
        raise _lock_held(connection, name, key)
    try:
        yield
    finally:
        _let_go(connection, leaving, key)


_ALONE: tuple[LiteralString, ...] = (
    "SELECT pg_advisory_lock(%s)",
    "SELECT pg_try_advisory_lock(%s)",
    "SELECT pg_advisory_unlock(%s)",
)
_SHARED: tuple[LiteralString, ...] = (
    "SELECT pg_advisory_lock_shared(%s)",
    "SELECT pg_try_advisory_lock_shared(%s)",
    "SELECT pg_advisory_unlock_shared(%s)",
)


def lock_key(name: str) -> int:
    """Return the signed 64-bit key of a named advisory lock; the same at every site and in every release."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def _let_go(connection: Connection, leaving: LiteralString, key: int) -> None:
    if connection.closed:
        return
    try:
        if connection.info.transaction_status == pq.TransactionStatus.INERROR:
            connection.rollback()
        _apart(connection, leaving, key)
    except psycopg.OperationalError:
        # A connection that broke has taken the lock with it, and whoever works there is told by what it does next.
        if not connection.closed:
            raise


def _apart(connection: Connection, statement: LiteralString, key: int) -> object:
    """Run a statement about a lock and leave no transaction open that was not open before."""
    was_idle = connection.info.transaction_status == pq.TransactionStatus.IDLE
    row = connection.execute(statement, (key,)).fetchone()
    if was_idle and not connection.autocommit:
        connection.commit()
    return row and row[0]


def _lock_held(connection: Connection, name: str, key: int) -> errors.LockHeld:
    holder = connection.execute(sql_text("db/lock_holder"), {"key": key}).fetchone()
    if holder is None:
        detail = "whoever held it has just let it go"
    else:
        pid, application, since = holder
        detail = f'held by "{application}", server process {pid}, connected since {since:%Y-%m-%d %H:%M:%S} UTC'
    return errors.LockHeld(
        f'lock "{name}" is held by another process',
        detail=detail,
        hint="Nothing was changed. Run the same command again when that process is done.",
    )
