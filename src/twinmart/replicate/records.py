"""What each end wrote down of its links, before anything of them was made: ``ops.link``.

So whatever a killed command, a lost site or an earlier life of a server left behind is known by its name and by whose
it was.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg import sql

from twinmart.db.connect import Connection
from twinmart.replicate.ends import Identity

Role = Literal["source", "target"]

# Slots are shared by all databases of a server; ours are known by this.
PREFIX = "twinmart_"


@dataclass(frozen=True, slots=True)
class Record:
    """One end's note of a link."""

    name: str
    role: Role
    own_site: int
    peer_site: int
    own_system: str
    peer_system: str
    peer_database: str
    origin: str | None
    copy: str
    state: str
    start_lsn: str | None
    begun_at: datetime
    linked_at: datetime | None
    paused_at: datetime | None
    pause_reason: str | None

    def is_between(self, own: Identity, peer: Identity) -> bool:
        """Whether the link is one of these two servers, and not of others that had their place before."""
        return (self.own_system, self.peer_system, self.peer_database) == (own.system, peer.system, peer.database)


_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, Record.__dataclass_fields__))


def living(connection: Connection, role: Role) -> Record | None:
    """Return the newest link of which this mart is such an end and which was not taken down, or None."""
    query = sql.SQL(
        "SELECT {} FROM ops.link WHERE role = %s AND state <> 'ended' ORDER BY begun_at DESC LIMIT 1"
    ).format(_COLUMNS)
    row = connection.execute(query, (role,)).fetchone()
    return None if row is None else Record(*row)


def begin(
    connection: Connection, name: str, role: Role, sites: tuple[int, int], own: Identity, peer: Identity, copy: str
) -> None:
    """Write down a link before anything of it is made; ``sites`` are our own and the other end's."""
    connection.execute(
        "INSERT INTO ops.link (name, role, own_site, peer_site, own_system, peer_system, peer_database, copy, state)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'preparing') ON CONFLICT DO NOTHING",
        (name, role, *sites, own.system, peer.system, peer.database, copy),
    )


def move(connection: Connection, name: str, state: str, **more: object) -> None:
    """Note a new state of a link, and what else is known of it now."""
    values = {"state": state, **more}
    changes = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(key), sql.Placeholder(key)) for key in values)
    connection.execute(
        sql.SQL("UPDATE ops.link SET {} WHERE name = %(name)s").format(changes), {**values, "name": name}
    )


def end_all(connection: Connection, role: Role) -> None:
    """Note that all links of which this mart was such an end were taken down."""
    connection.execute(
        "UPDATE ops.link SET state = 'ended', ended_at = coalesce(ended_at, clock_timestamp())"
        " WHERE role = %s AND state <> 'ended'",
        (role,),
    )


def unfinished(connection: Connection, role: Role) -> list[str]:
    """Return the names of all links of this role that were not taken down."""
    rows = connection.execute("SELECT name FROM ops.link WHERE role = %s AND state <> 'ended'", (role,))
    return [name for (name,) in rows]
