"""The real world of recoveries: the sites' PostgreSQL, looked at and acted upon.

Every change is one transaction at one site. It begins by asking whether this run may still change anything: a run that
was superseded, or whose lock was lost, does nothing more.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from threading import Thread
from typing import LiteralString

import psycopg
from psycopg.types.json import Jsonb

from twinmart import errors
from twinmart.db.connect import Connection, advisory_lock, mapped_errors
from twinmart.recover.configuration import SiteConfiguration, has_recovery
from twinmart.recover.facts import silent, site_facts
from twinmart.recover.journal import Record
from twinmart.recover.links import SiteLinks
from twinmart.recover.marts import SiteMarts
from twinmart.recover.model import Facts, SiteFacts
from twinmart.replicate.ends import End, reach

LOCK = "recover"

# A site is waited for so long before it is said to give no answer. One that gave none is waited for but a moment when
# it is asked again: a run asks dozens of times, and a lost site may keep its address and say nothing.
ANSWER_S = 3
MOMENT_S = 0.3

Point = Callable[[], None]


def _no_point() -> None:
    """Go on."""


class SiteWorld:
    """The sites of a folder, by the ends of their links. ``start`` starts a site's PostgreSQL, ``serve`` its server."""

    def __init__(
        self,
        ends: Mapping[int, End],
        *,
        point: Point = _no_point,
        lost: Iterable[int] = (),
        start: Callable[[int], None] | None = None,
        serve: Callable[[int], None] | None = None,
    ) -> None:
        self.ends = dict(ends)
        self.point = point
        self.lost = frozenset(lost)
        self.start = start
        self.serve = serve
        self.keeper = 0
        self.run = ""
        self.links = SiteLinks(self)
        self.configuration = SiteConfiguration(self)
        self.marts = SiteMarts(self)
        self._number = 0
        self._lock: Connection | None = None
        self._held: Iterator[None] | None = None
        self._eyes: dict[str, Connection] = {}
        self._open = ExitStack()
        self._mute: set[int] = set()

    @property
    def dsns(self) -> dict[int, str]:
        """Connection strings of the marts' owners, by site."""
        return {site: end.dsn for site, end in self.ends.items()}

    def facts(self, sites: Iterable[int]) -> Facts:
        """Ask the sites, all at once."""
        asked = {site: self._ask(site) for site in sorted(set(sites))}
        return Facts(datetime.now(UTC), {site: self._heard(site, answer) for site, answer in asked.items()})

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
        held, self._held = self._held, None
        self._open.close()
        self._eyes = {}
        if held is not None:
            with suppress(StopIteration, errors.MartError, psycopg.Error):
                next(held)
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

    def _ask(self, site: int) -> Future[SiteFacts]:
        """Ask a site in a thread of its own, which nobody waits for when the process ends."""
        answer: Future[SiteFacts] = Future()

        def run() -> None:
            try:
                answer.set_result(self._facts(site))
            except BaseException as error:  # noqa: BLE001  it is raised where the answer is taken
                answer.set_exception(error)

        Thread(target=run, name=f"facts of site {site}", daemon=True).start()
        return answer

    def _heard(self, site: int, answer: Future[SiteFacts]) -> SiteFacts:
        began = time.monotonic()
        is_mute = site in self._mute
        try:
            found = answer.result(MOMENT_S if is_mute else ANSWER_S if self._is_watched(site) else None)
        except FutureTimeout:
            if is_mute:
                return SiteFacts(site, answers=False, why_not="it gives no answer still")
            # It may be the line of the connection that is kept which is dead.
            self._eyes.pop(self.ends[site].reach, None)
            found = self._ask(site).result()
        if found.answers:
            self._mute.discard(site)
        elif time.monotonic() - began > 1:
            self._mute.add(site)
        return found

    def _is_watched(self, site: int) -> bool:
        return site in self.ends and self.ends[site].reach in self._eyes

    def _facts(self, site: int) -> SiteFacts:
        end = self.ends.get(site)
        if end is None:
            return SiteFacts(site, answers=False, why_not="it is not in the folder of sites")
        kept = self._eyes.get(end.reach)
        if kept is not None:
            # It may have ended with a server that was started anew since; then a new one is opened.
            with suppress(errors.MartError), mapped_errors(end.place):
                return site_facts(kept, site, self.run)
            if self._eyes.get(end.reach) is kept:
                del self._eyes[end.reach]
        try:
            with self._look(end) as connection:
                return site_facts(connection, site, self.run)
        except (errors.SiteUnreachable, errors.LoginRefused, errors.TookTooLong) as error:
            return silent(site, error)

    @contextmanager
    def _look(self, end: End) -> Iterator[Connection]:
        """Give a new connection to look with; it is kept as long as the lock is, since a run looks dozens of times."""
        with ExitStack() as passing:
            stack = passing if self._lock is None else self._open
            connection = stack.enter_context(reach(end, "recover", statement_timeout_s=30, connect_timeout_s=ANSWER_S))
            with mapped_errors(end.place):
                yield connection
            if stack is self._open:
                self._eyes[end.reach] = connection

    def _hold(self, keeper: int) -> None:
        """Open a connection that holds the lock as long as it lives."""

        def hold() -> Iterator[None]:
            with reach(self.ends[keeper], "recover") as connection, advisory_lock(connection, LOCK):
                self._lock = connection
                yield

        held = hold()
        next(held)
        self._held = held

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
