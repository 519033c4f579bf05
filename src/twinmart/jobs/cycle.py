"""Extraction and transformation as jobs: two rows of the history for what one loader does.

Cycles that follow one another without a pause are one run of each job, so that a history stays readable; a new run is
begun every quarter of an hour. Cycles that have nothing to do leave no trace.
"""

import time
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from threading import Event as Signal
from typing import Any

import structlog

from twinmart.errors import MartError, without_secrets
from twinmart.etl.cycle import EXTRACT, TRANSFORM, Cycle
from twinmart.etl.loop import catch_up, follow
from twinmart.jobs.book import Book, Run
from twinmart.jobs.catalogue import Tell
from twinmart.jobs.stop import BY_SCHEDULE, Stop

log = structlog.get_logger(__name__)

# A run of cycles without a pause is written down so often, and a new one begun so often.
NOTED_EVERY_S = 5.0
RUN_S = 900.0


def extract(site: int, dsns: Mapping[int, str], *, stop: Signal, tell: Tell | None = None) -> Mapping[str, Any]:
    """Take what is new in the interaction databases."""
    return _once(EXTRACT, site, dsns, stop, tell)


def transform(site: int, dsns: Mapping[int, str], *, stop: Signal, tell: Tell | None = None) -> Mapping[str, Any]:
    """Load what follows from the events taken."""
    return _once(TRANSFORM, site, dsns, stop, tell)


def _once(part: str, site: int, dsns: Mapping[int, str], stop: Signal, tell: Tell | None) -> Mapping[str, Any]:
    def say(cycle: Cycle) -> None:
        if tell:
            tell(_said(part, cycle))

    return _summary(part, catch_up(site, dsns, stop=stop, tell=say, parts=frozenset({part})))


def _summary(part: str, cycle: Cycle) -> dict[str, Any]:
    if part == EXTRACT:
        lost = {str(number): error.message for number, error in cycle.unreachable.items()}
        return {"rows": cycle.events, "rows_read": sum(taken.rows_read for taken in cycle.taken), "unreachable": lost}
    return {
        "rows": cycle.rows_changed,
        "interactions": cycle.interactions,
        "agents": sum(done.resources for done in cycle.transformed),
        "discarded": sum(done.discarded for done in cycle.transformed),
    }


def _said(part: str, cycle: Cycle) -> str:
    if part == EXTRACT:
        return f"{cycle.events:,} events taken"
    return f"{cycle.interactions:,} interactions computed"


class Cycles:
    """The loader at work for the server: one cycle, or cycle after cycle, with the history of both jobs.

    ``parts`` are the jobs that take part.
    """

    def __init__(self, site: int, dsns: Mapping[int, str], parts: frozenset[str], due_at: datetime | None) -> None:
        self.parts = parts
        self.messages: dict[str, str] = {}
        self.runs: dict[str, Run] = {}
        self._site = site
        self._dsns = dsns
        self._due_at = due_at
        self._book = Book(site, dsns[site])
        # Rows of the cycles before the one that goes on.
        self._before: dict[str, int] = {}
        self._began = self._noted = time.monotonic()

    def work(self, stop: Stop, *, enough: Signal | None = None) -> None:
        """Run one cycle; with ``enough`` cycle after cycle until that is set, which takes effect between two of them.

        Raises:
            MartError: what does not pass by itself, see ``follow`` and ``catch_up``; it is in the history.
        """
        site, dsns, parts = self._site, self._dsns, self.parts
        with closing(self._book):
            try:
                if enough is None:
                    self._done(catch_up(site, dsns, tell=self._told, stop=stop, parts=parts), 0.0)
                else:
                    follow(site, dsns, stop, tell=self._told, done=self._done, enough=enough, parts=parts)
            except Exception as error:
                self._fail(error)
                raise
            stopped = stop.is_set() and stop.by != BY_SCHEDULE
            for run in self.runs.values():
                run.summary = {**run.summary, "stopped_by": stop.by} if stopped else run.summary
            self._end("stopped" if stopped else "done")

    def _told(self, cycle: Cycle) -> None:
        """Note how far the cycle is."""
        self.messages = {part: _said(part, cycle) for part in self.parts}
        for part in sorted(self.parts):
            if cycle.taken if part == EXTRACT else cycle.transformed:
                run = self.runs.get(part) or self._begin(part, cycle.began_at)
                run.summary = _summary(part, cycle)
                run.rows = self._before.get(part, 0) + int(run.summary["rows"])
        if time.monotonic() - self._noted > NOTED_EVERY_S:
            self._noted = time.monotonic()
            for run in self.runs.values():
                with suppress(MartError):
                    self._book.note(run, self.messages[run.job])

    def _done(self, cycle: Cycle, _spent_s: float) -> None:
        """Add a cycle that is over to its run; a run that has lasted is ended, and the next cycle begins another."""
        self._told(cycle)
        for part, run in self.runs.items():
            self._before[part] = run.rows or 0
            run.cycles += 1
        if time.monotonic() - self._began > RUN_S:
            self._end("done")
            self._began = time.monotonic()

    def _begin(self, part: str, began_at: datetime) -> Run:
        # A history that cannot be written must not keep events from becoming facts; its end makes up for its begin.
        run = self.runs[part] = Run(part, "schedule", self._due_at, started_at=began_at, cycles=0)
        with suppress(MartError):
            self._book.begin(run)
        return run

    def _end(self, status: str) -> None:
        for run in self.runs.values():
            log.info("job.ended", job=run.job, run=str(run.run), status=status, rows=run.rows, cycles=run.cycles)
            with suppress(MartError):
                self._book.end(run, status, status if status == "done" else "stopped at a safe point")
        self.runs.clear()
        self._before.clear()

    def _fail(self, error: Exception) -> None:
        told = error.to_json() if isinstance(error, MartError) else {"exception": without_secrets(repr(error))}
        if not self.runs:
            self._begin(min(self.parts), datetime.now(UTC))
        for run in self.runs.values():
            log.error("job.failed", id="55-20049", job=run.job, run=str(run.run), **told)
            with suppress(MartError):
                self._book.end(run, "failed", str(told.get("message") or told["exception"]))
        self.runs.clear()
