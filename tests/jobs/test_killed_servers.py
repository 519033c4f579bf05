"""Nothing lost, nothing twice, nothing stuck: mart servers and PostgreSQL die by SIGKILL while jobs run."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from threading import Event as Signal

import psycopg
import pytest

from tests.jobs.support import ALWAYS, eventually, rows, set_options
from tests.paths.conftest import at_once, seed, walks  # noqa: F401
from tests.paths.fingerprint import Fingerprint
from tests.paths.roads import pieces
from tests.paths.sample import CRASH, SAMPLES, Sample
from tests.paths.walk import Ground, ground, prepare
from tests.support import MartServer, running_server
from twinmart.db.connect import connect
from twinmart.errors import MartError
from twinmart.jobs import desk
from twinmart.jobs.catalogue import CATALOGUE
from twinmart.jobs.server import MartServer as Server

# Jobs that people ask for while the cycles go on; each of them is at work when something dies.
ASKED = ("aggregate", "maintain", "update-stats", "export", "initialize", "transform", "extract", "reports")

_processes = multiprocessing.get_context("forkserver")


def serve(dsns: Mapping[int, str]) -> None:
    """Serve as long as we live."""
    while True:
        with suppress(MartError):
            Server(1, dsns, pace_s=0.05).run(Signal())
        time.sleep(0.05)


@contextmanager
def server_process(dsns: Mapping[int, str]) -> Iterator[BaseProcess]:
    process = _processes.Process(target=serve, args=(dict(dsns),), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


@pytest.fixture
def mortal(scratch: Path) -> Iterator[MartServer]:
    """A PostgreSQL of which a test may kill the processes."""
    with running_server(scratch / "1") as running:
        prepare(running)
        yield running


def test_servers_and_databases_killed_while_jobs_run_lose_and_double_nothing(
    mortal: MartServer,
    at_once: Callable[[Sample], Fingerprint],  # noqa: F811
    seed: int,  # noqa: F811
) -> None:
    events_come_while_servers_die(mortal, at_once, CRASH, Random(seed), kills=6, databases=2)


@pytest.mark.soak
def test_servers_and_databases_killed_two_hundred_times(
    mortal: MartServer,
    at_once: Callable[[Sample], Fingerprint],  # noqa: F811
    seed: int,  # noqa: F811
) -> None:
    random = Random(seed)
    for number in range(10):
        events_come_while_servers_die(mortal, at_once, SAMPLES[number % len(SAMPLES)], random, kills=15, databases=5)


def events_come_while_servers_die(
    server: MartServer,
    at_once: Callable[[Sample], Fingerprint],  # noqa: F811
    sample: Sample,
    random: Random,
    *,
    kills: int,
    databases: int,
) -> None:
    """Write events in pieces, kill the server or its database after each, and compare what the mart comes to."""
    deaths = ["server"] * kills + ["database"] * databases
    random.shuffle(deaths)
    with ground(server, sample.source) as fresh:
        set_options_of(fresh)
        for death, piece in zip(deaths, pieces(range(len(sample.events)), len(deaths), random), strict=False):
            write(fresh, random, sample, piece)
            with server_process(fresh.dsns) as process:
                ask(fresh, random.choice(ASKED))
                time.sleep(random.random() * 1.2)
                if death == "server":
                    os.kill(process.pid or 0, signal.SIGKILL)
                    process.join()
                else:
                    kill_database(server, fresh)
        # What was not written for want of pieces comes now; events that are there already change nothing.
        fresh.write("a", list(sample.events))
        with server_process(fresh.dsns):
            eventually(lambda: is_at_rest(fresh), within_s=60)
        assert at_once(sample).difference(Fingerprint.of(fresh.mart)) is None
        statuses = rows(fresh.dsns[1], "SELECT DISTINCT status FROM ctl.job_run WHERE ended_at IS NULL")
        assert {row["status"] for row in statuses} <= {"running"}


def set_options_of(fresh: Ground) -> None:
    class Named:
        dsn = fresh.dsns[1]

    set_options(Named, **ALWAYS)  # type: ignore[arg-type]


def write(fresh: Ground, random: Random, sample: Sample, piece: object) -> None:
    fresh.write(random.choice(("a", "b")), [sample.events[number] for number in piece])  # type: ignore[attr-defined]


def ask(fresh: Ground, job: str) -> None:
    """Ask for a job; what nobody answers any more is void."""
    with suppress(psycopg.Error):
        desk.ask(fresh.mart, job, "run")


def kill_database(server: MartServer, fresh: Ground) -> None:
    """Kill PostgreSQL and start it again; its connections are made anew."""
    pid = server.server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not alive(pid))
    server.server.start()
    fresh.reconnect()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_at_rest(fresh: Ground) -> bool:
    """Whether everything that was written is in the facts, and the server works and holds no job up."""
    with connect(fresh.dsns[1], application_name="test", autocommit=True) as mart:
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


def expected(fresh: Ground) -> int:
    """Return how many events the twins have written, each counted once."""
    query = " UNION ".join(f"SELECT event_id FROM {one.idb_schema}.event" for one in fresh.collectors.values())
    row = fresh.mart.execute(f"SELECT count(*) FROM ({query}) AS events".encode()).fetchone()
    return int(row[0]) if row else -1


def test_every_job_has_its_turn() -> None:
    assert set(ASKED) == {job.name for job in CATALOGUE} - {"migrate"}
