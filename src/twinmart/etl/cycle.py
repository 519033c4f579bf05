"""One cycle of extraction and transformation at the active site, and the cycles that follow one another.

Extraction runs in one thread and transformation in another, on connections of their own: while one batch is
transformed, the next is taken. Both are told from the mart alone how far they are, so a cycle that is broken off is
resumed by the next one.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event as Signal
from typing import Self

import psycopg
import structlog

from twinmart import errors
from twinmart.collect.idb import Idb
from twinmart.config.sources import Collector, collectors
from twinmart.config.topology import heard_epoch
from twinmart.db.connect import Connection, advisory_lock, mapped_error, mapped_errors, session
from twinmart.db.migrate import schema_state
from twinmart.db.partitions import PartitionMemory
from twinmart.db.sqlfiles import sql_text
from twinmart.etl.delays import Delays
from twinmart.etl.extract import Extractor, Taken
from twinmart.etl.gaps import note_gaps
from twinmart.etl.idbs import Idbs
from twinmart.etl.peers import Peers
from twinmart.etl.standbys import Standbys
from twinmart.etl.transform import Transformed, Transformer, check_epoch

log = structlog.get_logger(__name__)

LOCK = "etl"

# Looking for them costs a tenth of a second where there are a hundred thousand numbers.
LOOK_EVERY_S = 30.0

# The jobs of a cycle; one of them may be left out, and the next cycle that has it catches up.
EXTRACT, TRANSFORM = "extract", "transform"
BOTH = frozenset({EXTRACT, TRANSFORM})


@dataclass(slots=True)
class Cycle:
    """What one cycle did."""

    taken: list[Taken] = field(default_factory=list)
    transformed: list[Transformed] = field(default_factory=list)
    unreachable: dict[int, errors.MartError] = field(default_factory=dict)
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def events(self) -> int:
        """Events that were new to the mart."""
        return sum(taken.rows_new for taken in self.taken)

    @property
    def interactions(self) -> int:
        """Interactions recomputed."""
        return sum(done.interactions for done in self.transformed)

    @property
    def rows_changed(self) -> int:
        """Fact rows inserted, changed or deleted."""
        return sum(done.rows_changed for done in self.transformed)


class Halt:
    """Tells two threads that work on one cycle when to stop, and one of them that the other has something for it."""

    def __init__(self, outside: Signal | None) -> None:
        self._outside = outside
        self._inside = Signal()
        self._news = Signal()

    def __bool__(self) -> bool:
        """Whether to stop, because somebody outside says so or because the other thread has ended."""
        return self._inside.is_set() or (self._outside is not None and self._outside.is_set())

    def now(self) -> None:
        """Stop the other thread at its next step."""
        self._inside.set()

    def news(self) -> None:
        """Say that there is something to do, or that there will be no more."""
        self._news.set()

    def wait_for_news(self) -> None:
        """Wait until there is something to do; no longer than a stop from outside may wait."""
        self._news.wait(0.2)
        self._news.clear()


class Etl:
    """Extraction and transformation into the mart of one site; one for each mart at a time, which a lock ensures.

    ``dsns`` are the connection strings of all sites by number; an interaction database at a site that cannot be reached
    is left for a later cycle, and its twin read meanwhile.
    """

    def __init__(self, site: int, dsns: Mapping[int, str]) -> None:
        self._site = site
        self._dsns = dict(dsns)
        self._open = ExitStack()
        self._look_at = 0.0
        self._prepared: set[int] = set()

    def __enter__(self) -> Self:
        """Connect and take the lock.

        Raises:
            LockHeld: another loader works on this mart.
            SiteFenced: this site is not the active one, or another site knows that it was replaced.
            NotReady: the mart was not migrated to this program's version; MartNewer: it was by a newer one.
        """
        with ExitStack() as opening:
            dsn = self._dsns[self._site]
            self._mart = opening.enter_context(session(dsn, application_name="twinmart transform", autocommit=True))
            if (obstacle := schema_state(self._mart).obstacle()) is not None:
                raise obstacle
            opening.enter_context(advisory_lock(self._mart, LOCK))
            side = opening.enter_context(session(dsn, application_name="twinmart partitions", autocommit=True))
            taking = opening.enter_context(session(dsn, application_name="twinmart extract", autocommit=True))
            row = self._mart.execute("SELECT active_site, epoch FROM cfg.topology").fetchone()
            active, epoch = row or (None, 0)
            if active != self._site:
                raise errors.SiteFenced(
                    f"site {self._site} must not load",
                    detail=f"site {active} is active since epoch {epoch}",
                    hint="Nothing was changed. Look with: twinmart status.",
                )
            self._peers = Peers(self._site, self._dsns)
            opening.callback(self._peers.stop)
            self._peers.remember(heard_epoch(self._mart))
            self._peers.start()
            self._peers.check(epoch)
            standbys = Standbys(self._site, self._dsns)
            self._extractor = Extractor(taking, PartitionMemory(standbys.make_partitions))
            self._delays = Delays(taking)
            self._transformer = Transformer(
                self._mart, side, self._site, epoch, partitions=PartitionMemory(standbys.make_partitions)
            )
            self._idbs = Idbs(self._site, self._dsns)
            opening.callback(self._idbs.close)
            # Left first, so that no connection is closed under the thread that works with it.
            self._threads = opening.enter_context(ThreadPoolExecutor(1, "extract"))
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Let the lock and the connections go."""
        self._open.close()

    def cycle(
        self,
        *,
        tell: Callable[[Cycle], None] | None = None,
        stop: Signal | None = None,
        parts: frozenset[str] = BOTH,
    ) -> Cycle:
        """Extract everything that is there and transform until nothing is left, or until told to stop.

        ``tell`` is called after every step. A stop takes effect between steps, each of which is committed. ``parts``
        are the jobs that the cycle has.
        """
        cycle = Cycle()
        halt = Halt(stop)
        extract = self._extract_all if EXTRACT in parts else _nothing
        with mapped_errors(f"the mart of site {self._site}", dsn=self._dsns[self._site]):
            extracting = self._threads.submit(extract, cycle, halt)
            # Told when it is known to be done: told by its last line, the other thread would look too soon, and wait.
            extracting.add_done_callback(lambda _: halt.news())
            try:
                if TRANSFORM in parts:
                    self._transform_all(cycle, extracting, halt, tell)
                else:
                    extracting.result()
            finally:
                # Whatever ended the loop, the other thread shall not go on behind our back.
                halt.now()
            extracting.result()
            if cycle.taken and time.monotonic() >= self._look_at:
                self._look()
        return cycle

    def take(self, idb: Connection, collector: Collector) -> tuple[int, int]:
        """Take what an interaction database has that is not extracted in cycles, such as a lost site's that came back.

        Returns how many events were read and how many of them were new; each step is committed with its mark.
        """
        read = new = 0
        while True:
            taken = self._extractor.extract(idb, collector, fill_only=True)
            read, new = read + taken.rows_read, new + taken.rows_new
            if taken.is_all:
                return read, new

    def _look(self) -> None:
        """Make objects of agents and queues that events named first, and close losses that came in after all.

        Now and then is enough.
        """
        self._look_at = time.monotonic() + LOOK_EVERY_S
        with self._mart.transaction():
            check_epoch(self._mart, self._site, self._transformer.epoch)
            self._mart.execute(sql_text("config/discover"))
            self._mart.execute(sql_text("extract/end_loss"))
            self._mart.execute(sql_text("extract/close_loss"))

    def _transform_all(
        self, cycle: Cycle, extracting: Future[None], halt: Halt, tell: Callable[[Cycle], None] | None
    ) -> None:
        """Transform until nothing is left and nothing more is coming."""
        while not halt:
            self._peers.check(self._transformer.epoch)
            extracted = extracting.done()
            done = self._transformer.transform()
            if done.calls or done.resources:
                cycle.transformed.append(done)
                if tell:
                    tell(cycle)
            elif extracted:
                return
            else:
                halt.wait_for_news()

    def _extract_all(self, cycle: Cycle, halt: Halt) -> None:
        try:
            for source, twins in self._by_source().items():
                for nearest, collector in enumerate(sorted(twins, key=lambda one: (one.site != self._site, one.twin))):
                    self._extract_one(cycle, collector, halt, fill_only=nearest > 0)
                note_gaps(self._extractor.mart, source, twins, self._idbs.connections)
                self._delays.note(source, twins, self._idbs.connections)
        finally:
            cycle.unreachable.update(self._idbs.missed)

    def _extract_one(self, cycle: Cycle, collector: Collector, halt: Halt, *, fill_only: bool) -> None:
        """Take everything from one interaction database; one that is lost meanwhile is left for the next cycle."""
        idb = self._idbs.get(collector.site)
        if idb is not None and collector.key not in self._prepared:
            self._prepare(idb, collector)
        while idb is not None and not halt:
            self._peers.check(self._transformer.epoch)
            try:
                taken = self._extractor.extract(idb, collector, fill_only=fill_only)
            except psycopg.OperationalError as error:
                if not idb.broken or self._extractor.mart.broken:
                    raise
                lost = f"site {collector.site} was lost while its events were read"
                why = mapped_error(error, f"site {collector.site}") or errors.ConnectionLost(lost, detail=str(error))
                self._idbs.lose(collector.site, why)
                return
            if taken.rows_read:
                cycle.taken.append(taken)
                halt.news()
            if taken.is_all:
                return

    def _prepare(self, idb: Connection, collector: Collector) -> None:
        """Make the indexes that an interaction database lacks; without them it is read all the same, only slowly."""
        self._prepared.add(collector.key)
        try:
            made = Idb.prepare(idb, collector.idb_schema)
        except psycopg.Error as error:
            log.warning("idb.not_prepared", collector=collector.name, why=str(error))
            return
        if made:
            log.info("idb.prepared", collector=collector.name, made=made)

    def _by_source(self) -> dict[int, list[Collector]]:
        found: dict[int, list[Collector]] = {}
        for collector in collectors(self._extractor.mart):
            if collector.extracted:
                found.setdefault(collector.source_key, []).append(collector)
        return found


def _nothing(cycle: Cycle, halt: Halt) -> None:
    """Stand in for an extraction that is left out."""


def run_once(site: int, dsns: Mapping[int, str], *, tell: Callable[[Cycle], None] | None = None) -> Cycle:
    """Bring the mart of the active site up to date and return what was done.

    Raises:
        LockHeld: another loader works on this mart.
        SiteFenced: the site is not the active one.
    """
    with Etl(site, dsns) as etl:
        return etl.cycle(tell=tell)
