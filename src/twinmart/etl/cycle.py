"""One cycle of extraction and transformation at the active site, and the cycles that follow one another.

Extraction runs in one thread and transformation in another, on connections of their own: while one batch is
transformed, the next is taken. Both are told from the mart alone how far they are, so a cycle that is broken off is
resumed by the next one.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event as Signal
from typing import Self

from twinmart import errors
from twinmart.config.sources import Collector, collectors
from twinmart.db.connect import Connection, advisory_lock, session
from twinmart.etl.extract import Extractor, Taken
from twinmart.etl.gaps import note_gaps
from twinmart.etl.transform import Transformed, Transformer

LOCK = "etl"


@dataclass(slots=True)
class Cycle:
    """What one cycle did."""

    taken: list[Taken] = field(default_factory=list)
    transformed: list[Transformed] = field(default_factory=list)
    unreachable: dict[int, errors.MartError] = field(default_factory=dict)

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


class Etl:
    """Extraction and transformation into the mart of one site; one for each mart at a time, which a lock ensures.

    ``dsns`` are the connection strings of all sites by number; an interaction database at a site that cannot be reached
    is left for the next cycle, and its twin read meanwhile.
    """

    def __init__(self, site: int, dsns: Mapping[int, str]) -> None:
        self._site = site
        self._dsns = dict(dsns)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Connect and take the lock.

        Raises:
            LockHeld: another loader works on this mart.
            SiteFenced: this site is not the active one.
        """
        with ExitStack() as opening:
            dsn = self._dsns[self._site]
            self._mart = opening.enter_context(session(dsn, application_name="twinmart transform", autocommit=True))
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
            self._extractor = Extractor(taking)
            self._transformer = Transformer(self._mart, side, self._site, epoch)
            self._threads = opening.enter_context(ThreadPoolExecutor(1, "extract"))
            self._idbs: dict[int, Connection] = {}
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Let the lock and the connections go."""
        self._open.close()

    def cycle(self, *, tell: Callable[[Cycle], None] | None = None, stop: Signal | None = None) -> Cycle:
        """Extract everything that is there and transform until nothing is left, or until told to stop.

        ``tell`` is called after every step. A stop takes effect between steps, each of which is committed.
        """
        cycle = Cycle()
        stop = stop or Signal()
        extracting = self._threads.submit(self._extract_all, cycle, stop)
        while True:
            extracted = extracting.done()
            done = self._transformer.transform()
            if done.calls or done.resources:
                cycle.transformed.append(done)
                if tell:
                    tell(cycle)
            elif extracted or stop.is_set():
                break
            elif extracting.done() is False:
                stop.wait(0.005)
        extracting.result()
        return cycle

    def _extract_all(self, cycle: Cycle, stop: Signal) -> None:
        for source, twins in self._by_source().items():
            for nearest, collector in enumerate(sorted(twins, key=lambda one: (one.site != self._site, one.twin))):
                idb = self._idb(collector.site, cycle)
                while idb is not None and not stop.is_set():
                    taken = self._extractor.extract(idb, collector, fill_only=nearest > 0)
                    if taken.rows_read:
                        cycle.taken.append(taken)
                    if taken.is_all:
                        break
            note_gaps(self._extractor.mart, source, twins, self._idbs)

    def _by_source(self) -> dict[int, list[Collector]]:
        found: dict[int, list[Collector]] = {}
        for collector in collectors(self._extractor.mart):
            if collector.enabled:
                found.setdefault(collector.source_key, []).append(collector)
        return found

    def _idb(self, site: int, cycle: Cycle) -> Connection | None:
        """Return a connection to the interaction databases at a site, or None if the site does not answer."""
        known = self._idbs.get(site)
        if known is not None and not known.closed and not known.broken:
            return known
        if site not in self._dsns:
            return None
        try:
            fresh = self._open.enter_context(
                session(self._dsns[site], application_name="twinmart extract", autocommit=True)
            )
        except errors.MartError as error:
            if site == self._site:
                raise
            cycle.unreachable[site] = error
            return None
        self._idbs[site] = fresh
        return fresh


def run_once(site: int, dsns: Mapping[int, str], *, tell: Callable[[Cycle], None] | None = None) -> Cycle:
    """Bring the mart of the active site up to date and return what was done.

    Raises:
        LockHeld: another loader works on this mart.
        SiteFenced: the site is not the active one.
    """
    with Etl(site, dsns) as etl:
        return etl.cycle(tell=tell)
