"""Which business attributes each attempt and visit has, for the files of the sets."""

from psycopg import sql

from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text


def is_described(mart: Connection) -> bool:
    """Say whether any attempt of the mart has, or ever had, business attributes."""
    query = "SELECT EXISTS (SELECT FROM mart.interaction_descriptor WHERE tenant_key > 0)"
    return mart.execute(query).fetchone() == (True,)


def make_described(mart: Connection) -> bool:
    """Make the temporary view ``described``, which the files of the sets join; say whether anything may be in it.

    In a mart without business attributes the planner sees that it is empty, so nobody pays for what is not used.
    """
    is_any = is_described(mart)
    rows = sql.SQL(sql_text("aggregate/described"))
    mart.execute(sql.SQL("CREATE OR REPLACE TEMPORARY VIEW described AS {} AND {}").format(rows, sql.Literal(is_any)))
    return is_any
