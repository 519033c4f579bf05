"""Runs one job with everything around its work: its locks, its row in the history, and what becomes of an error."""

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from twinmart.db.connect import Connection, advisory_lock, mapped_errors
from twinmart.errors import JobExcluded, LockHeld, MartError, without_secrets
from twinmart.jobs.book import Book, Run, open_writer
from twinmart.jobs.catalogue import Catalogue, Job, Tell
from twinmart.jobs.stop import BY_REQUEST, BY_SCHEDULE, Stop

log = structlog.get_logger(__name__)

# A job that goes on looks so often for something new.
AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: done, failed or stopped."""

    run: Run
    status: str
    message: str
    error: MartError | None = None


def run_job(
    catalogue: Catalogue,
    job: Job,
    run: Run,
    site: int,
    dsns: Mapping[int, str],
    stop: Stop,
    tell: Tell | None = None,
    *,
    is_repeated: bool = False,
) -> Ended:
    """Run a job and return how it ended; what it raised is in the answer and in the log.

    One that is repeated goes on with what is new until it is told to stop; else it ends when nothing is left to do.

    Raises:
        JobExcluded: it runs already, or a job that excludes it does; nothing was changed.
        MartError: the mart's server gave no answer before the job began.
    """
    with job_locks(catalogue, job, dsns[site]), closing(Book(site, dsns[site])) as book:
        book.begin(run)
        log.info("job.started", job=job.name, run=str(run.run), cause=run.cause)

        def work() -> Mapping[str, Any]:
            return job.function()(site, dsns, stop=stop, tell=tell)

        ended = attempt(run, stop, partial(_repeated, work, run, stop, book) if is_repeated else work)
        with suppress(MartError):
            book.end(run, ended.status, ended.message)
    return ended


def _repeated(work: Callable[[], Mapping[str, Any]], run: Run, stop: Stop, book: Book) -> Mapping[str, Any]:
    """Do the work over and over until told to stop, and add up what it says of itself."""
    total: dict[str, Any] = {}
    while True:
        did = work()
        total = {name: _added(total.get(name), value) for name, value in did.items()}
        if stop.wait(AGAIN_S):
            return total
        if _rows(did):
            run.rows, run.cycles, run.summary = _rows(total), run.cycles + 1, total
            with suppress(MartError):
                book.note(run)


def _added(before: object, value: object) -> object:
    """Return the sum of two counts, or what was said last of anything else."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and isinstance(before, int)
    return before + value if is_count else value  # type: ignore[operator]


def _rows(summary: Mapping[str, Any]) -> int | None:
    """Return how many rows a job says it concerned."""
    found = summary.get("rows", summary.get("rows_changed"))
    return found if isinstance(found, int) else None


def attempt(run: Run, stop: Stop, work: Callable[[], Mapping[str, Any]]) -> Ended:
    """Do the work of a run and say how it ended, an error included; nothing but that is raised that ends a process."""
    try:
        run.summary = work()
    except MartError as error:
        log.error("job.failed", id="55-20049", job=run.job, run=str(run.run), **error.to_json())
        return Ended(run, "failed", f"{error.code}: {error.message}", error)
    except Exception as error:  # noqa: BLE001  a mistake in one job must not end the server
        told = without_secrets("".join(traceback.format_exception(error)))
        log.error("job.failed", id="55-20049", job=run.job, run=str(run.run), exception=told)
        return Ended(run, "failed", f"a mistake in Twinmart itself: {without_secrets(repr(error))}")
    run.rows = _rows(run.summary)
    status, message = "done", "done"
    if stop.is_set() and stop.by != BY_SCHEDULE:
        run.summary = {**run.summary, "stopped_by": stop.by}
        status, message = "stopped", f"stopped at a safe point by the {stop.by or BY_REQUEST}"
    log.info("job.ended", job=run.job, run=str(run.run), status=status, rows=run.rows)
    return Ended(run, status, message)


@contextmanager
def job_locks(catalogue: Catalogue, job: Job, dsn: str) -> Iterator[Connection]:
    """Hold what no rival of a job may run beside: its own lock alone, and those of its rivals together with others.

    The lock of a cycle is left to the loader, which takes it by itself.

    Raises:
        JobExcluded: the job or a rival runs.
    """
    with ExitStack() as held:
        connection = held.enter_context(open_writer(dsn, f"twinmart job {job.name}"))
        # Rivals first: one that runs shares our lock, and would be taken for a run of our own.
        wanted = [(name, catalogue.get(name).lock, True) for name in catalogue.rivals(job.name)]
        wanted += [] if job.is_of_cycle else [(job.name, job.lock, False)]
        with mapped_errors(f'the lock of job "{job.name}"'):
            for name, lock, is_shared in wanted:
                try:
                    held.enter_context(advisory_lock(connection, lock, shared=is_shared))
                except LockHeld as error:
                    raise excluded(catalogue, job.name, name, error.detail) from None
        yield connection


def excluded(catalogue: Catalogue, wanted: str, running: str, detail: str | None = None) -> JobExcluded:
    """Return the error that says why a job cannot run now."""
    why = catalogue.excludes(wanted, running)
    return JobExcluded(
        f'job "{wanted}" cannot run: job "{running}" does' if why else f'job "{wanted}" runs already',
        detail="\n".join(filter(None, (why.why if why else None, detail))) or None,
        hint=f"Nothing was changed. Look with: twinmart jobs list; end it with: twinmart jobs stop {running}.",
    )
