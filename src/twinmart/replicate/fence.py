"""The three fences that keep a replica unwritten and let through what crosses the link.

1. The database's sessions are read-only unless they say otherwise.
2. A trigger on every replicated table and partition refuses local statements; apply works in the role of a replica,
   where ordinary triggers rest.
3. The mart's owner holds no privilege to write those tables; the role that applies does.

None of them is enough alone. A session may switch off the first, a superuser passes the third, and nobody notices who
sets ``session_replication_role`` on purpose. At a server of the user's own, where we are no superuser, changes are
applied with the owner's rights and the third fence is not there. The sites' interaction databases are outside of all
three.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from twinmart import errors
from twinmart.db.connect import Connection, lock_key
from twinmart.db.sqlfiles import sql_text
from twinmart.replicate.ends import is_superuser
from twinmart.site.mart import REPLICATOR

SCHEMAS = ("cfg", "gidb", "ctl", "mart", "agg")


@dataclass(frozen=True, slots=True)
class Fences:
    """What stands of the fences of a mart."""

    of_site: int | None
    is_read_only: bool
    bare_tables: tuple[str, ...]
    owner_writes: bool
    applies_as_owner: bool

    @property
    def holes(self) -> tuple[str, ...]:
        """What is missing of the fences of a replica, in words; empty where all stand, and at a mart that is none."""
        if self.of_site is None:
            return ()
        found = [] if self.is_read_only else ["its database is not read-only by default"]
        if self.bare_tables:
            more = f" and {len(self.bare_tables) - 1} more" if len(self.bare_tables) > 1 else ""
            found.append(f'no fence on table "{self.bare_tables[0]}"{more}')
        if self.owner_writes and not self.applies_as_owner:
            found.append("its owner may write replicated tables")
        return tuple(found)


def raise_(connection: Connection, of_site: int) -> None:
    """Put up the fences of a replica of a site, as far as they do not stand.

    A transaction that wrote before goes on to its end: see ``turn`` for how a switch waits for it.

    Raises:
        LockHeld: a table could not be given its trigger, since a transaction holds it; the other fences stand.
    """
    with connection.transaction():
        _in_turn(connection)
        connection.execute(
            "INSERT INTO ops.replica (of_site) VALUES (%s) ON CONFLICT (only_row)"
            " DO UPDATE SET of_site = excluded.of_site WHERE replica.of_site <> excluded.of_site",
            (of_site,),
        )
        _set_read_only(connection, is_on=True)
        _grant(connection, to_owner=False)
    plant(connection)


def plant(connection: Connection, *, patience_s: float = 30) -> None:
    """Give every replicated table its trigger, which rests while the mart is no replica.

    One table at a time, and never waiting long for a lock, behind which all who come later would wait too.

    Raises:
        LockHeld: a transaction has held a table for longer than ``patience_s``.
    """
    deadline = time.monotonic() + patience_s
    while bare := connection.execute("SELECT table_oid FROM ops.replicated_table WHERE NOT is_fenced").fetchall():
        for (table,) in bare:
            try:
                with connection.transaction():
                    connection.execute("SET LOCAL lock_timeout = '200ms'")
                    connection.execute("SELECT ops.fence_table(%s::oid::regclass)", (table,))
            except psycopg.errors.LockNotAvailable:
                if time.monotonic() > deadline:
                    raise


def lower(connection: Connection, *, parts: bool = True) -> bool:
    """Take the fences down, and say whether this mart was a replica until now; the triggers stay and rest.

    Without ``parts`` the privileges on parts of partitioned tables are left for ``settle``: whoever writes by way of
    the table needs none there, and of a mart of years they take a second.
    """
    with connection.transaction():
        _in_turn(connection)
        was = connection.execute("DELETE FROM ops.replica RETURNING of_site").fetchone()
        _set_read_only(connection, is_on=False)
        _grant(connection, to_owner=True, parts=parts)
    return was is not None


def settle(connection: Connection) -> None:
    """Give whoever writes here what it lacks: the owner what ``lower`` has left for later, at a replica who applies."""
    with connection.transaction():
        _in_turn(connection)
        _grant(connection, to_owner=replica_of(connection) is None)


def standing(connection: Connection) -> Fences:
    """Look at what stands of the fences."""
    row = connection.execute(sql_text("replicate/fences"), {"replicator": REPLICATOR}).fetchone()
    if row is None:  # an aggregate always returns a row
        raise errors.NotReady("the mart does not tell its fences")
    of_site, is_read_only, bare, owner_writes, applies_as_owner = row
    return Fences(of_site, is_read_only, tuple(bare), owner_writes, applies_as_owner)


def replica_of(connection: Connection) -> int | None:
    """Return the site that this mart is a replica of, or None."""
    row = connection.execute(sql_text("db/replica_of")).fetchone()
    return None if row is None else int(row[0])


@contextmanager
def passed(connection: Connection) -> Iterator[Connection]:
    """Let the statements of the block pass the fences, as apply does: for the first copy, a migration, a repair.

    Foreign keys rest as well, since tables arrive in any order.

    Raises:
        NotAllowed: the user must not set ``session_replication_role``.
    """
    connection.execute("SET session_replication_role = replica")
    try:
        yield connection
    finally:
        if not connection.broken:
            connection.execute("RESET session_replication_role")


@contextmanager
def opened(connection: Connection) -> Iterator[Connection]:
    """Give the owner its privileges back for the block, so that a migration can write what it brings; and pass."""
    _grant(connection, to_owner=True)
    try:
        with passed(connection):
            yield connection
    finally:
        if not connection.broken and standing(connection).of_site is not None:
            _grant(connection, to_owner=False)
            plant(connection)


def owner_of(connection: Connection) -> str:
    """Return the role that owns the mart's tables."""
    row = connection.execute("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'cfg.topology'::regclass")
    return str(next(iter(row))[0])


def _in_turn(connection: Connection) -> None:
    # Two who change the same catalog rows at once would end in "tuple concurrently updated".
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("fence"),))


def _set_read_only(connection: Connection, *, is_on: bool) -> None:
    database = sql.Identifier(connection.info.dbname)
    change = sql.SQL("SET default_transaction_read_only = on" if is_on else "RESET default_transaction_read_only")
    connection.execute(sql.SQL("ALTER DATABASE {} ").format(database) + change)


def _grant(connection: Connection, *, to_owner: bool, parts: bool = True) -> None:
    """Let the owner write and the role that applies not, or the other way round; only a superuser can.

    Before a mart's first link there is no role that applies, and its owner has every privilege.
    """
    has_role = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (REPLICATOR,)).fetchone() is not None
    if not (has_role and is_superuser(connection)):
        return
    owner = owner_of(connection)
    writer, reader = (owner, REPLICATOR) if to_owner else (REPLICATOR, owner)
    found = connection.execute(
        sql_text("replicate/privileges"),
        {"replicator": REPLICATOR, "writer": writer, "reader": reader, "schemas": list(SCHEMAS), "parts": parts},
    ).fetchall()
    # Only where something changes: each grant writes a row of the catalog, and a mart of years has thousands of parts.
    for changing, to, which in (
        ("GRANT SELECT ON {tables} TO {role}", REPLICATOR, 2),
        ("GRANT INSERT, UPDATE, DELETE, TRUNCATE ON {tables} TO {role}", writer, 3),
        ("REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {tables} FROM {role}", reader, 4),
    ):
        tables = [sql.Identifier(row[0], row[1]) for row in found if row[which]]
        if tables:
            joined = sql.SQL(", ").join(tables)
            connection.execute(sql.SQL(changing).format(tables=joined, role=sql.Identifier(to)))
    places = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname = ANY (%s)", (list(SCHEMAS),)
    ).fetchall()
    for schema in [sql.Identifier(name) for (name,) in places]:
        names = {"schema": schema, "owner": sql.Identifier(owner), "replicator": sql.Identifier(REPLICATOR)}
        connection.execute(sql.SQL(_LATER_OPEN if to_owner else _LATER_CLOSED).format(**names))


# What holds for tables that are made later.
_LATER = """
GRANT USAGE ON SCHEMA {schema} TO {replicator};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT SELECT ON TABLES TO {replicator};
"""
_LATER_CLOSED = _LATER + (
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}"
    " GRANT INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO {replicator}"
)
_LATER_OPEN = _LATER + (
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}"
    " REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON TABLES FROM {replicator}"
)
