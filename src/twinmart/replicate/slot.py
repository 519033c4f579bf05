"""A link's slot at the source: made with a snapshot that shows exactly what was committed before its first change."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import conninfo, sql

from twinmart import errors
from twinmart.db.connect import Connection, mapped_errors, place

# Whoever takes longer holds up the making of a slot, which waits for every transaction that is under way.
LONGEST_WAIT_S = 120


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot just made: changes from ``start_lsn`` on are sent, and all before is what ``snapshot`` shows."""

    name: str
    start_lsn: str
    snapshot: str | None


@contextmanager
def new_slot(dsn: str, name: str, *, wait_s: float = LONGEST_WAIT_S) -> Iterator[Slot]:
    """Make a slot and keep its snapshot open for the block; the slot stays.

    Raises:
        OpenTransaction: a transaction of long ago did not end within ``wait_s``; there is no slot.
        NotAllowed: the user must not make one.
    """
    options = f"-c lock_timeout={wait_s * 1000:.0f} -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
    wanted = conninfo.make_conninfo(
        dsn, replication="database", application_name="twinmart slot", options=options, connect_timeout=5
    )
    with mapped_errors(place(dsn)), psycopg.connect(wanted, autocommit=True) as line:
        making = sql.SQL("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput (SNAPSHOT 'export')").format(sql.Identifier(name))
        try:
            row = line.execute(making).fetchone()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
            raise errors.OpenTransaction(
                f"no slot could be made at {place(dsn)} within {wait_s:g} s: an old transaction does not end",
                detail=str(error).strip(),
                hint="Nothing was changed. Look with: twinmart replication show; it lists prepared transactions.",
            ) from error
        if row is None:  # the command always returns a row
            raise errors.CopyFailed(f'no slot "{name}" was made')
        yield Slot(name, str(row[1]), str(row[2]) if row[2] else None)


def new_slot_now(connection: Connection, name: str) -> str:
    """Make a slot where nobody writes and no copy is wanted; return the position from which it sends."""
    row = connection.execute(
        "SELECT lsn::text FROM pg_create_logical_replication_slot(%s, 'pgoutput')", (name,)
    ).fetchone()
    if row is None:  # the function always returns a row
        raise errors.CopyFailed(f'no slot "{name}" was made')
    return str(row[0])


def exists(connection: Connection, name: str) -> bool:
    """Whether this database has the slot."""
    found = connection.execute(
        "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND database = current_database()", (name,)
    )
    return found.fetchone() is not None


def drop(connection: Connection, name: str) -> bool:
    """Remove a slot, ending whoever receives from it, and say whether there was one."""
    if not exists(connection, name):
        return False
    connection.execute(
        "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots"
        " WHERE slot_name = %s AND active_pid IS NOT NULL",
        (name,),
    )
    connection.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (name,)
    )
    return True


def prepared_transactions(connection: Connection) -> list[str]:
    """Return the transactions of this database that were prepared and neither committed nor rolled back."""
    rows = connection.execute(
        "SELECT gid, prepared, owner FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared"
    )
    return [f'"{gid}" of {owner}, prepared {prepared:%Y-%m-%d %H:%M:%S} UTC' for gid, prepared, owner in rows]


def require_no_prepared(connection: Connection, site: int) -> None:
    """Refuse while a prepared transaction is open: it would hold up the slot, or cross after everybody has gone.

    Raises:
        OpenTransaction: there is one; the detail lists them.
    """
    found = prepared_transactions(connection)
    if found:
        raise errors.OpenTransaction(
            f"{len(found)} prepared transactions are open at site {site}",
            detail="\n".join(found),
            hint="Nothing was changed. End each with COMMIT PREPARED or ROLLBACK PREPARED, then run it again.",
        )
