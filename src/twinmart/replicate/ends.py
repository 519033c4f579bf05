"""The two ends of a link: how we reach each mart, and how the other site's server reaches it.

Publications, slots, subscriptions and fences are made by whoever may: at an embedded server its superuser, by way of
the socket; at a server of the user's own the mart's owner, with what its administrator granted (see
``docs/howto/replicate.md``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from twinmart import errors
from twinmart.db.connect import CONNECT_S, Connection, place, session
from twinmart.site.home import Home, Site
from twinmart.site.mart import DATABASE, REPLICATOR
from twinmart.site.postgres import Server


@dataclass(frozen=True, slots=True)
class End:
    """One site as an end of a link.

    ``dsn`` is the mart owner's. ``admin_dsn`` is a superuser's where there is one for us. ``source_dsn`` is what the
    other site's server logs in with to receive changes from here; its password stands in a file that the string names.
    """

    site: int
    dsn: str
    admin_dsn: str | None = None
    source_dsn: str | None = None
    password: str | None = field(default=None, repr=False)
    server: Server | None = None

    @property
    def reach(self) -> str:
        """The connection string with the most rights that we have here."""
        return self.admin_dsn or self.dsn

    @property
    def line(self) -> str:
        """The connection string for the other site's server."""
        return self.source_dsn or self.dsn

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"site {self.site}, {place(self.dsn)}"


def end_of(site: Site, *, database: str = DATABASE) -> End:
    """Return a site as an end of a link; its replication role gets a password, kept in the site's passfile."""
    if site.server is None:
        return End(site.number, site.dsn(), source_dsn=site.own_replication_dsn)
    return embedded_end(site.number, site.server, site.dsn(database=database), database=database)


def embedded_end(number: int, server: Server, dsn: str, *, database: str = DATABASE) -> End:
    """Return an embedded server's mart as an end of a link."""
    return End(
        number,
        dsn,
        admin_dsn=server.dsn(database=database),
        source_dsn=server.tcp_dsn(database=database, user=REPLICATOR),
        password=server.password(REPLICATOR),
        server=server,
    )


def ends_of(home: Home) -> dict[int, End]:
    """Return every site of a folder as an end, by number."""
    return {site.number: end_of(site) for site in home.require_sites()}


@contextmanager
def reach(
    end: End, purpose: str, *, statement_timeout_s: float | None = None, connect_timeout_s: int = CONNECT_S
) -> Iterator[Connection]:
    """Give a connection that may write also where the database is read-only by default, each statement for itself.

    Raises:
        MartError: whatever ``session`` raises.
    """
    name = f"twinmart {purpose}"
    with session(
        end.reach, application_name=name, autocommit=True, statement_timeout_s=statement_timeout_s,
        connect_timeout_s=connect_timeout_s,
    ) as found:  # fmt: skip
        found.execute("SET default_transaction_read_only = off")
        yield found


@dataclass(frozen=True, slots=True)
class Identity:
    """Which server and database this is, whatever its address: a copy or a replaced machine has another one."""

    system: str
    database: str


def identity(connection: Connection) -> Identity:
    """Return the identity of the server and database of a connection."""
    row = connection.execute(
        "SELECT system_identifier::text, current_database()::text FROM pg_control_system()"
    ).fetchone()
    if row is None:  # the function always returns a row
        raise errors.NotReady("the server does not tell its system identifier")
    return Identity(*row)


def is_superuser(connection: Connection) -> bool:
    """Whether the connection's user may do everything."""
    return connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = session_user").fetchone() == (True,)
