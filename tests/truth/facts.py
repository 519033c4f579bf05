"""What the mart says of a recording, in the shape in which the truth is written."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, LiteralString, NamedTuple, TypeVar

from twinmart.db.connect import Connection

Row = TypeVar("Row")


class Attempt(NamedTuple):
    """A row of ``mart.interaction_resource_fact``; times are seconds since the epoch."""

    key: str
    interaction: str
    kind: str
    resource: str
    agent: int | None
    target: str
    result: str
    reason: str
    stop_action: int
    transferred: int
    start: float
    answer: float | None
    end: float | None


class QueueVisit(NamedTuple):
    """A row of ``mart.queue_visit``."""

    channel: str
    queue: str
    ordinal: int
    result: str
    agent: int | None
    how: str
    met_threshold: int | None
    wait: float | None
    talk: float | None
    hold: float | None
    start: float
    end: float | None
    interaction: str


class Interaction(NamedTuple):
    """A row of ``mart.interaction_fact``."""

    key: str
    source: str | None
    target: str | None
    direction: str
    status: int
    start: float
    end: float | None


class Lasting(NamedTuple):
    """A span in the course of an agent, with what was the case."""

    start: float
    end: float | None
    what: str | None
    kind: str | None = None


def attempts(mart: Connection) -> list[Attempt]:
    """Return the parts that phones had in interactions, in the order of their start."""
    return _rows(
        Attempt,
        mart,
        """
        SELECT
            interaction_resource_id::text, interaction_id::text, attempt_kind, natural_name,
            CASE WHEN resource_type_code = 'AGENT' THEN employee_id::integer END, coalesce(target_address, ''),
            technical_result, result_reason, stop_action, transferred_flag,
            extract(epoch FROM start_at)::float8, extract(epoch FROM answered_at)::float8,
            extract(epoch FROM end_at)::float8
        FROM mart.interaction_resource_fact
        JOIN mart.resource_ USING (resource_key)
        JOIN mart.technical_descriptor USING (technical_descriptor_key)
        WHERE attempt_kind <> 'mediation'
        ORDER BY start_at, interaction_resource_id
        """,
    )


def visits(mart: Connection) -> list[QueueVisit]:
    """Return the visits to queues, in the order of entry."""
    return _rows(
        QueueVisit,
        mart,
        """
        SELECT
            visit.uniqueid, visit.queue, visit.nth, visit.result, agent.employee_id::integer, visit.entered_by,
            fact.met_threshold_flag, visit.wait_s::float8, visit.talk_s::float8, visit.hold_s::float8,
            extract(epoch FROM visit.start_at)::float8, extract(epoch FROM visit.end_at)::float8,
            visit.interaction_id::text
        FROM mart.queue_visit AS visit
        JOIN mart.mediation_segment_fact AS fact
            ON fact.channel_id = visit.uniqueid AND fact.entry_ordinal = visit.nth AND fact.start_at = visit.start_at
        LEFT JOIN mart.resource_ AS agent
            ON agent.natural_name = visit.agent AND agent.source_key = fact.source_key
            AND agent.resource_type_code = 'AGENT'
        ORDER BY visit.start_at, visit.uniqueid
        """,
    )


def interactions(mart: Connection) -> list[Interaction]:
    """Return the interactions, in the order of their start."""
    return _rows(
        Interaction,
        mart,
        """
        SELECT
            interaction_id::text, source_address, target_address, interaction_type, status,
            extract(epoch FROM start_at)::float8, extract(epoch FROM end_at)::float8
        FROM mart.interaction_fact
        JOIN mart.interaction_type USING (interaction_type_key)
        ORDER BY start_at, interaction_id
        """,
    )


def sessions(mart: Connection) -> dict[int, list[Lasting]]:
    """Return each agent's sessions; of one that ended with the switch, ``kind`` is "abnormal"."""
    return _by_agent(
        mart,
        """
        SELECT
            employee_id::integer, extract(epoch FROM fact.start_at)::float8, extract(epoch FROM fact.end_at)::float8,
            NULL, CASE abnormal_flag WHEN 1 THEN 'abnormal' END
        FROM mart.sm_res_session_fact AS fact
        JOIN mart.resource_ USING (resource_key)
        ORDER BY fact.start_at
        """,
    )


def states(mart: Connection) -> dict[int, list[Lasting]]:
    """Return each agent's states."""
    return _by_agent(
        mart,
        """
        SELECT
            employee_id::integer, extract(epoch FROM fact.start_at)::float8, extract(epoch FROM fact.end_at)::float8,
            state_name, NULL
        FROM mart.sm_res_state_fact AS fact
        JOIN mart.resource_ USING (resource_key)
        JOIN mart.resource_state USING (resource_state_key)
        ORDER BY fact.start_at
        """,
    )


def pauses(mart: Connection) -> dict[int, list[Lasting]]:
    """Return each agent's pauses by reason; ``kind`` is that of the reason."""
    return _by_agent(
        mart,
        """
        SELECT
            employee_id::integer, extract(epoch FROM fact.start_at)::float8, extract(epoch FROM fact.end_at)::float8,
            CASE WHEN resource_state_reason_key <> -2 THEN software_reason END, reason_type
        FROM mart.sm_res_state_reason_fact AS fact
        JOIN mart.resource_ USING (resource_key)
        JOIN mart.resource_state_reason USING (resource_state_reason_key)
        ORDER BY fact.start_at
        """,
    )


def _rows(shape: Callable[..., Row], mart: Connection, query: LiteralString) -> list[Row]:
    return [shape(*row) for row in mart.execute(query)]


def _by_agent(mart: Connection, query: LiteralString) -> dict[int, list[Lasting]]:
    found: dict[int, list[Lasting]] = defaultdict(list)
    row: tuple[Any, ...]
    for row in mart.execute(query):
        found[row[0]].append(Lasting(*row[1:]))
    return found
