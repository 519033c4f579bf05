"""What people ask of the mart server, and what it tells them: requests, holds, states, in tables of the mart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from twinmart.db.connect import Connection, lock_key
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import MartError

SERVER_LOCK = "mart server"
CHANNEL = "twinmart_jobs"


@dataclass(frozen=True, slots=True)
class Request:
    """Something a person wants: that a job runs, or that it stops."""

    request: UUID
    job: str
    action: str
    asked_by: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to a request: the run that it concerns, or why it refused."""

    run: UUID | None
    error: Mapping[str, str | None] | None


def has_desk(connection: Connection) -> bool:
    """Whether the mart is of a version that has these tables."""
    return connection.execute("SELECT to_regclass('ops.job_request') IS NOT NULL").fetchone() == (True,)


def server_holder(connection: Connection) -> tuple[int, str, datetime] | None:
    """Return who holds the lock of the mart server: server process, name, since; None when there is no mart server."""
    return connection.execute(sql_text("db/lock_holder"), {"key": lock_key(SERVER_LOCK)}).fetchone()


def ask(connection: Connection, job: str, action: str) -> UUID:
    """Ask the mart server for something and return the name of the request."""
    request = uuid4()
    with connection.transaction():
        connection.execute(
            "INSERT INTO ops.job_request (request, job, action) VALUES (%s, %s, %s)", (request, job, action)
        )
        connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
    return request


def answer_of(connection: Connection, request: UUID) -> Answer | None:
    """Return what the server said to a request; None while it has said nothing."""
    row = connection.execute(
        "SELECT run, error FROM ops.job_request WHERE request = %s AND answered_at IS NOT NULL", (request,)
    ).fetchone()
    return None if row is None else Answer(*row)


def take_back(connection: Connection, request: UUID) -> bool:
    """Take back a request that nobody has answered; return whether there was still time."""
    taken = connection.execute("DELETE FROM ops.job_request WHERE request = %s AND answered_at IS NULL", (request,))
    return taken.rowcount > 0


def open_requests(connection: Connection) -> list[Request]:
    """Return what nobody has answered, in the order in which it was asked."""
    with connection.cursor(row_factory=class_row(Request)) as cursor:
        return cursor.execute(
            "SELECT request, job, action, asked_by FROM ops.job_request WHERE answered_at IS NULL ORDER BY asked_at"
        ).fetchall()


def answer(connection: Connection, request: Request, run: UUID | None, error: MartError | None = None) -> None:
    """Answer a request; answers of yesterday and before are forgotten."""
    connection.execute(
        "UPDATE ops.job_request SET run = %s, error = %s, answered_at = clock_timestamp() WHERE request = %s",
        (run, Jsonb(error.to_json()) if error else None, request.request),
    )
    connection.execute("DELETE FROM ops.job_request WHERE answered_at < now() - interval '1 day'")


def held_jobs(connection: Connection) -> dict[str, dict[str, Any]]:
    """Return the jobs that the scheduler must not begin, each with who held it, since when and why."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("SELECT job, held_at, held_by, reason FROM ctl.job_hold").fetchall()
    return {row["job"]: row for row in rows}


def hold(connection: Connection, job: str, by: str, reason: str | None) -> bool:
    """Keep a job from being begun by the schedule; return whether it was not held before."""
    with connection.transaction():
        row = connection.execute(
            "INSERT INTO ctl.job_hold (job, held_by, reason) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING job",
            (job, by, reason),
        ).fetchone()
        connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
    return row is not None


def release(connection: Connection, job: str) -> bool:
    """Let the schedule begin a job again; return whether it was held."""
    with connection.transaction():
        row = connection.execute("DELETE FROM ctl.job_hold WHERE job = %s RETURNING job", (job,)).fetchone()
        connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
    return row is not None


def write_states(connection: Connection, states: Sequence[Mapping[str, Any]]) -> None:
    """Write what the server is doing for each job."""
    told = [{name: None if value is None else str(value) for name, value in state.items()} for state in states]
    connection.execute(sql_text("jobs/job_states"), {"states": Jsonb(told)})


def rows(connection: Connection, name: str, **parameters: object) -> list[dict[str, Any]]:
    """Return the answer of one of the queries of ``sql/jobs`` as dictionaries."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql_text(f"jobs/{name}"), parameters or {"none": None}).fetchall()


def table(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Return the server's own row, or the states of its jobs."""
    with connection.cursor(row_factory=dict_row) as cursor:
        if name == "server":
            return cursor.execute("SELECT * FROM ops.server WHERE kind = 'mart'").fetchall()
        return cursor.execute("SELECT * FROM ops.job_state").fetchall()
