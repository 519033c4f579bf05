"""The job that refreshes the planner's statistics where enough has changed since the last time."""

import threading
from collections.abc import Callable, Mapping

from psycopg import sql

from twinmart.db.sqlfiles import sql_text
from twinmart.upkeep.work import work_at

# A table is worth a look when so many rows, and this share of them, changed.
LEAST_ROWS = 500
LEAST_SHARE = 0.05


def update_statistics(
    site: int, dsns: Mapping[int, str], *, stop: threading.Event, tell: Callable[[str], None] | None = None
) -> Mapping[str, object]:
    """Analyse every table and partition of the mart that has changed; return their names.

    The parents of partitions are analysed too, once one of their partitions is: the server never does so by itself.
    """
    analysed: list[str] = []
    with work_at(site, dsns, "update-stats", lock=None) as work:
        # Since 18 a parent can be analysed without its partitions, which have lines of their own.
        analyse = sql.SQL("ANALYZE ONLY {}" if work.mart.info.server_version >= 180_000 else "ANALYZE {}")
        changed = work.mart.execute(
            sql_text("upkeep/table_changed"), {"least_rows": LEAST_ROWS, "least_share": LEAST_SHARE}
        ).fetchall()
        for schema, name in changed:
            if stop.is_set():
                break
            work.mart.execute(analyse.format(sql.Identifier(schema, name)))
            analysed.append(f"{schema}.{name}")
            if tell:
                tell(f"{schema}.{name}")
    return {"site": site, "analysed": analysed}
