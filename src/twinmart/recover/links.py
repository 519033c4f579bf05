"""Replication between two sites on behalf of a recovery, by the parts of ``replicate``."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from psycopg import sql

from twinmart import errors
from twinmart.db.connect import Connection
from twinmart.recover.model import Copy
from twinmart.recover.sites import Sites
from twinmart.replicate import link, turn
from twinmart.replicate.compare import Comparer
from twinmart.replicate.ends import End, reach
from twinmart.replicate.heartbeat import beat, wait_for
from twinmart.replicate.watch import heal

WAIT_S = 110
COMPARISONS = 5

# Signatures of spans that nobody has written to since are trusted, as a verification does; but what was loaded so
# lately is read while everything stands still, since a server counts writes some seconds after they were made.
TRUSTS_DAYS = 7.0
ALWAYS_READ = timedelta(days=1)

# Rows that move without anything having been loaded, and so at no moment say that marts differ.
MOVING = (("ctl", "heartbeat"), ("ctl", "job_run"))


class SiteLinks:
    """Acts on the link between two sites; each may be repeated."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    def pause(self, at: int) -> None:
        """Stop applying what is sent."""
        self._sites.begin_act()
        link.pause(self._sites.ends[at], "recovery")
        self._sites.point()

    def resume(self, at: int) -> None:
        """Apply again."""
        self._sites.begin_act()
        link.resume(self._sites.ends[at])

    def detach(self, at: int) -> None:
        """Take the receiving end away without the source; how far it came stays written down."""
        self._sites.begin_act()
        link.detach(self._sites.ends[at])
        self._sites.point()

    def clean_up(self, at: int) -> None:
        """Remove what links left at a site."""
        self._sites.begin_act()
        with self._sites.session(at) as connection:
            link.clear(connection, keep_fences=True)
        self._sites.point()

    def copy(self, from_site: int, to: int, how: Copy) -> None:
        """Make the mart of a site a copy that follows."""
        self._sites.begin_act()
        link.set_up(self._sites.ends[from_site], self._sites.ends[to], method=how, discard_standby=True)
        # What the newcomer sent or promised in its earlier life was to a site that is gone.
        with self._sites.session(to) as connection:
            link.clear_role(connection, "source")
            connection.execute("UPDATE ops.recovery_fence SET fenced_for = NULL, changed_at = now()")
        self._sites.point()

    def wait(self, at: int, source: int) -> str:
        """Wait until a site has everything that another has now.

        While loads go on both are compared as well: little of that is left to be done when they stand still.

        Raises:
            StepFailed: they differ.
        """
        self._sites.begin_act()
        with self._sites.session(source) as there, self._sites.session(at) as here:
            is_last = there.execute("SELECT 1 FROM ops.replica").fetchone() is not None
            self._cross(there, here, source, at)
        if not is_last:
            self._compare(source, at, reads_from=datetime.now(UTC))
        with self._sites.session(source) as there, self._sites.session(at) as here:
            row = there.execute("SELECT pg_current_wal_lsn()::text").fetchone()
            self._cross(there, here, source, at)
        self._sites.mark("last" if is_last else "near")
        return str(row[0]) if row else ""

    def turn(self, new_source: int, new_target: int) -> None:
        """Make the source the target and the target the source; both are fenced meanwhile, and nothing is copied."""
        self._sites.begin_act()
        ends = self._sites.ends
        turn.turn_link(ends[new_target], ends[new_source])
        self._sites.point()

    def compare(self, one: int, other: int) -> str:
        """Raise unless two marts hold the same; what was compared ahead and not written to since is not read again.

        Raises:
            StepFailed: they differ.
        """
        self._sites.begin_act()
        told = self._compare(one, other, reads_from=datetime.now(UTC) - ALWAYS_READ)
        self._sites.mark("compared")
        return told

    def _compare(self, one: int, other: int, reads_from: datetime) -> str:
        began = time.monotonic()
        source, target = self._sites.ends[one], self._sites.ends[other]

        def drain() -> bool:
            with self._sites.session(one) as there, self._sites.session(other) as here, suppress(errors.NotCaughtUp):
                self._cross(there, here, one, other)
                return True
            return False

        with reach(source, "recover") as mart:
            looked = [".".join(table) for table in _tables(mart)]
        comparer = Comparer(source.dsn, target.dsn, drain, trusts_days=TRUSTS_DAYS, reads_from=reads_from.timestamp())
        found = comparer.compare(looked)
        if not found.is_equal:
            tables = sorted({*found.missing_tables, *(row.table for row in found.listed if row.kind != "in flight")})
            raise errors.StepFailed(
                f"the marts of site {one} and site {other} differ",
                detail="in " + ", ".join(tables),
                hint="Nothing was switched. Copy it anew with: twinmart return.",
            )
        spent_s = time.monotonic() - began
        return f"{found.rows:,} rows of {found.tables} tables are equal, {spent_s:.1f} s"

    def check_flow(self, source: int, target: int) -> str:
        """Raise unless a beat of the source arrives at the target."""
        self._sites.begin_act()
        began = time.monotonic()
        with self._sites.session(source) as there, self._sites.session(target) as here:
            self._cross(there, here, source, target)
        self._sites.mark("flow")
        return f"a beat crossed in {(time.monotonic() - began) * 1000:.0f} ms"

    def _cross(self, there: Connection, here: Connection, source: int, target: int) -> None:
        """Wait until what a site has now is at another; a line that broke is made whole, though no mart server runs."""
        ends = self._sites.ends
        wait_for(
            here, source, beat(there, source), timeout_s=WAIT_S, mend=lambda: heal(ends[source], ends[target])
        )  # fmt: skip


def differing(source: End, target: End, looked: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the tables that two marts hold differently, also after what was under way has arrived."""
    left = list(looked)
    for _ in range(COMPARISONS):
        with reach(source, "recover") as there, reach(target, "recover") as here:
            before = {table: _signature(there, table) for table in left}
            wait_for(here, source.site, beat(there, source.site), timeout_s=WAIT_S)
            left = [table for table in left if _signature(here, table) != before[table]]
        if not left:
            break
    return left


def _tables(connection: Connection) -> list[tuple[str, str]]:
    rows = connection.execute(
        "SELECT schema_name, table_name FROM ops.replicated_table WHERE NOT is_partition ORDER BY 1, 2"
    )
    return [(schema, name) for schema, name in rows if (schema, name) not in MOVING]


def _signature(connection: Connection, table: tuple[str, str]) -> tuple[int, str]:
    """Return count and hash sum of the rows of a table."""
    row = connection.execute(
        sql.SQL("SELECT count(*), coalesce(sum(hash_record_extended(one, 0)), 0)::text FROM {} AS one").format(
            sql.Identifier(*table)
        )
    ).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")
