"""The job that keeps a mart in shape: partitions ahead, calendars, what is too old; at the active site and any other.

The active site decides and writes; a site that is not makes its own partitions and views and carries out what was
decided, since replication carries neither. Every step is committed, so the job may be broken off and run again.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from twinmart.config.sources import collectors
from twinmart.config.userdata import make_views
from twinmart.db.connect import session
from twinmart.db.partitions import ensure_partitions
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import MartError
from twinmart.etl.standbys import Standbys
from twinmart.upkeep.calendars import ensure_calendars, ensure_views, extend_standard
from twinmart.upkeep.purge import Purged, purge_as_decided, purge_idb
from twinmart.upkeep.retention import decide, purge_rows, terminate
from twinmart.upkeep.work import Work, work_at

BEHIND = timedelta(days=1)
DAY_S = 86_400

# Sessions of a collector tell whether its twin's silences are filled, so they are kept longer than the silences.
SESSIONS_BEHIND = timedelta(days=31)


def maintain(
    site: int,
    dsns: Mapping[int, str],
    *,
    stop: threading.Event,
    tell: Callable[[str], None] | None = None,
    now: datetime | None = None,
) -> Mapping[str, object]:
    """Do all upkeep that the mart of this site needs now; return what was done.

    Raises:
        LockHeld: an export, or another maintenance, runs at this site.
        CalendarFixed: options of a calendar that is filled were changed; all else was done.
        MartError: whatever the database refused; what was done before stays.
    """
    now = now or datetime.now(UTC)
    summary: dict[str, object] = {"site": site}
    with work_at(site, dsns, "maintain") as work:
        steps = ACTIVE if work.is_active else STANDBY
        summary["is_active"] = work.is_active
        for name, step in steps:
            if stop.is_set():
                summary["stopped_before"] = name
                break
            summary[name] = step(work, dsns, now)
            if tell:
                tell(f"{name}: {_told(summary[name])}")
    return summary


def make_partitions(work: Work, dsns: Mapping[int, str], now: datetime) -> list[str]:
    """Make the partitions that the days ahead need, of the width that the options say; return their names.

    A standby that answers gets them first.
    """
    _set_widths(work)
    from_at, to_at = now - BEHIND, now + timedelta(days=work.options.number("gim-etl", "partitioning-ahead-range"))
    Standbys(work.site, dsns).make_partitions(from_at, to_at)
    return ensure_partitions(work.mart, from_at, to_at)


def _set_widths(work: Work) -> None:
    """Take over widths that somebody set; the defaults are in ``ops.partition_rule``, where each table has its own."""
    kinds = {"partitioning-interval-size-gim": ("mart",), "partitioning-interval-size-gidb": ("gidb",)}
    for name, schemas in kinds.items():
        if ("gim-etl", name) in work.options.texts.get(("", ""), {}):
            days = max(1, work.options.number("gim-etl", name) // DAY_S)
            work.mart.execute(
                "UPDATE ops.partition_rule SET interval_days = %s WHERE schema_name = ANY (%s) AND interval_days <> %s"
                " AND table_name <> 'resource_group_fact_'",
                (days, list(schemas), days),
            )


def _extend(work: Work, _dsns: Mapping[int, str], now: datetime) -> dict[str, int]:
    return {"date_time": extend_standard(work.mart, work.options, now)}


def _calendars(work: Work, _dsns: Mapping[int, str], now: datetime) -> dict[str, int]:
    return ensure_calendars(work.mart, work.options, now)


def _views(work: Work, _dsns: Mapping[int, str], _now: datetime) -> list[str]:
    """Make the views that rows from the active site ask for; views do not cross the link."""
    make_views(work.mart)
    return ensure_views(work.mart)


def _terminate(work: Work, _dsns: Mapping[int, str], _now: datetime) -> dict[str, int]:
    done = terminate(work.mart, work.options)
    return {"stuck": done.stuck, "too_old": done.too_old}


def _decide(work: Work, _dsns: Mapping[int, str], now: datetime) -> dict[str, str]:
    moved = decide(work.mart, work.options, work.site, now)
    return {kind: before_at.isoformat() for kind, before_at in moved.items()}


def _purge(work: Work, _dsns: Mapping[int, str], _now: datetime) -> list[dict[str, object]]:
    return [_plain(one) for one in purge_as_decided(work.mart)]


def _purge_rows(work: Work, _dsns: Mapping[int, str], _now: datetime) -> int:
    return purge_rows(work.mart)


def _purge_idbs(work: Work, dsns: Mapping[int, str], now: datetime) -> list[dict[str, object]]:
    """Purge the interaction databases that stand at this site, as far as every mart that answers has read them."""
    done = []
    before_at = now - timedelta(days=work.options.number("gim-etl", "days-to-keep-gidb-facts"))
    for collector in collectors(work.mart):
        schema = collector.idb_schema
        there = work.mart.execute("SELECT to_regclass(%s)", (f"{schema}.event",)).fetchone()
        if collector.site != work.site or there == (None,):
            continue
        marks = _marks(dsns, collector.key)
        if marks:
            done += [_plain(one) for one in purge_idb(work.mart, schema, before_at, min(marks))]
        with work.mart.transaction():
            names = {
                "no_data": sql.Identifier(schema, "no_data"),
                "session": sql.Identifier(schema, "data_source_session"),
                "bad_message": sql.Identifier(schema, "bad_message"),
            }
            with suppress(psycopg.errors.UndefinedTable), work.mart.transaction():
                work.mart.execute(
                    sql.SQL(sql_text("upkeep/purge_idb_rows")).format(**names),
                    {"before_at": before_at, "sessions_before_at": before_at - SESSIONS_BEHIND},
                )
    return done


def _marks(dsns: Mapping[int, str], collector_key: int) -> list[int]:
    """Return how far each mart that answers has read an interaction database; a site that is lost is not waited for.

    The copy of a lost site is not used again: it is made anew from the survivor's.
    """
    marks = []
    for dsn in dsns.values():
        with suppress(MartError, psycopg.errors.UndefinedTable), session(dsn, application_name="twinmart") as mart:
            row = mart.execute(
                "SELECT idb_seq FROM ctl.extract_watermark WHERE collector_key = %s", (collector_key,)
            ).fetchone()
            # A mart that never read it is either not yet a copy of the other, or nothing was extracted at all.
            if row is not None:
                marks.append(int(row[0]))
    return marks


def _plain(done: Purged) -> dict[str, object]:
    return {
        "table": done.table,
        "partitions": done.partitions,
        "bytes_freed": done.bytes_freed,
        "rows_kept": done.rows_kept,
    }


def _told(result: object) -> str:
    if isinstance(result, list):
        return f"{len(result)} done" if result else "nothing to do"
    return str(result)


_Step = Callable[[Work, Mapping[int, str], datetime], object]

STANDBY: tuple[tuple[str, _Step], ...] = (
    ("partitions", make_partitions),
    ("views", _views),
    ("purged", _purge),
    ("interaction_databases", _purge_idbs),
)
ACTIVE: tuple[tuple[str, _Step], ...] = (
    ("partitions", make_partitions),
    ("calendar", _extend),
    ("terminated", _terminate),
    ("decided", _decide),
    ("purged", _purge),
    ("rows_deleted", _purge_rows),
    ("interaction_databases", _purge_idbs),
    # Last, since it is the step that a person may have given a reason to refuse.
    ("calendars", _calendars),
)
