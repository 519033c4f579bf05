"""Makes a server hold a mart: its roles, its database, its schema, its partitions. All of it may run again at any time.

The same steps serve an embedded server and one of the user's own; with the latter the database is there already and its
owner logs in, so only what lies inside the database is made.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.sql import Composed

from twinmart import errors
from twinmart.db.connect import Connection, lock_key, place, session
from twinmart.db.migrate import Migration, migrate, schema_state
from twinmart.db.partitions import ensure_partitions
from twinmart.db.sqlfiles import sql_text
from twinmart.site.programs import OLDEST_MAJOR

DATABASE = "twinmart"
OWNER = "twinmart"
READER = "twinmart_reader"
# Receives changes from a mart, and applies them to another.
REPLICATOR = "twinmart_replication"

# What reports and other tools may read. Raw events, configuration and the site's own records are not among it.
READER_SCHEMAS = ("mart", "agg", "gim", "ctl")

# Members that mean unknown and no value, below zero, are everybody's. The functions are asked once a statement.
_OWN_TENANTS = sql.SQL(
    "tenant_key < 0 OR 0 = ANY ((SELECT ctl.readable_tenants(current_user::text))::int[])"
    " OR tenant_key = ANY ((SELECT ctl.readable_tenants(current_user::text))::int[])"
)

# What such a role is given, and loses in the end.
_RIGHTS: tuple[LiteralString, ...] = (
    "USAGE ON SCHEMA mart, agg, gim, cfg, ctl",
    "SELECT ON ALL TABLES IN SCHEMA mart, agg, gim",
    "SELECT (source_key, name, site) ON cfg.source",
    "CONNECT ON DATABASE {database}",
)

_ROLE = re.compile(r"[a-z][a-z0-9_]{0,62}")

PARTITIONS_BEHIND = timedelta(days=1)
PARTITIONS_AHEAD = timedelta(days=30)


def create_database(admin_dsn: str, passwords: Mapping[str, str], *, database: str = DATABASE) -> bool:
    """Make the roles with these passwords and the database, as a superuser; say whether the database was made now.

    The owner's privileges end at its database, the reader's at what ``allow_reader`` gives it.

    Raises:
        MartError: PostgreSQL gave no answer or refused a statement.
    """
    with session(admin_dsn, application_name="twinmart init", autocommit=True) as connection:
        for role, password in passwords.items():
            _create_role(connection, role)
            _set_password(connection, role, password)
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
        if found:
            return False
        name, owner = sql.Identifier(database), sql.Identifier(OWNER)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        return True


def ensure_replicator(connection: Connection, password: str) -> None:
    """Make the role for the link, or give it this password, and let it into the database; as a superuser."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("replicator"),))
        _create_role(connection, REPLICATOR)
        _set_password(connection, REPLICATOR, password)
        # A copy has the rows of every tenant.
        connection.execute(sql.SQL("ALTER ROLE {} BYPASSRLS").format(sql.Identifier(REPLICATOR)))
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(REPLICATOR)))


def prepare_mart(
    dsn: str, *, now: datetime | None = None, ahead: timedelta = PARTITIONS_AHEAD
) -> tuple[list[Migration], list[str]]:
    """Bring the mart to this program's version and make partitions ahead; return the migrations and partitions made.

    The connection string is that of the database's owner.

    Raises:
        MartError: the server gives no answer, is too old, or the mart cannot be migrated; see ``migrate``.
    """
    now = now or datetime.now(UTC)
    with session(dsn, application_name="twinmart init", autocommit=True) as connection:
        _check_version(connection, dsn)
        allow_upkeep(connection)
        applied = migrate(connection)
        made = make_partitions_ahead(connection, now, ahead)
        allow_reader(connection)
        for role in tenant_readers(connection):
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
                allow_tenant_reader(connection, role, None)
    return applied, made


def refresh_mart(dsn: str, *, now: datetime | None = None) -> errors.MartError | None:
    """Make partitions ahead in a mart of this program's version; return why the mart is not of it, or None."""
    with session(dsn, application_name="twinmart up", autocommit=True) as connection:
        obstacle = schema_state(connection).obstacle()
        if obstacle is None:
            allow_upkeep(connection)
            make_partitions_ahead(connection, now or datetime.now(UTC))
        return obstacle


def allow_upkeep(connection: Connection) -> None:
    """Let the session change what belongs to the site alone, also where its database is read-only by default.

    Partitions and schema are made at a replica like everywhere; the fences on replicated tables stand all the same.
    """
    connection.execute("SET default_transaction_read_only = off")


def make_partitions_ahead(connection: Connection, now: datetime, ahead: timedelta = PARTITIONS_AHEAD) -> list[str]:
    """Make the partitions that the next weeks need, and that of yesterday for late events; return their names."""
    return ensure_partitions(connection, now - PARTITIONS_BEHIND, now + ahead)


def allow_reader(connection: Connection) -> None:
    """Let the read-only role read all tables and views for reporting, those of newer migrations too.

    Raises:
        MissingRole: there is no such role, and this user must not create it.
    """
    with connection.transaction():
        _require_reader(connection)
        lacking = connection.execute(
            sql_text("db/reader_lacks"), {"schemas": list(READER_SCHEMAS), "reader": READER}
        ).fetchall()
        reader = sql.Identifier(READER)
        for schema in sorted({schema for schema, _ in lacking}):
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), reader))
        for schema, table in lacking:
            connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(sql.Identifier(schema, table), reader))
        _fence_tenants(connection)
        # Views with names of sources are read with the reader's own rights; hosts and accounts stay out of sight.
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA cfg TO {}").format(reader))
        connection.execute(sql.SQL("GRANT SELECT (source_key, name, site) ON cfg.source TO {}").format(reader))
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, reader))


def create_reader(admin_dsn: str, role: str, password: str) -> None:
    """Make a role for reading with this password, or give it this one; as a superuser.

    Raises:
        UsageError: the name cannot be one, or the role has rights of its own.
    """
    if not _ROLE.fullmatch(role):
        raise errors.UsageError(
            f'"{role}" cannot be the name of a reader',
            hint="A name has lower-case letters, digits and underscores, 63 at most, and begins with a letter.",
        )
    with session(admin_dsn, application_name="twinmart reader", autocommit=True) as connection:
        _refuse_rights(connection, role)
        _create_role(connection, role)
        _set_password(connection, role, password)


def allow_tenant_reader(connection: Connection, role: str, tenant: str | None) -> None:
    """Let a role read one tenant's facts, aggregates and dimensions, and no other tenant's; it may be let read several.

    Control tables are of all tenants together, so such a role reads none of them. Without a tenant it gets the
    privileges alone, as at a replica, to which the row that names the tenant comes by itself.

    Raises:
        MissingRole: there is no such role; making it, with a password, is the administrator's.
        UsageError: the role has rights of its own, which no rule about rows holds up.
        UnknownObject: there is no such tenant.
    """
    with connection.transaction():
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            raise errors.MissingRole(
                f'the server has no role "{role}"',
                hint=f"Let its administrator run: CREATE ROLE {role} LOGIN. Then run the same command again.",
            )
        _refuse_rights(connection, role)
        _fence_tenants(connection)
        for statement in _RIGHTS:
            connection.execute(_said(connection, "GRANT", statement, "TO", role))
        if tenant is None:
            return
        connection.execute(
            "INSERT INTO ctl.tenant_reader VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (role, tenant_key(connection, tenant)),
        )


def tenant_key(connection: Connection, tenant: str) -> int:
    """Return the key of a tenant.

    Raises:
        UnknownObject: there is no such tenant.
    """
    row = connection.execute("SELECT tenant_key FROM mart.tenant WHERE tenant_name = %s", (tenant,)).fetchone()
    if row is None:
        raise errors.UnknownObject(f'there is no tenant "{tenant}"', hint="See: twinmart config list tenant.")
    return int(row[0])


def forbid_tenant_reader(connection: Connection, role: str) -> None:
    """Take back all that ``allow_tenant_reader`` gave a role; the rows that name its tenants are not touched."""
    with connection.transaction():
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            for statement in _RIGHTS:
                connection.execute(_said(connection, "REVOKE", statement, "FROM", role))


def drop_reader(admin_dsn: str, role: str) -> None:
    """End the sessions of a role that has no rights left, and the role; as a superuser."""
    with session(admin_dsn, application_name="twinmart reader", autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (role,))
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def tenant_readers(connection: Connection) -> dict[str, list[str]]:
    """Return the roles that may read single tenants, with the names of these."""
    rows = connection.execute(
        "SELECT role_name, array_agg(tenant_name ORDER BY tenant_name)"
        " FROM ctl.tenant_reader JOIN mart.tenant USING (tenant_key)"
        " WHERE role_name <> %s AND tenant_key > 0 GROUP BY role_name ORDER BY role_name",
        (READER,),
    )
    return dict(rows.fetchall())


def _said(connection: Connection, verb: LiteralString, right: LiteralString, end: LiteralString, role: str) -> Composed:
    names = {"database": sql.Identifier(connection.info.dbname), "role": sql.Identifier(role)}
    return sql.SQL(f"{verb} {right} {end} {{role}}").format(**names)


def _refuse_rights(connection: Connection, role: str) -> None:
    row = connection.execute(sql_text("db/role_rights"), {"role": role}).fetchone()
    if row is not None and row[0]:
        raise errors.UsageError(
            f'role "{role}" may do more than read',
            detail="a superuser, a member of another role, an owner of tables or a role of the program's own",
            hint="Nothing was changed. Choose a role of its own for the reader.",
        )


def _fence_tenants(connection: Connection) -> None:
    """Let whoever is not the owner see only rows of tenants that are its own, in tables and through views."""
    for schema, name, kind in connection.execute(sql_text("db/unfenced")).fetchall():
        target = sql.Identifier(schema, name)
        if kind == "v":
            connection.execute(sql.SQL("ALTER VIEW {} SET (security_invoker = true)").format(target))
            continue
        connection.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(target))
        connection.execute(
            sql.SQL("CREATE POLICY tenant_reader ON {} FOR SELECT USING ({})").format(target, _OWN_TENANTS)
        )


def _require_reader(connection: Connection) -> None:
    try:
        with connection.transaction():
            _create_role(connection, READER)
    except psycopg.errors.InsufficientPrivilege:
        raise errors.MissingRole(
            f'the server has no role "{READER}", and user "{connection.info.user}" must not create it',
            hint=f"Let its administrator run: CREATE ROLE {READER} LOGIN. Then run the same command again.",
        ) from None


def _create_role(connection: Connection, role: str) -> None:
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
        return
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    if role == REPLICATOR:
        # What crosses the link belongs to every tenant, so no rule about rows may hold it up.
        connection.execute(sql.SQL("ALTER ROLE {} REPLICATION BYPASSRLS").format(sql.Identifier(role)))
    if role == READER:
        # A second fence for tools that believe they may write; the first is that no privilege was given.
        connection.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(sql.Identifier(role)))


def _set_password(connection: Connection, role: str, password: str) -> None:
    # Hashed here, so that the password itself never reaches the server's log.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))


def _check_version(connection: Connection, dsn: str) -> None:
    version = connection.info.server_version
    if version < OLDEST_MAJOR * 10000:
        raise errors.NoPostgres(
            f"{place(dsn)} is version {version // 10000}; Twinmart needs {OLDEST_MAJOR} or newer",
            hint="Nothing was changed.",
        )
