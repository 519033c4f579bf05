"""What the scheduler begins next: what is due, less what is held, runs already, must wait, or was just tried."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from twinmart.collect.pauses import Pauses
from twinmart.etl.cycle import BOTH
from twinmart.jobs.catalogue import Catalogue
from twinmart.jobs.schedule import CYCLE, Schedule

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

AGGREGATE = "aggregate"


@dataclass(frozen=True, slots=True)
class Due:
    """A job that is to begin now: the instant of the schedule that it serves, and when the schedule ends it."""

    job: str
    at: datetime | None
    until: datetime | None = None


@dataclass(slots=True)
class Agenda:
    """The scheduler's memory. Instants that passed while a job could not run are caught up by one run, for the last."""

    catalogue: Catalogue
    began_at: datetime
    schedule: Schedule = field(default_factory=Schedule)
    served: dict[str, datetime] = field(default_factory=dict)
    _retry_at: dict[str, datetime] = field(default_factory=dict)
    _pauses: dict[str, Pauses] = field(default_factory=dict)

    def due(self, now: datetime, held: Collection[str], running: Collection[str]) -> list[Due]:
        """Return the jobs other than cycles that are to begin now; none of them excludes another or one that runs."""
        found: list[Due] = []
        if not self.schedule.is_on:
            return found
        for job in self.schedule.minutes:
            at = self.schedule.latest(job, self.served.get(job, self._known_from(job)), now)
            if at is None or job in held or job in running or self.must_wait(job, now):
                continue
            until = at + self.schedule.aggregate_for if job == AGGREGATE else None
            if until is not None and now >= until:
                self.served[job] = at
                continue
            busy = {*running, *(one.job for one in found)}
            if not self.catalogue.rivals(job, busy) and not self._is_kept_for_cycles(job, now):
                found.append(Due(job, at, until))
        return found

    def ends(self, due: Due) -> datetime | None:
        """Return when the schedule, as it is now, ends a job that it began; None where it leaves that to the job."""
        return None if due.until is None or due.at is None else due.at + self.schedule.aggregate_for

    def _known_from(self, job: str) -> datetime:
        """Return since when instants count that nobody has served; aggregation goes on for hours after its own."""
        return self.began_at - self.schedule.aggregate_for if job == AGGREGATE else self.began_at

    def cycle(self, now: datetime, held: Collection[str], busy: Collection[str]) -> tuple[frozenset[str], Due] | None:
        """Return the jobs of the cycle that is to begin now, or None; ``busy`` are jobs that run or wait to run."""
        parts = frozenset(part for part in self.parts(held) if not self.catalogue.rivals(part, busy))
        is_open = self.schedule.is_on and self.schedule.cycles_until(now) is not None
        if not parts or not is_open or self._one_runs(busy) or self.must_wait(CYCLE, now):
            return None
        if self.schedule.is_continuous:
            return parts, Due(CYCLE, None)
        at = self.schedule.latest(CYCLE, self.served.get(CYCLE, LONG_AGO), now)
        if at is None:
            return None
        self.served[CYCLE] = at
        return parts, Due(CYCLE, at)

    def parts(self, held: Collection[str]) -> frozenset[str]:
        """Return the jobs of a cycle that are not held."""
        known = {job.name for job in self.catalogue if job.is_of_cycle}
        return frozenset(known & BOTH) - set(held)

    def goes_on(self, now: datetime, parts: frozenset[str], held: Collection[str]) -> bool:
        """Whether cycles without a pause are to go on as they were begun."""
        schedule = self.schedule
        is_open = schedule.is_on and schedule.cycles_until(now) is not None
        return is_open and schedule.is_continuous and parts == self.parts(held)

    def ended(self, due: Due, now: datetime, *, well: bool, served: bool) -> None:
        """Note how a job ended: one that did not end well is tried again, first soon and then more rarely."""
        if served and due.at is not None:
            self.served[due.job] = max(due.at, self.served.get(due.job, due.at))
        if well:
            self._pauses.pop(due.job, None)
            self._retry_at.pop(due.job, None)
        else:
            pause_s = self._pauses.setdefault(due.job, Pauses(1.0, 60.0)).next()
            self._retry_at[due.job] = now + timedelta(seconds=pause_s)

    def next_at(self, job: str, now: datetime, held: Collection[str]) -> datetime | None:
        """Return when the schedule begins a job next; None when it does not."""
        name = CYCLE if job in BOTH else job
        if job in held or not self.schedule.is_on:
            return None
        return self.schedule.following(name, now)

    def _one_runs(self, busy: Collection[str]) -> bool:
        """Whether one of the jobs of a cycle runs, which share one lock."""
        return any(job.is_of_cycle for job in self.catalogue if job.name in busy)

    def must_wait(self, job: str, now: datetime) -> bool:
        """Whether a job that did not end well is to be left alone for a while."""
        return self._retry_at.get(job, LONG_AGO) > now

    def _is_kept_for_cycles(self, job: str, now: datetime) -> bool:
        """Whether a late job has to leave the window to the cycles that it would hold up."""
        return bool(self.catalogue.rivals(job, BOTH)) and self.schedule.cycles_until(now) is not None
