"""How old an answer is: of the active site as old as its last load, of a standby as old as what has reached it."""

from dataclasses import dataclass
from datetime import datetime

from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text

ACTIVE, STANDBY = "active site", "standby"


@dataclass(frozen=True, slots=True)
class Age:
    """Which site answers, in which role, and up to when its mart knows what the active site loaded."""

    site: int | None
    role: str
    as_of: datetime | None
    seconds: float | None
    last_load_at: datetime | None


def age(mart: Connection, site: int | None) -> Age:
    """Return how old the mart's data are.

    A replica tells it by the newest heartbeat that came with the replicated data, where there are heartbeats, else by
    the newest load that arrived; the active site's own data are as of now, however long ago the last load was.
    """
    row = mart.execute(sql_text("report/age"), {"site": site}).fetchone()
    assert row is not None  # noqa: S101  an aggregate without groups has one row
    active, heartbeat_at, load_at, now, is_replica = row
    if site is None or (site == active and not is_replica):
        return Age(site, ACTIVE, now, 0.0, load_at)
    as_of = heartbeat_at or load_at
    return Age(site, STANDBY, as_of, max(0.0, (now - as_of).total_seconds()) if as_of else None, load_at)
