"""Notes sources of which nothing is heard for too long: an alarm in the log and a row of ``ctl.delay``.

A source that is heard and has nothing to tell is quiet, not delayed: a collector says until when it heard its source.
Nobody waits for a delayed source: the others are extracted and loaded meanwhile, and its own events when they come.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
import structlog
from psycopg import sql

from twinmart.config.options import Options, effective
from twinmart.config.sources import Collector
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text

log = structlog.get_logger(__name__)

# The original's number of the event.
DELAYED = "55-20110"

# Thresholds are minutes; looking more often than this tells nobody anything sooner.
PAUSE_S = 10.0


@dataclass(slots=True)
class Delays:
    """Watches the sources of one mart; remembers when it looked at each, and not more."""

    mart: Connection
    pause_s: float = PAUSE_S
    _looked_at: dict[int, float] = field(default_factory=dict)

    def note(self, source_key: int, twins: Sequence[Collector], idbs: Mapping[int, Connection]) -> None:
        """Record that a source is delayed, is stuck, or was heard again, and log an alarm once for each."""
        if time.monotonic() - self._looked_at.get(source_key, float("-inf")) < self.pause_s:
            return
        self._looked_at[source_key] = time.monotonic()
        heard = [at for at in (_heard_at(idbs.get(twin.site), twin) for twin in twins) if at is not None]
        options = effective(self.mart)
        for state, source, heard_at, delay_s, is_over in self.mart.execute(
            sql_text("extract/delay"), _parameters(source_key, twins, max(heard, default=None), options)
        ):
            told = log.info if is_over else log.critical
            told(
                "data.heard-again" if is_over else f"data.{state}",
                event_id=DELAYED,
                is_alarm=not is_over,
                source=source,
                tables=[f"{twin.idb_schema}.event" for twin in twins],
                heard_at=heard_at.isoformat(),
                delay_s=round(float(delay_s)),
            )


def _parameters(
    source_key: int, twins: Sequence[Collector], heard_at: datetime | None, options: Options
) -> dict[str, object]:
    return {
        "source_key": source_key,
        "heard_at": heard_at,
        "tables": [f"{twin.idb_schema}.event" for twin in twins],
        "delayed_s": options.number("gim-etl", "delayed-data-threshold"),
        "stuck_s": options.number("gim-etl", "extract-data-stuck-threshold"),
    }


def _heard_at(idb: Connection | None, collector: Collector) -> datetime | None:
    """Return until when a collector heard its source, or None if its database cannot be asked or knows nothing."""
    if idb is None or idb.closed or idb.broken:
        return None
    sessions = sql.Identifier(collector.idb_schema, "data_source_session")
    try:
        row = idb.execute(
            sql.SQL("SELECT max(greatest(last_heard_at, last_event_at)) FROM {}").format(sessions)
        ).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return row[0] if row else None
