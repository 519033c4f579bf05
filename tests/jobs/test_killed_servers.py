"""Nothing lost, nothing twice, nothing stuck: mart server, supervisor and PostgreSQL die by SIGKILL while jobs run."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from threading import Event as Signal
from uuid import UUID

import psycopg
import pytest

from tests.jobs.support import ALWAYS, eventually, rows, set_options
from tests.paths.conftest import at_once, seed, tell, walks  # noqa: F401
from tests.paths.fingerprint import Fingerprint
from tests.paths.roads import pieces
from tests.paths.sample import CRASH, SAMPLES, Sample
from tests.paths.table import Tell
from tests.paths.walk import Ground, ground, prepare
from tests.support import MartServer, running_server
from twinmart.aggregate.audit import audit
from twinmart.aggregate.job import aggregate
from twinmart.db.connect import advisory_lock, connect
from twinmart.errors import MartError
from twinmart.jobs import desk
from twinmart.jobs.catalogue import CATALOGUE
from twinmart.site.postgres import Server
from twinmart.watch.process import Process
from twinmart.watch.supervisor import Patience, Program, Supervisor, read_state

# Jobs that people ask for while the cycles go on, so that each of them is at work when something dies.
ASKED = ("aggregate", "maintain", "update-stats", "export", "initialize", "transform", "extract", "reports")

QUICK = Patience(look_s=0.05, ask_every_s=0.2, retry_first_s=0.05, retry_longest_s=0.2, stop_s=20)

# What dies, with how often of ten times.
MORTALS = {"server": 5, "supervisor": 2, "database": 3}

_processes = multiprocessing.get_context("forkserver")


def supervise(folder: Path, database: Server, environment: Mapping[str, str]) -> None:
    """Be the supervisor of a site with a mart server and the PostgreSQL that it stands on."""
    wanted = [Program("mart", ("mart", "run", "--site", "1"))]
    command = [sys.executable, "-m", "twinmart", "--home", str(folder)]
    Supervisor(folder, command, lambda: wanted, database.start, environment, QUICK).run(Signal())


@dataclass
class MortalSite:
    """A site whose processes are real ones, so that each may be killed."""

    folder: Path
    server: MartServer
    fresh: Ground
    supervisor: BaseProcess | None = None
    deaths: dict[str, int] = field(default_factory=dict)

    def start(self) -> None:
        """Start a supervisor; what one before it left running is taken over."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("TWINMART", "PG"))}
        environment["TWINMART_SITE_1_DSN"] = self.fresh.dsns[1]
        told = (self.folder, self.server.server, environment)
        self.supervisor = _processes.Process(target=supervise, args=told, daemon=True)
        self.supervisor.start()

    def mart(self) -> Process | None:
        """Return the mart server's process, if one runs."""
        programs = read_state(self.folder).get("programs", [])
        return next((Process.found(one["pid"], one["began"]) for one in programs if one["pid"]), None)

    def kill(self, what: str) -> None:
        """Kill a mart server, a supervisor, or PostgreSQL; the supervisor has to mend the first and the last."""
        self.deaths[what] = self.deaths.get(what, 0) + 1
        match what:
            case "server":
                if process := self.mart():
                    process.signal(signal.SIGKILL)
            case "supervisor":
                self._kill_supervisor()
                self.start()
            case _:
                pid = self.server.server.pid()
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                eventually(lambda: self._answers(pid), within_s=60)
                self.fresh.reconnect()

    def end(self) -> None:
        """Kill what is left, the supervisor first, so that it starts nothing anew."""
        self._kill_supervisor()
        if process := self.mart():
            process.signal(signal.SIGKILL)
        self.server.server.start()

    def _kill_supervisor(self) -> None:
        if self.supervisor is not None:
            self.supervisor.kill()
            self.supervisor.join()

    def _answers(self, killed: int) -> bool:
        if self.server.server.pid() == killed:
            return False
        try:
            connect(self.fresh.dsns[1], application_name="test").close()
        except (MartError, psycopg.Error):
            return False
        return True


@pytest.fixture
def mortal(scratch: Path) -> Iterator[MartServer]:
    """A PostgreSQL of which a test may kill the processes."""
    with running_server(scratch / "1") as running:
        prepare(running)
        yield running


@contextmanager
def site(server: MartServer, sample: Sample, folder: Path) -> Iterator[MortalSite]:
    """Run a site on fresh ground."""
    folder.mkdir(mode=0o700)
    with ground(server, sample.source) as fresh:
        set_options_of(fresh, folder)
        made = MortalSite(folder, server, fresh)
        made.start()
        try:
            yield made
        finally:
            made.end()


@pytest.mark.rows(42, 52)
def test_a_killed_server_supervisor_and_database_lose_and_double_nothing_and_leave_no_lock(
    mortal: MartServer,
    scratch: Path,
    at_once: Callable[[Sample], Fingerprint],  # noqa: F811
    tell: Tell,  # noqa: F811
    seed: int,  # noqa: F811
) -> None:
    deaths = ["server", "supervisor", "database"]
    events_come_while_things_die(mortal, scratch / "site", at_once, CRASH, Random(seed), deaths, tell)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(10))
def test_servers_supervisors_and_databases_are_killed_two_hundred_times(
    mortal: MartServer,
    scratch: Path,
    at_once: Callable[[Sample], Fingerprint],  # noqa: F811
    tell: Tell,  # noqa: F811
    seed: int,  # noqa: F811
    part: int,
) -> None:
    random = Random(seed * 10 + part)
    deaths = [what for what, times in MORTALS.items() for _ in range(times * 2)]
    sample = SAMPLES[part % len(SAMPLES)]
    events_come_while_things_die(mortal, scratch / "site", at_once, sample, random, deaths, tell, turn=part)


def events_come_while_things_die(
    server: MartServer,
    folder: Path,
    at_once: Callable[[Sample], Fingerprint],  # noqa: F811
    sample: Sample,
    random: Random,
    deaths: Sequence[str],
    tell: Tell,  # noqa: F811
    *,
    turn: int = 0,
) -> None:
    """Write events in pieces, kill something at some instant after each, and compare what the mart comes to.

    Each death finds another job at work, by turns, from ``turn`` on.
    """
    order = random.sample(deaths, len(deaths))
    cut = pieces(range(len(sample.events)), len(deaths) + 1, random)
    with site(server, sample, folder) as one:
        for number, (death, piece) in enumerate(zip(order, cut, strict=False)):
            one.fresh.write(random.choice(("a", "b")), [sample.events[each] for each in piece])
            wait_for_some_instant(one.fresh, ASKED[(turn + number) % len(ASKED)], random)
            one.kill(death)
        # The last events come when nothing dies any more: the next cycle goes on.
        one.fresh.write("a", list(sample.events))
        eventually(lambda: is_at_rest(one.fresh), within_s=90)
        assert at_once(sample).difference(Fingerprint.of(one.fresh.mart)) is None
        no_lock_is_stuck(one)
        aggregate(1, one.fresh.dsns, stop=Signal())
        first_at, last_at = min(event.at for event in sample.events), max(event.at for event in sample.events)
        assert audit(one.fresh.mart, from_at=first_at, to_at=last_at) == []
        for what, times in one.deaths.items():
            tell(f"killed: {what}", times)
        for row in rows(
            one.fresh.dsns[1], "SELECT job, count(*) AS runs FROM ctl.job_run WHERE status = 'lost' GROUP BY job"
        ):
            tell(f"killed at work: {row['job']}", row["runs"])


def set_options_of(fresh: Ground, folder: Path) -> None:
    class Named:
        dsn = fresh.dsns[1]

    kept = {"gim_etl__days_to_keep_gidb_facts": "36500", "gim_etl__days_to_keep_gim_facts": "36500"}
    history = {"gim_etl__days_to_keep_discards_and_job_history": "36500", "gim_etl__days_to_keep_cfg_facts": "36500"}
    exports = {"gim_export__output_directory": str(folder / "exports")}
    set_options(Named, **ALWAYS, **history, **kept, **exports)  # type: ignore[arg-type]


def wait_for_some_instant(fresh: Ground, job: str, random: Random) -> None:
    """Ask for a job and wait until an instant of its run or of the start before it."""
    request = None
    with suppress(psycopg.Error):
        request = desk.ask(fresh.mart, job, "run")
    if request is not None and random.random() < 0.8:
        deadline_s = time.monotonic() + 10
        while not is_answered(fresh, request) and time.monotonic() < deadline_s:
            time.sleep(0.005)
    time.sleep(random.random() * 0.3)


def is_answered(fresh: Ground, request: UUID) -> bool:
    with suppress(psycopg.Error):
        return desk.answer_of(fresh.mart, request) is not None
    return True


def is_at_rest(fresh: Ground) -> bool:
    """Whether everything that was written is in the facts, and the server works and holds no job up.

    All of it is seen at one moment: between two looks an extraction may bring events that are not transformed yet.
    """
    with suppress(MartError, psycopg.Error), connect(fresh.dsns[1], application_name="test") as mart:
        mart.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        news = mart.execute(
            "SELECT EXISTS (SELECT FROM gidb.touched_call) OR EXISTS (SELECT FROM gidb.touched_resource)"
        ).fetchone()
        unanswered = mart.execute("SELECT count(*) FROM ops.job_request WHERE answered_at IS NULL").fetchone()
        lost = mart.execute(
            "SELECT count(*) FROM ctl.job_run WHERE ended_at IS NULL AND NOT EXISTS"
            " (SELECT FROM ops.job_state WHERE job_state.run = job_run.run)"
        ).fetchone()
        events = mart.execute("SELECT count(*) FROM gidb.event").fetchone()
        return (news, unanswered, lost) == ((False,), (0,), (0,)) and events == (expected(fresh),)
    return False


def expected(fresh: Ground) -> int:
    """Return how many events the twins have written, each counted once."""
    query = " UNION ".join(f"SELECT event_id FROM {one.idb_schema}.event" for one in fresh.collectors.values())
    row = fresh.mart.execute(f"SELECT count(*) FROM ({query}) AS events".encode()).fetchone()
    return int(row[0]) if row else -1


HOLDERS = """
    SELECT DISTINCT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def no_lock_is_stuck(one: MortalSite) -> None:
    """See that nobody but the server that lives holds a lock, and that once it has stopped all of them are free."""
    dsn = one.fresh.dsns[1]
    living = one.mart()
    assert living is not None
    (told,) = rows(dsn, "SELECT pid, state FROM ops.server WHERE kind = 'mart'")
    assert told == {"pid": living.pid, "state": "running"}
    holder = desk.server_holder(one.fresh.mart)
    assert holder is not None
    assert f"process {living.pid}" in holder[1]
    ours = {holder[1], "twinmart transform", "twinmart job history"} | {f"twinmart job {job.name}" for job in CATALOGUE}
    assert {row["application_name"] for row in rows(dsn, HOLDERS)} <= ours

    one._kill_supervisor()
    living.signal(signal.SIGTERM)
    eventually(lambda: not living.is_running(), within_s=60)
    assert rows(dsn, HOLDERS) == []
    with connect(dsn, application_name="test", autocommit=True) as mart:
        for lock in {desk.SERVER_LOCK, *(job.lock for job in CATALOGUE)}:
            with advisory_lock(mart, lock):
                pass
    assert rows(dsn, "SELECT state FROM ops.server WHERE kind = 'mart'") == [{"state": "stopped"}]
    assert rows(dsn, "SELECT job FROM ctl.job_run WHERE status = 'running'") == []


def test_every_job_has_its_turn() -> None:
    """Migration has nothing to do here; it is killed in ``test_killed_migration.py``."""
    assert set(ASKED) == {job.name for job in CATALOGUE} - {"migrate"}
