"""What tests of the mart server share: a server in a thread, options, and jobs of a test's own that do real work."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from threading import Thread
from typing import Any

from psycopg.rows import dict_row

from tests.support import Mart
from twinmart.config.store import Store
from twinmart.db.connect import connect
from twinmart.jobs.catalogue import CATALOGUE, Catalogue, Job, Tell
from twinmart.jobs.server import MartServer

# The window lies around every moment, so that tests need not know what time it is.
ALWAYS = {
    "run_scheduler": "true",
    "etl_frequency": "0",
    "run_maintain": "false",
    "run_aggregates": "false",
    "etl_start_time": "00:00",
    "etl_end_time": "24:00",
}


class Clock:
    """A clock that a test moves; it also runs."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at or datetime.now(UTC)
        self._began = time.monotonic()

    def __call__(self) -> datetime:
        return self._at + timedelta(seconds=time.monotonic() - self._began)

    def move(self, **span: float) -> None:
        self._at += timedelta(**span)


def set_options(mart: Mart, **values: str) -> None:
    """Set options of section schedule, or other ones as section__name."""
    with connect(mart.dsn, application_name="test", autocommit=True) as connection:
        store = Store(connection, author="test")
        for name, value in values.items():
            section, _, option = name.replace("_", "-").rpartition("--")
            store.set_option("application", "mart", section or "schedule", option, value)


@contextmanager
def serving(
    dsns: Mapping[int, str], *, site: int = 1, catalogue: Catalogue = CATALOGUE, clock: Clock | None = None
) -> Iterator[MartServer]:
    """Run a mart server in a thread; what it raised is raised at the end."""
    stop, raised = Signal(), list[BaseException]()
    server = MartServer(site, dsns, catalogue=catalogue, clock=clock or Clock(), pace_s=0.05)

    def run() -> None:
        try:
            server.run(stop)
        except BaseException as error:  # noqa: BLE001
            raised.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stop.set()
        thread.join(25)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


def eventually(holds: Callable[[], Any], within_s: float = 10.0) -> Any:
    """Wait until something holds, and return it."""
    last = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < last, "it does not come true"
        time.sleep(0.02)
    return found


def rows(dsn: str, query: str) -> list[dict[str, Any]]:
    with connect(dsn, application_name="test", autocommit=True) as connection:
        return connection.cursor(row_factory=dict_row).execute(query.encode()).fetchall()


def job_rows(dsn: str) -> list[dict[str, Any]]:
    """Return the runs of all jobs, first to last."""
    return rows(dsn, "SELECT * FROM ctl.job_run ORDER BY started_at")


def runs(dsn: str, job: str) -> list[dict[str, Any]]:
    """Return the runs of a job, first to last."""
    return [row for row in job_rows(dsn) if row["job"] == job]


@dataclass
class Sums:
    """A job that fills a table of its own, one committed step at a time, up to a goal; it goes on where it was."""

    goal: int = 5
    step_s: float = 0.0
    fails_at: int | None = None

    def __call__(self, site: int, dsns: Mapping[int, str], *, stop: Signal, tell: Tell | None = None) -> dict[str, Any]:
        done = 0
        with connect(dsns[site], application_name="twinmart sums", autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS ops.sums (number integer PRIMARY KEY)")
            while not stop.is_set():
                row = connection.execute(
                    "INSERT INTO ops.sums SELECT count(*) + 1 FROM ops.sums HAVING count(*) < %s RETURNING number",
                    (self.goal,),
                ).fetchone()
                if row is None:
                    break
                done += 1
                if tell:
                    tell(f"{row[0]} of {self.goal}")
                if row[0] == self.fails_at:
                    self.fails_at = None
                    raise RuntimeError("it breaks")
                stop.wait(self.step_s)
        return {"rows": done}


def with_bodies(**bodies: Any) -> Catalogue:
    """Return the catalogue with other bodies for some jobs; names and exclusions stay."""
    named = {name.replace("_", "-"): body for name, body in bodies.items()}
    changed = tuple(
        Job(
            job.name,
            job.original,
            job.sentence,
            job.when,
            named.get(job.name, job.body),
            job.at_standby,
            job.in_migration,
        )
        for job in CATALOGUE
    )
    return Catalogue(changed, CATALOGUE.exclusions)
