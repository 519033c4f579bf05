"""Groups that people configure: who belongs to which, brought up to date before anything is rebuilt."""

from psycopg import sql

from twinmart.aggregate.requests import request
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text


def refresh_groups(mart: Connection) -> int:
    """Bring the members of configured groups to what the configuration says, in the caller's transaction.

    Returns how many intervals of groups of agents were requested for that. Groups of queues store nothing of their own.
    """
    mart.execute(sql_text("aggregate/group_row"))
    row = mart.execute(sql_text("aggregate/group_member")).fetchone()
    from_at, to_at = row or (None, None)
    if from_at is None or to_at is None or not from_at < to_at:
        return 0
    mart.execute(sql_text("aggregate/group_combination"))
    return request(mart, from_at=from_at, to_at=to_at, sets=["agent_grp"])


def make_members(mart: Connection) -> None:
    """Make the temporary view ``member``, which the files of the sets of agents join."""
    mart.execute(sql.SQL("CREATE OR REPLACE TEMPORARY VIEW member AS {}").format(sql.SQL(sql_text("aggregate/member"))))
