"""Writes runs of jobs into the history: begun, how far, how ended, and lost when their process died.

A row belongs to the active site and is replicated; a standby writes of its own runs into a table that is not.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from twinmart.collect.pauses import Pauses
from twinmart.db.connect import Connection, connect, mapped_errors
from twinmart.db.partitions import ensure_partitions
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import MartError

# How long the end of a run is tried to be written to a server that is away; later the run is found lost.
PATIENCE_S = 5.0


@dataclass(slots=True)
class Run:
    """One run of a job."""

    job: str
    cause: str
    due_at: datetime | None = None
    run: UUID = field(default_factory=uuid4)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    rows: int | None = None
    cycles: int = 1
    summary: Mapping[str, Any] = field(default_factory=dict)


class Book:
    """The history of runs in the mart of one site, over a connection of its own that may come and go."""

    def __init__(self, site: int, dsn: str) -> None:
        self._site = site
        self._dsn = dsn
        self._connection: Connection | None = None

    def begin(self, run: Run) -> None:
        """Write that a run has begun; earlier ones of its job that never ended are lost: the caller has its lock."""
        with mapped_errors(f"the mart of site {self._site}", dsn=self._dsn):
            found = self._open()
            if not _is_there(found):
                return
            suffix = _suffix(found, self._site)
            _make_room(found, run)
            lose(found, self._site, run.job)
            told = {name: getattr(run, name) for name in ("run", "started_at", "job", "cause", "due_at")}
            found.execute(sql_text(f"jobs/begin_run{suffix}"), {**told, "site": self._site})

    def note(self, run: Run, message: str | None = None) -> None:
        """Write how far a run is."""
        self._write(run, "running", message, None)

    def end(self, run: Run, status: str, message: str) -> None:
        """Write how a run ended, also when its begin could not be written; a server that is away is waited for a while.

        Raises:
            MartError: it stayed away; the run is found lost when its job runs next.
        """
        ended_at, last_try = datetime.now(UTC), time.monotonic() + PATIENCE_S
        pauses = Pauses(0.05, 0.5)
        while True:
            try:
                self._write(run, status, message, ended_at)
            except MartError:
                self.close()
                if time.monotonic() > last_try:
                    raise
                time.sleep(pauses.next())
            else:
                return

    def close(self) -> None:
        """Let the connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write(self, run: Run, status: str, message: str | None, ended_at: datetime | None) -> None:
        with mapped_errors(f"the mart of site {self._site}", dsn=self._dsn):
            found = self._open()
            if not _is_there(found):
                return
            told = {
                "run": run.run,
                "started_at": run.started_at,
                "job": run.job,
                "site": self._site,
                "status": status,
                "cause": run.cause,
                "due_at": run.due_at,
                "ended_at": ended_at,
                "rows": run.rows,
                "cycles": run.cycles,
                "message": message,
                "summary": Jsonb(dict(run.summary), dumps=_json),
            }
            if ended_at is not None:
                _make_room(found, run)
            found.execute(sql_text(f"jobs/end_run{_suffix(found, self._site)}"), told)

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = open_writer(self._dsn, "twinmart job history")
        return self._connection


def open_writer(dsn: str, application_name: str) -> Connection:
    """Open a connection that may write what belongs to the site alone, also at a standby."""
    connection = connect(dsn, application_name=application_name, autocommit=True)
    connection.execute("SET default_transaction_read_only = off")
    return connection


def lose(connection: Connection, site: int, job: str) -> int:
    """Call the runs of a job lost that nobody runs; return how many. The caller holds the job's lock."""
    told = {"job": job, "site": site, "now": datetime.now(UTC)}
    return connection.execute(sql_text(f"jobs/lose_runs{_suffix(connection, site)}"), told).rowcount


def _make_room(connection: Connection, run: Run) -> None:
    ensure_partitions(connection, run.started_at, run.started_at + timedelta(days=1), schema="ctl")


def _suffix(connection: Connection, site: int) -> str:
    """Return which of the statements writes for this site: that for the active one, or that for another."""
    row = connection.execute("SELECT active_site = %s FROM cfg.topology", (site,)).fetchone()
    return "" if row == (True,) else "_local"


def _is_there(connection: Connection) -> bool:
    """Whether the mart is of a version that has a history of jobs; one that is being migrated may not be."""
    return connection.execute("SELECT to_regclass('ops.job_run') IS NOT NULL").fetchone() == (True,)


def _json(summary: object) -> str:
    return json.dumps(summary, default=str)
