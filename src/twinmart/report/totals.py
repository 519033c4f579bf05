"""Totals of queues and of agents over all that the mart holds."""

from dataclasses import dataclass

from psycopg.rows import class_row

from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text


@dataclass(frozen=True, slots=True)
class QueueTotal:
    """Visits to one queue: how they ended, and the seconds of those that were answered."""

    source: str
    name: str
    visits: int = 0
    answered: int = 0
    abandoned: int = 0
    others: int = 0
    wait_s: float = 0.0
    talk_s: float = 0.0
    hold_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AgentTotal:
    """Calls from queues that one agent answered."""

    source: str
    name: str
    answered: int = 0
    talk_s: float = 0.0
    hold_s: float = 0.0


def queue_totals(mart: Connection) -> list[QueueTotal]:
    """Return the totals of all queues, by source and name."""
    with mart.cursor(row_factory=class_row(QueueTotal)) as cursor:
        return cursor.execute(sql_text("report/queue_total")).fetchall()


def agent_totals(mart: Connection) -> list[AgentTotal]:
    """Return the totals of all agents who answered a call from a queue, by source and name."""
    with mart.cursor(row_factory=class_row(AgentTotal)) as cursor:
        return cursor.execute(sql_text("report/agent_total")).fetchall()
