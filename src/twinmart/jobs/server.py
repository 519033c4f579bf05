"""The mart server: the process that runs a mart's jobs by the schedule and on request, and says what it is doing.

It looks at its mart twice a second, and at once when somebody asks for something. All that it decides follows from what
it sees there, so that it may be killed at any time and the next one goes on. A lock in the database sees to it that
there is one for each mart; the jobs have locks of their own, which also hold against people who run them by hand.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Event as Signal

import structlog

from twinmart import __version__
from twinmart.collect.pauses import Pauses
from twinmart.db.connect import Connection, advisory_lock, mapped_errors
from twinmart.db.migrate import known_migrations
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import (
    JobNotNow,
    LockHeld,
    MartError,
    MartServerRuns,
    OutOfResources,
    SiteUnreachable,
    TookTooLong,
    TransactionLost,
    WrongSchedule,
)
from twinmart.etl.peers import Peers
from twinmart.jobs import desk
from twinmart.jobs.agenda import Agenda, Due
from twinmart.jobs.book import Run, lose, open_writer
from twinmart.jobs.catalogue import CATALOGUE, Catalogue, Job
from twinmart.jobs.levels import set_level
from twinmart.jobs.linkwatch import LinkWatch
from twinmart.jobs.look import Look, State, look
from twinmart.jobs.runner import excluded
from twinmart.jobs.schedule import CYCLE, read_schedule
from twinmart.jobs.stop import BY_REQUEST, BY_SCHEDULE, BY_SERVER
from twinmart.jobs.work import Work, ask_to_stop, work_of_cycles, work_of_job
from twinmart.replicate.ends import End
from twinmart.report.scheduled import waiting

log = structlog.get_logger(__name__)

REPORTS = "reports"

PACE_S = 0.5
BEAT_EVERY_S = 2.0
# What is told of a job at once when it changes; how far it is can wait for the next beat.
_NEWS = ("state", "run", "since", "next_at")

# A job that has not stopped by then is left behind; its run is found lost by the next server.
STOP_WITHIN_S = 20.0

_PASSES = (SiteUnreachable, OutOfResources, TookTooLong, TransactionLost)
EVENTS = {
    "55-20152": "the mart is of an older version than the program: the server is in migration state",
    "55-20034": "only the migration runs until the mart is of the program's version",
    "55-20049": "a job ended with an error; what it had committed stands, and it is tried again",
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MartServer:
    """The mart server of one site. ``dsns`` are the connection strings of all sites by number.

    ``ends`` are the sites as ends of the link that it watches; without them, what the owners may do there.
    """

    def __init__(
        self,
        site: int,
        dsns: Mapping[int, str],
        *,
        catalogue: Catalogue = CATALOGUE,
        clock: Callable[[], datetime] = _utc_now,
        pace_s: float = PACE_S,
        ends: Mapping[int, End] | None = None,
    ) -> None:
        self._site = site
        self._dsns = dict(dsns)
        self._catalogue = catalogue
        self._clock = clock
        self._pace_s = pace_s
        self._known = known_migrations()
        self._started_at = _utc_now()
        self._agenda = Agenda(catalogue, clock())
        self._peers = Peers(site, dsns)
        self._link = LinkWatch(site, ends if ends is not None else {one: End(one, dsn) for one, dsn in dsns.items()})
        self._works: list[Work] = []
        # Jobs that people asked for and that wait for a cycle to end.
        self._waiting: dict[str, Run] = {}
        self._state = State.STARTING
        self._why: str | None = None
        self._wrong: str | None = None
        self._last_beat = -BEAT_EVERY_S
        self._last_busy: list[tuple[object, ...]] = []
        self._has_served = False
        # A mart that is behind may be of a version without these tables.
        self._has_desk = False

    @property
    def state(self) -> State:
        """What the server is doing."""
        return self._state

    def run(self, stop: Signal) -> None:
        """Serve until told to stop, through what passes by itself; jobs are stopped at their next safe point.

        Raises:
            MartServerRuns: another server serves this mart, and did so when we came.
            MartNewer: the mart was migrated by a newer program.
        """
        pauses = Pauses(0.2, 5.0)
        self._peers.start()
        self._link.start()
        try:
            while not stop.is_set():
                try:
                    with self._at_the_mart() as connection:
                        pauses.reset()
                        self._serve(connection, stop)
                except (*_PASSES, MartServerRuns) as error:
                    if isinstance(error, MartServerRuns) and not self._has_served:
                        raise
                    self._stop_all()
                    pause_s = pauses.next()
                    log.warning("server.waiting", again_in_s=round(pause_s, 1), **error.to_json())
                    stop.wait(pause_s)
        finally:
            self._peers.stop()
            self._link.stop()
            self._stop_all()

    @contextmanager
    def _at_the_mart(self) -> Iterator[Connection]:
        """Connect, take the lock, and find out where the schedule stands and which runs were lost."""
        with (
            mapped_errors(f"the mart of site {self._site}"),
            open_writer(self._dsns[self._site], _name(self._site)) as connection,
        ):
            try:
                with advisory_lock(connection, desk.SERVER_LOCK):
                    self._find_out(connection)
                    self._has_served = True
                    yield connection
            except LockHeld as error:
                raise MartServerRuns(
                    f"a mart server runs for the mart of site {self._site} already",
                    detail=error.detail,
                    hint="Nothing was changed. Look with: twinmart mart status.",
                ) from None

    def _find_out(self, connection: Connection) -> None:
        connection.execute("LISTEN twinmart_jobs")
        found = look(connection, self._known)
        if not found.has_desk or found.obstacle is not None:
            return
        for job in self._catalogue:
            with suppress(LockHeld), advisory_lock(connection, job.lock):
                if count := lose(connection, self._site, job.name):
                    log.warning("job.lost", job=job.name, runs=count)
        for was in desk.rows(connection, "served", since=self._clock() - timedelta(days=3)):
            # One that was begun and not brought to its end is due again.
            instant = was["served_at"] or was["begun_at"] - timedelta(seconds=1)
            self._agenda.served[was["job"]] = instant

    def _serve(self, connection: Connection, stop: Signal) -> None:
        while not stop.is_set():
            self._tick(connection, look(connection, self._known))
            for _ in connection.notifies(timeout=self._pace_s, stop_after=1):
                pass
        self._enter(State.STOPPING, None)
        self._stop_all(lambda: self._beat(connection, {}))
        self._enter(State.STOPPED, None)
        self._beat(connection, {})

    def _tick(self, connection: Connection, found: Look) -> None:
        """Do what is to be done now."""
        now = self._clock()
        state, why = found.state(self._site, self._peers.word.epoch)
        self._take_options(found)
        self._enter(state, self._wrong or why)
        self._collect(now)
        self._end_what_must_end(found, state, now)
        for request in found.requests:
            self._take_up(connection, request, found)
        self._begin_asked(now)
        if state is State.RUNNING:
            self._begin_due(found, now)
            self._begin_reports(connection, found, now)
        elif state is State.MIGRATION and found.options.flag("schedule", "on-demand-migration"):
            self._migrate_on_demand(now)
        self._has_desk = found.has_desk
        self._beat(connection, found.holds)

    def _take_options(self, found: Look) -> None:
        set_level(found.options.text("log", "level"))
        try:
            self._agenda.schedule = read_schedule(found.options)
            self._wrong = None
        except WrongSchedule as error:
            if self._wrong is None:
                log.error("schedule.wrong", **error.to_json())
            self._wrong = f"{error.message}: {error.detail}; the schedule before it stays"

    def _enter(self, state: State, why: str | None) -> None:
        if state is not self._state or why != self._why:
            log.info("server.state", state=state.value, why=why, site=self._site)
            self._last_beat = -BEAT_EVERY_S
        if state is State.MIGRATION and self._state is not State.MIGRATION:
            for number in ("55-20152", "55-20034"):
                log.warning("server.migration", id=number, means=EVENTS[number], why=why)
        self._state, self._why = state, why

    def _collect(self, now: datetime) -> None:
        """Note how works ended that are over."""
        for work in [work for work in self._works if work.is_over.is_set()]:
            self._works.remove(work)
            well = work.ended_well
            self._agenda.ended(work.due, now, well=well, served=work.has_served and work.due.job != CYCLE)

    def _end_what_must_end(self, found: Look, state: State, now: datetime) -> None:
        waiting = list(self._waiting)
        for work in self._works:
            if not all(state.allows(self._catalogue.get(job)) for job in work.jobs):
                ask_to_stop(work, BY_SERVER)
            elif (until := self._agenda.ends(work.due)) is not None and now >= until:
                ask_to_stop(work, BY_SCHEDULE)
            elif work.cycles is not None and (
                not self._agenda.goes_on(now, work.jobs, found.holds)
                or any(self._catalogue.rivals(job, waiting) for job in work.jobs)
            ):
                work.enough.set()

    def _take_up(self, connection: Connection, request: desk.Request, found: Look) -> None:
        """Answer a request, or put it into the queue behind the cycle that goes on."""
        try:
            job = self._catalogue.get(request.job)
            work = self._work_of(job.name)
            if request.action == "stop":
                self._stop(connection, request, job, work)
                return
            self._refuse_unless_possible(job, found)
        except MartError as error:
            desk.answer(connection, request, None, error)
            return
        run = self._waiting.setdefault(job.name, Run(job.name, "request"))
        log.info("job.asked", job=job.name, by=request.asked_by)
        desk.answer(connection, request, run.run)

    def _stop(self, connection: Connection, request: desk.Request, job: Job, work: Work | None) -> None:
        if work is None:
            raise JobNotNow(
                f'job "{job.name}" does not run', hint="Nothing was changed. Look with: twinmart jobs list."
            )
        run = work.run_of(job.name)
        log.info("job.stop_asked", job=job.name, by=request.asked_by)
        ask_to_stop(work, BY_REQUEST)
        desk.answer(connection, request, run.run if run else None)

    def _refuse_unless_possible(self, job: Job, found: Look) -> None:
        """Raise why a job cannot begin soon; a cycle that is in the way is not waited for in vain, it makes room."""
        if not self._state.allows(job):
            raise JobNotNow(
                f'job "{job.name}" must not run now: the mart server is in state {self._state}',
                detail=self._why,
                hint="Nothing was changed. "
                + (
                    "Migrate the mart with: twinmart jobs run migrate."
                    if found.obstacle
                    else "See: twinmart mart status."
                ),
            )
        for work in self._works:
            if job.name in work.jobs and not (work.cycles and not self._is_continuous(work)):
                raise excluded(self._catalogue, job.name, job.name, "it runs since " + f"{work.since:%H:%M:%S} UTC")
            for other in self._catalogue.rivals(job.name, work.jobs):
                if work.cycles is None:
                    raise excluded(self._catalogue, job.name, other)

    def _is_continuous(self, work: Work) -> bool:
        return work.cycles is not None and work.due.at is None

    def _begin_asked(self, now: datetime) -> None:
        """Begin the jobs that people asked for and that nothing is in the way of any more."""
        for name, run in list(self._waiting.items()):
            busy = self._running()
            if name not in busy and not self._catalogue.rivals(name, busy) and not self._cycle_goes_on(name):
                del self._waiting[name]
                run.started_at = _utc_now()
                self._begin(self._catalogue.get(name), run, Due(name, None), now)

    def _cycle_goes_on(self, name: str) -> bool:
        """Whether the job is one of a cycle, whose lock another cycle holds."""
        return self._catalogue.get(name).is_of_cycle and any(work.cycles for work in self._works)

    def _begin_due(self, found: Look, now: datetime) -> None:
        """Begin what the schedule says."""
        for due in self._agenda.due(now, found.holds, [*self._running(), *self._waiting]):
            self._begin(self._catalogue.get(due.job), Run(due.job, "schedule", due.at), due, now)
        busy = [*self._running(), *self._waiting]
        if any(work.cycles for work in self._works):
            return
        if cycle := self._agenda.cycle(now, found.holds, busy):
            is_continuous = self._agenda.schedule.is_continuous
            self._works.append(work_of_cycles(*cycle, now, self._site, self._dsns, is_continuous=is_continuous))

    def _begin_reports(self, connection: Connection, found: Look, now: datetime) -> None:
        """Begin to make the scheduled reports that are due: each schedule has times, and a zone, of its own."""
        busy = {*found.holds, *self._running(), *self._waiting}
        if REPORTS in busy or self._agenda.must_wait(REPORTS, now) or self._catalogue.rivals(REPORTS, busy):
            return
        if due := waiting(connection, now):
            at = min(delivery.due_at for delivery in due)
            self._begin(self._catalogue.get(REPORTS), Run(REPORTS, "schedule", at), Due(REPORTS, at), now)

    def _migrate_on_demand(self, now: datetime) -> None:
        due = Due("migrate", None)
        if not self._running() and not self._agenda.must_wait("migrate", now):
            self._begin(self._catalogue.get("migrate"), Run("migrate", "demand"), due, now)

    def _begin(self, job: Job, run: Run, due: Due, now: datetime) -> None:
        self._works.append(work_of_job(self._catalogue, job, run, due, now, self._site, self._dsns))

    def _running(self) -> list[str]:
        return [job for work in self._works for job in work.jobs]

    def _work_of(self, job: str) -> Work | None:
        return next((work for work in self._works if job in work.jobs), None)

    def _stop_all(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Stop every job at its next safe point; one that does not get there in time is left behind."""
        for work in self._works:
            ask_to_stop(work, BY_SERVER)
        last = time.monotonic() + STOP_WITHIN_S
        while (left := [work for work in self._works if not work.is_over.wait(0.05)]) and time.monotonic() < last:
            if meanwhile:
                meanwhile()
        for work in left:
            log.error("job.left_behind", jobs=sorted(work.jobs))
        self._works.clear()

    def _beat(self, connection: Connection, holds: Mapping[str, object]) -> None:
        """Say that we are there and what each job does, every two seconds and when something changed."""
        states = [self._job_state(job, holds) for job in self._catalogue]
        busy: list[tuple[object, ...]] = [tuple(state[name] for name in _NEWS) for state in states]
        is_news = busy != self._last_busy
        is_fresh = time.monotonic() - self._last_beat < BEAT_EVERY_S and not is_news
        if is_fresh or not self._has_desk:
            return
        self._last_busy = busy
        self._last_beat = time.monotonic()
        told = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "site": self._site,
            "state": self._state.value,
            "why": self._why,
            "started_at": self._started_at,
            "version": __version__,
        }
        connection.execute(sql_text("jobs/beat"), told)
        desk.write_states(connection, states)

    def _job_state(self, job: Job, holds: Mapping[str, object]) -> dict[str, object]:
        work = self._work_of(job.name)
        run = work.run_of(job.name) if work else None
        is_served = self._state is State.RUNNING
        return {
            "job": job.name,
            "state": work.state() if work else "idle",
            "run": run.run if run else None,
            "since": work.since if work else None,
            "next_at": self._agenda.next_at(job.name, self._clock(), holds) if is_served else None,
            "is_continuous": work is not None and self._is_continuous(work),
            "message": work.how_far(job.name) if work else None,
        }


def _name(site: int) -> str:
    """Return the name by which the holder of the lock is known to whoever comes second."""
    return f"twinmart mart run --site {site}, process {os.getpid()} at {socket.gethostname()}"[:63]
