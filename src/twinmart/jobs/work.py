"""Jobs at work in threads of the mart server."""

from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event as Signal
from threading import Thread

import structlog

from twinmart.errors import MartError
from twinmart.jobs.agenda import Due
from twinmart.jobs.book import Book, Run
from twinmart.jobs.catalogue import Catalogue, Job
from twinmart.jobs.cycle import Cycles
from twinmart.jobs.runner import Ended, run_job
from twinmart.jobs.stop import BY_REQUEST, Stop

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Work:
    """One job, or the jobs of a cycle together, in a thread."""

    jobs: frozenset[str]
    due: Due
    since: datetime
    run: Run | None = None
    cycles: Cycles | None = None
    stop: Stop = field(default_factory=Stop)
    # Ends cycles that follow one another between two of them.
    enough: Signal = field(default_factory=Signal)
    message: str | None = None
    ended: Ended | None = None
    error: MartError | None = None
    is_over: Signal = field(default_factory=Signal)

    def state(self) -> str:
        """Whether it goes on or has been told to stop."""
        return "stopping" if self.stop.is_set() else "running"

    def run_of(self, job: str) -> Run | None:
        """Return the run of one of its jobs; a cycle that has found nothing to do has none yet."""
        return self.cycles.runs.get(job) if self.cycles else self.run

    def how_far(self, job: str) -> str | None:
        """Say how far one of its jobs is."""
        return self.cycles.messages.get(job) if self.cycles else self.message

    @property
    def ended_well(self) -> bool:
        """Whether it need not be tried again soon."""
        return self.error is None and (self.ended is None or self.ended.status != "failed")

    @property
    def has_served(self) -> bool:
        """Whether the instant at which it was due needs no further run."""
        return self.ended_well and (not self.stop.is_set() or self.stop.by != "server")

    def begin(self, work: Callable[[], Ended | None]) -> None:
        """Begin in a thread; the process does not wait for it when it ends."""

        def run() -> None:
            try:
                self.ended = work()
            except MartError as error:
                self.error = error
                log.warning("job.not_begun", jobs=sorted(self.jobs), **error.to_json())
            except Exception as error:
                self.error = MartError(f"a mistake in Twinmart itself: {error!r}")
                log.exception("job.mistake", jobs=sorted(self.jobs))
            finally:
                self.is_over.set()

        Thread(target=run, name="+".join(sorted(self.jobs)), daemon=True).start()


def work_of_job(
    catalogue: Catalogue, job: Job, run: Run, due: Due, since: datetime, site: int, dsns: Mapping[int, str]
) -> Work:
    """Begin a run of a job; one that cannot begin is in the history as failed."""
    work = Work(frozenset({job.name}), due, since, run=run)

    def told(message: str) -> None:
        work.message = message

    def work_it() -> Ended:
        try:
            is_repeated = due.until is not None
            return run_job(catalogue, job, run, site, dsns, work.stop, told, is_repeated=is_repeated)
        except MartError as error:
            with closing(Book(site, dsns[site])) as book, suppress(MartError):
                book.end(run, "failed", f"{error.code}: {error.message}")
            raise

    work.begin(work_it)
    return work


def work_of_cycles(
    parts: frozenset[str], due: Due, since: datetime, site: int, dsns: Mapping[int, str], *, is_continuous: bool
) -> Work:
    """Begin a cycle, or cycles without a pause, and return them."""
    cycles = Cycles(site, dsns, parts, due.at)
    work = Work(parts, due, since, cycles=cycles)

    def run() -> None:
        cycles.work(work.stop, enough=work.enough if is_continuous else None)

    work.begin(run)
    return work


def ask_to_stop(work: Work, by: str = BY_REQUEST) -> None:
    """Tell a job to stop at its next safe point."""
    work.enough.set()
    work.stop.ask(by)
