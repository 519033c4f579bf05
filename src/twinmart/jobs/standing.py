"""How the mart server and its jobs stand, as the tables of a mart tell it to whoever asks."""

from collections.abc import Mapping
from typing import Any

from twinmart.config.options import effective
from twinmart.db.connect import Connection
from twinmart.db.migrate import schema_state
from twinmart.jobs import desk
from twinmart.jobs.catalogue import CATALOGUE, Job
from twinmart.jobs.look import State

# What a new mart waits for: until then nothing is loaded by itself.
SWITCH_ON = "twinmart config set application mart schedule/run-scheduler=true"


def server_standing(connection: Connection, site: int) -> dict[str, Any]:
    """Return what is known of the mart server of a site; its state is "none" where none runs."""
    holder = desk.server_holder(connection)
    rows = desk.table(connection, "server") if desk.has_desk(connection) else []
    row = rows[0] if rows else {}
    obstacle = schema_state(connection).obstacle()
    if holder is None:
        state, why = "none", f"it was {row['state']} at {row['heartbeat_at']:%H:%M:%S} UTC" if row else None
    else:
        state, why = row.get("state", "starting"), row.get("why")
        if obstacle is not None:
            state, why = State.MIGRATION.value, obstacle.message
    return {
        "site": site,
        "state": state,
        "why": why,
        "pid": row.get("pid") if holder else None,
        "host": row.get("host") if holder else None,
        "started_at": row.get("started_at") if holder else None,
        "heartbeat_at": row.get("heartbeat_at"),
        "holder": holder[1] if holder else None,
        "run_scheduler": effective(connection).flag("schedule", "run-scheduler") if obstacle is None else None,
    }


def job_standings(connection: Connection, *, is_served: bool) -> list[dict[str, Any]]:
    """Return each job with what it does now, how its last run ended, when it is next, and who holds it.

    ``is_served`` says that a mart server runs; what an earlier one wrote of its jobs is not true any more.
    """
    is_there = desk.has_desk(connection)
    states = {row["job"]: row for row in desk.table(connection, "states")} if is_there and is_served else {}
    last = {row["job"]: row for row in desk.rows(connection, "last_run")} if is_there else {}
    held = desk.held_jobs(connection) if is_there else {}
    return [_standing(job, states.get(job.name, {}), last.get(job.name), held) for job in CATALOGUE]


def is_amiss(standing: Mapping[str, Any]) -> bool:
    """Whether the last run of a job ended badly and it does not run again yet."""
    last = standing["last"]
    return last is not None and last["status"] in {"failed", "lost"} and standing["state"] == "idle"


def _standing(
    job: Job, state: Mapping[str, Any], last: Mapping[str, Any] | None, held: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "job": job.name,
        "original": job.original,
        "state": state.get("state", "idle"),
        "since": state.get("since"),
        "is_continuous": state.get("is_continuous", False),
        "message": state.get("message"),
        "next_at": state.get("next_at"),
        "held": held.get(job.name),
        "last": dict(last) if last else None,
    }
