"""One look of the mart server at its mart: of what version it is, who is active, what is configured and asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import psycopg

from twinmart.config.options import Options, effective
from twinmart.config.topology import heard_epoch, lapsed
from twinmart.db.connect import Connection
from twinmart.db.migrate import Migration, schema_state
from twinmart.errors import MartError, MartNewer, WrongSchedule
from twinmart.jobs.catalogue import Job
from twinmart.jobs.desk import Request, has_desk, held_jobs, open_requests
from twinmart.jobs.schedule import read_schedule


class State(StrEnum):
    """What the mart server is doing."""

    STARTING = "starting"
    MIGRATION = "migration"
    STANDBY = "standby"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    FENCED = "fenced"
    STOPPED = "stopped"

    def allows(self, job: Job) -> bool:
        """Whether a job may run in this state."""
        match self:
            case State.RUNNING | State.PAUSED:
                return True
            case State.STANDBY | State.FENCED:
                return job.at_standby
            case State.MIGRATION:
                return job.in_migration
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Look:
    """What the server found."""

    obstacle: MartError | None = None
    active_site: int | None = None
    epoch: int = 0
    heard_epoch: int = 0
    options: Options = field(default_factory=Options)
    holds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    requests: Sequence[Request] = ()
    has_desk: bool = False
    # Why a witness's leave to load has ended; None: it has not.
    lapsed: str | None = None

    def state(self, site: int, epoch_seen: int) -> tuple[State, str | None]:
        """Return the state in which a site's server has to be, and why where that needs a word.

        ``epoch_seen`` is the highest epoch met at any site lately; what was met before stands in the mart. A site that
        holds itself for the active one in an older epoch was replaced, and does not load until it is a copy.
        """
        if self.obstacle is not None:
            return State.MIGRATION, self.obstacle.message
        if self.active_site != site:
            return State.STANDBY, f"site {self.active_site} is active since epoch {self.epoch}"
        if (highest := max(epoch_seen, self.heard_epoch)) > self.epoch:
            return State.FENCED, f"epoch {highest} exists, this mart is of epoch {self.epoch}"
        if self.lapsed is not None:
            return State.FENCED, self.lapsed
        if not self.options.flag("schedule", "run-scheduler"):
            return State.PAUSED, "run-scheduler is off"
        return State.RUNNING, None


def look(connection: Connection, known: Sequence[Migration]) -> Look:
    """Look at the mart; one that is behind shows as much of itself as it has.

    Raises:
        MartNewer: it was migrated by a newer program than this.
    """
    obstacle = schema_state(connection, known).obstacle()
    if isinstance(obstacle, MartNewer):
        raise obstacle
    if obstacle is not None:
        desk = has_desk(connection)
        requests = open_requests(connection) if desk else []
        return Look(obstacle, options=_options_of_old(connection), requests=requests, has_desk=desk)
    row = connection.execute("SELECT active_site, epoch FROM cfg.topology").fetchone()
    active, epoch = row or (None, 0)
    return Look(
        None,
        active,
        epoch,
        heard_epoch(connection),
        effective(connection),
        held_jobs(connection),
        open_requests(connection),
        has_desk=True,
        lapsed=lapsed(connection),
    )


def _options_of_old(connection: Connection) -> Options:
    try:
        return effective(connection)
    except psycopg.ProgrammingError:
        return Options()


def check_schedule(options: Options) -> WrongSchedule | None:
    """Return why the options of the schedule contradict one another, or None."""
    try:
        read_schedule(options)
    except WrongSchedule as error:
        return error
    return None
