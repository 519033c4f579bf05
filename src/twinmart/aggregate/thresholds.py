"""Thresholds in force: which wait or talk is short or within the service level, for a queue, a medium, at a time."""

from psycopg import sql

from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text


def make_thresholds(mart: Connection) -> None:
    """Put the thresholds into the temporary table ``threshold``, which the files of the sets join."""
    mart.execute("DROP TABLE IF EXISTS pg_temp.threshold")
    mart.execute(sql.SQL("CREATE TEMPORARY TABLE threshold AS {}").format(sql.SQL(sql_text("aggregate/threshold"))))
    mart.execute("ANALYZE threshold")
