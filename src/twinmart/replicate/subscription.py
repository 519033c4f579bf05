"""A link's subscription at the target, by the statements that make, hold, go on with and drop it."""

from dataclasses import dataclass

from psycopg import conninfo, sql

from twinmart.db.connect import Connection
from twinmart.replicate.ends import End, is_superuser
from twinmart.replicate.records import PREFIX
from twinmart.replicate.schema import PUBLICATION
from twinmart.site.mart import REPLICATOR


@dataclass(frozen=True, slots=True)
class Subscription:
    """What the catalog of this database says of one of our subscriptions."""

    name: str
    oid: int
    is_enabled: bool
    slot: str | None

    @property
    def origin(self) -> str:
        """The replication origin that remembers what was applied."""
        return f"pg_{self.oid}"


def find(connection: Connection) -> list[Subscription]:
    """Return our subscriptions of this database; normally one or none."""
    rows = connection.execute(
        "SELECT subname, oid::bigint, subenabled, subslotname FROM pg_subscription WHERE starts_with(subname, %s)"
        " AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY oid",
        (PREFIX,),
    )
    return [Subscription(*row) for row in rows]


def named(connection: Connection, name: str) -> Subscription | None:
    """Return the subscription of a name, or None."""
    return next((one for one in find(connection) if one.name == name), None)


def create(connection: Connection, name: str, source: End) -> Subscription:
    """Make the subscription on a slot that is there already, disabled; nothing is copied by it.

    Where we are a superuser it belongs to the role for the link, which may write what crosses and nothing else, and the
    password stands in a file. Elsewhere it belongs to us, and PostgreSQL demands the password in the string itself; it
    keeps that from everybody who is no superuser.
    """
    has_rights = is_superuser(connection)
    line = conninfo.make_conninfo(source.line, application_name=name, **_DEAD_LINE)
    making = sql.SQL(
        "CREATE SUBSCRIPTION {name} CONNECTION {line} PUBLICATION {publication} WITH (slot_name = {slot},"
        " create_slot = false, copy_data = false, enabled = false, origin = none, binary = true, streaming = parallel,"
        " disable_on_error = true, run_as_owner = {as_owner}, password_required = {password})"
    )
    connection.execute(
        making.format(
            name=sql.Identifier(name),
            slot=sql.Literal(name),
            line=sql.Literal(line),
            publication=sql.Identifier(PUBLICATION),
            as_owner=sql.Literal(has_rights),
            password=sql.Literal(not has_rights),
        )
    )
    if has_rights:
        connection.execute(
            sql.SQL("ALTER SUBSCRIPTION {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(REPLICATOR))
        )
    made = named(connection, name)
    assert made is not None  # noqa: S101  it was made above
    return made


def adopt(connection: Connection, name: str, source: End) -> None:
    """Give a subscription that ``pg_createsubscriber`` made the shape of ours; where it stands is kept."""
    subscription = sql.Identifier(name)
    line = conninfo.make_conninfo(source.line, application_name=name, **_DEAD_LINE)
    for change in (
        sql.SQL(
            "ALTER SUBSCRIPTION {} SET (origin = none, binary = true, streaming = parallel, disable_on_error = true,"
            " run_as_owner = true, password_required = false)"
        ).format(subscription),
        sql.SQL("ALTER SUBSCRIPTION {} CONNECTION {}").format(subscription, sql.Literal(line)),
        sql.SQL("ALTER SUBSCRIPTION {} SET PUBLICATION {} WITH (copy_data = false)").format(
            subscription, sql.Identifier(PUBLICATION)
        ),
        sql.SQL("ALTER SUBSCRIPTION {} OWNER TO {}").format(subscription, sql.Identifier(REPLICATOR)),
    ):
        connection.execute(change)


_DEAD_LINE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "connect_timeout": 5}


def enable(connection: Connection, name: str) -> None:
    """Let the subscription apply."""
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} ENABLE").format(sql.Identifier(name)))


def disable(connection: Connection, name: str) -> None:
    """Hold the subscription up; its slot keeps what is not sent."""
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(sql.Identifier(name)))


def drop(connection: Connection, name: str) -> bool:
    """Remove the subscription without asking the source, which may be gone; say whether there was one.

    Its replication origin goes with it, and with that the only word on how far it had come.
    """
    if named(connection, name) is None:
        return False
    subscription = sql.Identifier(name)
    disable(connection, name)
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(subscription))
    connection.execute(sql.SQL("DROP SUBSCRIPTION IF EXISTS {}").format(subscription))
    return True
