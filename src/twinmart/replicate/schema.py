"""Whether two marts have the same shape, and how both come to a newer one: the standby first.

Schema changes do not cross the link. A column, table or partition that the standby lacks stops apply, loudly; so
whatever is made is made there before. What rows a migration brings are brought by the migration itself at each site: at
the active site they are marked as coming from an origin, and the link sends on nothing that came from one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import sql

from twinmart import errors
from twinmart.config.options import effective
from twinmart.db.connect import Connection, advisory_lock
from twinmart.db.migrate import migrate, schema_state
from twinmart.db.partitions import copy_partitions, in_words, partitioned_tables
from twinmart.db.sqlfiles import sql_text
from twinmart.replicate import fence
from twinmart.replicate.ends import End, reach
from twinmart.replicate.heartbeat import beat, wait_for
from twinmart.site.mart import allow_reader, make_partitions_ahead

PUBLICATION = "twinmart"
_MIGRATION_ORIGIN = "twinmart_migration"


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    """One thing that is not alike at the two ends; None is "not there"."""

    kind: str
    name: str
    at_source: str | None
    at_target: str | None

    @property
    def breaks(self) -> bool:
        """Whether changes of the source cannot be applied at the target because of it, now or one day."""
        if self.kind == "index":
            return False
        if self.at_source is None:  # a column that may be empty, a table or a partition that nothing is sent to
            return self.kind == "key" or (self.kind == "column" and "not null" in (self.at_target or ""))
        return True

    def __str__(self) -> str:
        if self.at_target is None:
            return f"{self.kind} {self.name} is missing at the standby"
        if self.at_source is None:
            more = "; it was dropped at the active site, or is made ahead here" if self.kind == "partition" else ""
            return f"{self.kind} {self.name} is at the standby only{more}"
        return f'{self.kind} {self.name} is "{self.at_source}" at the active site, "{self.at_target}" at the standby'


def fingerprint(connection: Connection) -> dict[tuple[str, str], str]:
    """Return the shape of a mart without its partitions: definition by kind and name."""
    return {
        (kind, name): definition for kind, name, definition in connection.execute(sql_text("replicate/fingerprint"))
    }


def drift(source: Connection, target: Connection) -> list[Drift]:
    """Return what is not alike at the two ends, what stops apply first."""
    here, there = fingerprint(source), fingerprint(target)
    different = [key for key in here.keys() | there.keys() if here.get(key) != there.get(key)]
    missing_tables = {name for kind, name in different if kind == "table"}
    found = [
        Drift(*key, here.get(key), there.get(key))
        for key in different
        # Of a table that is missing, its columns are not told one by one.
        if key[0] == "table" or not any(key[1].startswith((f"{table}.", f"{table} ")) for table in missing_tables)
    ]
    found += _partition_drift(source, target)
    return sorted(found, key=lambda one: (not one.breaks, one))


def _partition_drift(source: Connection, target: Connection) -> Iterator[Drift]:
    """Yield the spans that one end has partitions for and the other has not.

    How a span is divided does not matter: where one end has purged and the other is about to, one partition stands at
    the one for many at the other.
    """
    here, there = (
        {f"{table.schema}.{table.name}": table for table in partitioned_tables(one) if table.schema in fence.SCHEMAS}
        for one in (source, target)
    )
    for name in here.keys() & there.keys():
        for span in there[name].lacking(here[name].covered):
            yield Drift("partition", f"{name} {in_words(span)}", "", None)
        for span in here[name].lacking(there[name].covered):
            yield Drift("partition", f"{name} {in_words(span)}", None, "")


def require_same_shape(source: Connection, target: Connection) -> None:
    """Refuse two marts of which one could not take in the other's changes.

    Raises:
        SchemaDrift: it could not; the detail names what differs.
    """
    breaking = [one for one in drift(source, target) if one.breaks]
    if breaking:
        raise errors.SchemaDrift(
            f"the standby's schema lacks what the active site's has: {len(breaking)} differences",
            detail="\n".join(str(one) for one in breaking[:10]),
            hint="Make both alike, the standby first, with: twinmart init. Nothing was changed.",
        )


def publish(connection: Connection) -> None:
    """Make the publication, or bring its list of tables up to date.

    Raises:
        NoKey: a table has no primary key, without which its changes cannot be told apart; nothing was changed.
    """
    rows = connection.execute(
        "SELECT schema_name, table_name, has_key FROM ops.replicated_table WHERE NOT is_partition ORDER BY 1, 2"
    ).fetchall()
    bare = [f"{schema}.{table}" for schema, table, has_key in rows if not has_key]
    if bare:
        raise errors.NoKey(
            f'table "{bare[0]}" has no primary key, so its changes cannot cross the link',
            detail=f"without a key: {', '.join(bare)}",
            hint="Give it one. Nothing was changed.",
        )
    tables = sql.SQL(", ").join(sql.Identifier(schema, table) for schema, table, _ in rows)
    name = sql.Identifier(PUBLICATION)
    if connection.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", (PUBLICATION,)).fetchone():
        connection.execute(sql.SQL("ALTER PUBLICATION {} SET TABLE {}").format(name, tables))
        return
    making = sql.SQL("CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)")
    connection.execute(making.format(name, tables))


def prepare(
    source: End, target: End, *, subscription: str | None = None, now: datetime | None = None,
    tell: Callable[[str], None] | None = None,
) -> bool:  # fmt: skip
    """Bring both marts to this program's version and make partitions ahead, the standby first; say if any migrated.

    Where a migration is due at a linked pair, loads are held off until it is done, and the standby has all of it first.

    Raises:
        NotInitialised: a site has no mart; nothing was changed.
        LockHeld: a loader is at work, and a migration is due.
        MigrationFailed: one stopped; running it again goes on.
    """
    now = now or datetime.now(UTC)
    with reach(source, "prepare") as active, reach(target, "prepare") as standby:
        for end, connection in ((source, active), (target, standby)):
            if not schema_state(connection).version:
                raise errors.NotInitialised(
                    f"site {end.site} holds no mart yet", hint="Nothing was changed. Make it with: twinmart init."
                )
        due = not (schema_state(active).is_current and schema_state(standby).is_current)
        if due:
            _migrate_both(active, standby, source.site if subscription else None, tell)
        ahead = timedelta(days=effective(active).number("gim-etl", "partitioning-ahead-range"))
        for connection in (standby, active):
            _as_owner(connection)
            make_partitions_ahead(connection, now, ahead)
            connection.execute("RESET ROLE")
            allow_reader(connection)
        level_partitions(active, standby, now)
        if due and subscription:
            publish(active)
            refresh = sql.SQL("ALTER SUBSCRIPTION {} REFRESH PUBLICATION WITH (copy_data = false)")
            standby.execute(refresh.format(sql.Identifier(subscription)))
    return due


def level_partitions(active: Connection, standby: Connection, now: datetime) -> int:
    """Make at each mart the partitions that only the other has; return how many were made.

    Those of days gone by that only the standby has were purged at the active site and are left alone.
    """
    made = 0
    for here, there, since in ((active, standby, None), (standby, active, now)):
        _as_owner(there)
        made += len(copy_partitions(here, there, since=since))
        there.execute("RESET ROLE")
    return made


def _migrate_both(
    active: Connection, standby: Connection, linked_from: int | None, tell: Callable[[str], None] | None
) -> None:
    with advisory_lock(active, "etl"):
        if linked_from is not None:
            wait_for(standby, linked_from, beat(active, linked_from), timeout_s=600)
        with fence.opened(standby):
            _as_owner(standby)
            applied = migrate(standby)
            standby.execute("RESET ROLE")
        if tell:
            tell(f"standby: {len(applied)} migrations applied")
        marked = linked_from is not None and _mark_as_replicated(active)
        _as_owner(active)
        applied = migrate(active)
        active.execute("RESET ROLE")
        if marked:
            active.execute("SELECT pg_replication_origin_session_reset()")
        if tell:
            tell(f"active site: {len(applied)} migrations applied")


def _mark_as_replicated(connection: Connection) -> bool:
    """Let what this session writes count as received, so that a subscription with origin none does not get it."""
    with connection.transaction():
        connection.execute(
            "SELECT pg_replication_origin_create(%(name)s) WHERE pg_replication_origin_oid(%(name)s) IS NULL",
            {"name": _MIGRATION_ORIGIN},
        )
    connection.execute("SELECT pg_replication_origin_session_setup(%s)", (_MIGRATION_ORIGIN,))
    return True


def _as_owner(connection: Connection) -> None:
    """What is made shall belong to the mart's owner, whoever makes it."""
    row = connection.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()")
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(str(next(iter(row))[0]))))
