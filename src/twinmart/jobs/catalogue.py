"""The table of jobs: what each is for, what runs it, and which must not run beside one another.

A body is ``body(site, dsns, *, stop, tell)``: it does its work in steps that are committed each, returns what it did as
data for JSON, and returns soon after ``stop`` is set.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from threading import Event as Signal
from typing import Any, Protocol, cast

from twinmart.errors import UnknownJob
from twinmart.etl.cycle import LOCK

Tell = Callable[[str], None]


class Body(Protocol):
    """What does the work of a job."""

    def __call__(
        self, site: int, dsns: Mapping[int, str], *, stop: Signal, tell: Tell | None = None
    ) -> Mapping[str, Any]:
        """Do it, or go on with it, and return what was done."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job. ``body`` is ``module:function``, looked up when it runs, or the function itself.

    ``at_standby`` and ``in_migration`` say in which states of the mart server it may run beside the usual ones.
    """

    name: str
    original: str
    sentence: str
    when: str
    body: str | Body
    at_standby: bool = False
    in_migration: bool = False

    @property
    def lock(self) -> str:
        """Name of the database lock of which a run of this job is the only holder."""
        return LOCK if self.is_of_cycle else f"job {self.name}"

    @property
    def is_of_cycle(self) -> bool:
        """Whether it is one of the two jobs of a cycle, which share one lock and one run of the loader."""
        return self.name in {"extract", "transform"}

    def function(self) -> Body:
        """Return the body."""
        if not isinstance(self.body, str):
            return self.body
        module, _, name = self.body.partition(":")
        return cast("Body", getattr(import_module(module), name))


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Two jobs that must not run beside one another, and why; ``*`` stands for every other job."""

    one: str
    other: str
    why: str

    def covers(self, one: str, other: str) -> bool:
        """Whether it speaks of these two, in any order."""
        return one != other and any(
            self.one == first and self.other in {second, "*"} for first, second in ((one, other), (other, one))
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Jobs by name or by the original's name, and what excludes what."""

    jobs: tuple[Job, ...]
    exclusions: tuple[Exclusion, ...] = ()

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs)

    def get(self, name: str) -> Job:
        """Return the job of a name.

        Raises:
            UnknownJob: there is none.
        """
        for job in self.jobs:
            if name.lower() in {job.name, job.original.lower()}:
                return job
        known = ", ".join(job.name for job in self.jobs)
        raise UnknownJob(f'there is no job "{name}"', detail=f"jobs: {known}", hint="See: twinmart jobs list.")

    def excludes(self, one: str, other: str) -> Exclusion | None:
        """Return why two jobs must not run beside one another, or None if they may."""
        return next((each for each in self.exclusions if each.covers(one, other)), None)

    def with_body(self, name: str, body: Body) -> "Catalogue":
        """Return the same catalogue with another body for one job."""
        return replace(self, jobs=tuple(replace(job, body=body) if job.name == name else job for job in self.jobs))

    def rivals(self, name: str, among: Iterable[str] | None = None) -> list[str]:
        """Return the jobs, of those given or of all, that must not run beside one."""
        names = [job.name for job in self.jobs] if among is None else among
        return [other for other in names if self.excludes(name, other)]


_REBUILDS = "it changes the tables that every other job works on"
_DROPS = "maintenance drops and makes partitions of the tables that it works on"

CATALOGUE = Catalogue(
    jobs=(
        Job(
            "initialize",
            "Job_InitializeGIM",
            "Prepares a new mart: fixed dimensions, calendars, partitions from etl-start-date on.",
            "once, on request",
            "twinmart.upkeep.initialize:initialize",
            in_migration=True,
        ),
        Job(
            "extract",
            "Job_ExtractICON",
            "Takes the events of the interaction databases, each once.",
            "each cycle, first half: etl-start-time to etl-end-time, every etl-frequency minutes",
            "twinmart.jobs.cycle:extract",
        ),
        Job(
            "transform",
            "Job_TransformGIM",
            "Computes facts and dimensions from events, and loads what differs.",
            "each cycle, second half",
            "twinmart.jobs.cycle:transform",
        ),
        Job(
            "aggregate",
            "Job_AggregateGIM",
            "Adds facts up by interval.",
            "aggregate-schedule, for aggregate-duration, unless run-aggregates is off",
            "twinmart.aggregate.job:aggregate",
        ),
        Job(
            "maintain",
            "Job_MaintainGIM",
            "Makes partitions ahead, extends calendars, purges what is older than its retention.",
            "daily at maintain-start-time, unless run-maintain is off",
            "twinmart.upkeep.maintain:maintain",
            at_standby=True,
        ),
        Job(
            "migrate",
            "Job_MigrateGIM",
            "Brings the mart to the version of the program.",
            "on request, or by itself with on-demand-migration",
            "twinmart.upkeep.migrate:migrate_site",
            at_standby=True,
            in_migration=True,
        ),
        Job(
            "update-stats",
            "Job_UpdateStats",
            "Refreshes the statistics from which queries are planned.",
            "update-stats-schedule, if run-update-stats is on",
            "twinmart.upkeep.statistics:update_statistics",
        ),
        Job(
            "export",
            "Job_ExportGIM",
            "Writes what is new in the dimensional model to files.",
            "export-schedule, if run-export is on",
            "twinmart.upkeep.export:export",
        ),
        Job(
            "reports",
            "Job_Reports",
            "Makes the scheduled reports that are due, and delivers them.",
            "at the times of the schedules; see: twinmart report saved",
            "twinmart.report.scheduled:run_due",
        ),
    ),
    exclusions=(
        Exclusion("initialize", "*", _REBUILDS),
        Exclusion("migrate", "*", _REBUILDS),
        Exclusion("maintain", "extract", _DROPS),
        Exclusion("maintain", "transform", _DROPS),
        Exclusion("maintain", "export", _DROPS),
    ),
)
