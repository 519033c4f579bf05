"""The sites of a folder as a run of a recovery may change them.

Every change is one transaction at one site. It begins by asking whether this run may still change anything: a run that
was superseded, or whose lock was lost, does nothing more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import LiteralString

import psycopg
from psycopg.types.json import Jsonb

from twinmart import errors
from twinmart.db.connect import Connection, advisory_lock, mapped_errors
from twinmart.recover.journal import Record
from twinmart.replicate.ends import End, reach

LOCK = "recover"

Point = Callable[[], None]


def go_on() -> None:
    """Go on."""


class Sites:
    """The ends of links by site, and the lock of the run that works on them. Of those ``lost`` nothing is asked."""

    def __init__(self, ends: Mapping[int, End], *, point: Point = go_on, lost: Iterable[int] = ()) -> None:
        self.ends = dict(ends)
        self.point = point
        self.lost = frozenset(lost)
        self.keeper = 0
        self.run = ""
        self._number = 0
        self._lock: Connection | None = None
        self._held = ExitStack()

    @property
    def dsns(self) -> dict[int, str]:
        """Connection strings of the marts' owners, by site."""
        return {site: end.dsn for site, end in self.ends.items()}

    def take(self, keeper: int, run: str) -> int:
        """Take the lock at the keeper, and for a run the next number there.

        Raises:
            LockHeld: somebody else works on a recovery.
        """
        if self._lock is None:
            self._hold(keeper)
        self.keeper, self.run = keeper, run
        with mapped_errors(f"site {keeper}"):
            self._number = _next_number(self._connection(), run)
        return self._number

    def check_hold(self) -> None:
        """Raise unless the lock is ours and no later run has begun.

        Raises:
            ConnectionLost: the lock was lost with its connection.
            RunSuperseded: a later run has begun.
        """
        with mapped_errors(f"site {self.keeper}"):
            # Without a lock on the row, which would end with this statement and costs a write to the disk.
            self._check(_number(self._connection(), "SELECT number FROM ops.recovery_fence"))

    def check_number(self, connection: Connection) -> None:
        """Raise if a later run has begun; keeps others from beginning one until the transaction ends."""
        self._check(_number(connection, "SELECT number FROM ops.recovery_fence FOR SHARE"))

    def _check(self, number: int | None) -> None:
        if number is not None and number > self._number:
            raise errors.RunSuperseded(
                "another run of a recovery has begun", detail="nothing was changed by this step",
                hint="Look with: twinmart runs list.",
            )  # fmt: skip

    def release(self) -> None:
        """Let the lock go."""
        with suppress(errors.MartError, psycopg.Error):
            self._held.close()
        self._lock = None

    @contextmanager
    def session(self, site: int) -> Iterator[Connection]:
        """Give a connection that may write where fences stand, each statement for itself."""
        with reach(self.ends[site], "recover") as connection:
            yield connection

    def begin_act(self) -> None:
        """Go on only as the run that may still change things."""
        self.point()
        self.check_hold()

    @contextmanager
    def change(self, site: int) -> Iterator[Connection]:
        """Give a transaction at a site, of a run that may still change things."""
        self.begin_act()
        with self.session(site) as connection, connection.transaction():
            if site == self.keeper:
                self.check_number(connection)
            yield connection
        self.point()

    def forget(self, *marks: str) -> None:
        """Take marks of the run away."""
        with self.change(self.keeper) as connection:
            connection.execute(
                "DELETE FROM ops.recovery_mark WHERE run = %s AND mark = ANY (%s)", (self.run, list(marks))
            )

    def mark(self, mark: str) -> None:
        """Leave a mark of the run at the site that keeps its journal."""
        with self.change(self.keeper) as connection:
            connection.execute(
                "INSERT INTO ops.recovery_mark (run, mark) VALUES (%s, %s) ON CONFLICT DO NOTHING", (self.run, mark)
            )

    def mirror(self, record: Record) -> None:
        """Copy a record of the journal into the keeper's database, if it can take it."""
        if self._lock is None:
            return
        with mapped_errors(f"site {self.keeper}"):
            if not has_recovery(self._lock):
                return
            with self._lock.transaction():
                # What holds is in the file; this need not be on the disk before the run goes on.
                self._lock.execute("SET LOCAL synchronous_commit = off")
                self._lock.execute(
                    "INSERT INTO ops.recovery_record VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    (
                        record.run,
                        record.seq,
                        record.at,
                        record.kind,
                        record.step,
                        Jsonb(dict(record.data)),
                        record.hash,
                    ),
                )

    def _hold(self, keeper: int) -> None:
        """Open a connection that holds the lock as long as it lives."""
        with ExitStack() as opening:
            connection = opening.enter_context(reach(self.ends[keeper], "recover"))
            opening.enter_context(advisory_lock(connection, LOCK))
            self._lock, self._held = connection, opening.pop_all()

    def _connection(self) -> Connection:
        if self._lock is None or self._lock.closed:
            raise errors.ConnectionLost(
                "the lock of recoveries was lost",
                hint="Look with: twinmart runs list. Then run the same command again.",
            )
        return self._lock


def _next_number(connection: Connection, run: str) -> int:
    """Return the next number of runs; a mart that is behind has none, and the lock alone must do."""
    if not has_recovery(connection):
        return 0
    row = connection.execute(
        "UPDATE ops.recovery_fence SET number = number + 1, run = %s, changed_at = now() RETURNING number", (run,)
    ).fetchone()
    return int(row[0]) if row else 0


def _number(connection: Connection, asking: LiteralString) -> int | None:
    if not has_recovery(connection):
        return None
    row = connection.execute(asking).fetchone()
    return int(row[0]) if row else None


def has_recovery(connection: Connection) -> bool:
    """Whether a mart has the tables of recoveries; one that is far behind has not."""
    return connection.execute("SELECT to_regclass('ops.recovery_fence') IS NOT NULL").fetchone() == (True,)
