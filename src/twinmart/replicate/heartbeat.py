"""The heartbeat: a row that the active site writes and that crosses the link like any other.

Its age at the standby is how far the standby is behind, whatever the columns of PostgreSQL's views say; and since
transactions are applied in the order of their commits, a beat that has arrived proves that all before it has.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from twinmart import errors
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.replicate import fence

_LOOK_S = 0.02
_MEND_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Beat:
    """The newest beat of a site that a mart knows, and its age by that mart's own clock."""

    site: int
    beat: int
    beat_at: datetime
    epoch: int
    age_ms: int


def beat(connection: Connection, site: int) -> int:
    """Write a beat of the site and return its number; also where fences stand, since a switch needs a last one.

    Raises:
        NotAllowed: the fences stand, and the user must not pass them.
    """
    if connection.execute("SELECT 1 FROM ops.replica").fetchone() is None:
        return _write(connection, site)
    with fence.passed(connection):
        return _write(connection, site)


def newest(connection: Connection, site: int) -> Beat | None:
    """Return the newest beat of a site that this mart knows, or None."""
    row = connection.execute(sql_text("replicate/newest_beat"), {"site": site}).fetchone()
    return None if row is None else Beat(*row)


def has_crossed(target: Connection, site: int, number: int) -> bool:
    """Whether a beat has arrived, and with it everything that was committed before it."""
    row = target.execute("SELECT beat FROM ctl.heartbeat WHERE site = %s", (site,)).fetchone()
    return row is not None and row[0] >= number


def wait_for(
    target: Connection, site: int, number: int, *, timeout_s: float, mend: Callable[[], object] | None = None
) -> None:  # fmt: skip
    """Wait until a beat has arrived; ``mend`` is called every few seconds in which it has not.

    Raises:
        NotCaughtUp: it has not within the time; nothing was changed.
    """
    began = time.monotonic()
    deadline, mend_at = began + timeout_s, began + _MEND_EVERY_S
    while not has_crossed(target, site, number):
        if mend is not None and time.monotonic() > mend_at:
            mend()
            mend_at = time.monotonic() + _MEND_EVERY_S
        if time.monotonic() > deadline:
            known = newest(target, site)
            raise errors.NotCaughtUp(
                f"beat {number} of site {site} has not crossed the link within {timeout_s:g} s",
                detail=f"newest that has: {known.beat} of {known.beat_at:%H:%M:%S} UTC" if known else "none has",
                hint="Look with: twinmart replication show.",
            )
        time.sleep(_LOOK_S)


def _write(connection: Connection, site: int) -> int:
    row = connection.execute(sql_text("replicate/beat"), {"site": site}).fetchone()
    if row is None:  # the statement always returns its row
        raise errors.NotReady("the beat was not written")
    return int(row[0])
