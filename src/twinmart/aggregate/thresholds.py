"""Thresholds in force: which wait or talk is short or within the service level, for a queue, a medium, at a time.

They come from the history of the configuration, so that a change holds from its time on, and a rebuild of an older
interval judges it by what held then. Waits and talks that are exactly as long as a threshold are within it.
"""

from psycopg import sql

from twinmart.config.options import declaration
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text

OPTIONS = (
    ("gim-etl", "q-answer-threshold"),
    ("gim-etl", "q-short-abandoned-threshold"),
    ("agg-gim-thld-AGENT-IXN", "short-talk-threshold"),
    ("agg-gim-thld-QUEUE-ACC", "accepted-thresholds"),
    ("agg-gim-thld-QUEUE-ABN", "abandoned-thresholds"),
)


def make_thresholds(mart: Connection) -> None:
    """Put the thresholds into the temporary table ``threshold``, which the files of the sets join."""
    declared = [declaration(section, name) for section, name in OPTIONS]
    mart.execute("DROP TABLE IF EXISTS pg_temp.threshold")
    mart.execute(
        sql.SQL("CREATE TEMPORARY TABLE threshold AS {}").format(sql.SQL(sql_text("aggregate/threshold"))),
        {
            "sections": [section for section, _ in OPTIONS],
            "names": [name for _, name in OPTIONS],
            "defaults": [one.default if one is not None else None for one in declared],
        },
    )
    mart.execute("ANALYZE threshold")
