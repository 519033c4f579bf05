"""The job that makes a mart ready for its first load: partitions since the first day of data, and calendars.

Special members, descriptors and states come with the migrations; that they are there is checked. The job may be run
again at any time.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta

from twinmart import errors
from twinmart.db.partitions import ensure_partitions
from twinmart.db.sqlfiles import sql_text
from twinmart.upkeep.calendars import ensure_calendars, ensure_views, extend_standard
from twinmart.upkeep.maintain import BEHIND
from twinmart.upkeep.work import Work, work_at


def initialize(
    site: int,
    dsns: Mapping[int, str],
    *,
    stop: threading.Event,
    tell: Callable[[str], None] | None = None,
    now: datetime | None = None,
) -> Mapping[str, object]:
    """Make partitions from ``etl-start-date`` to the range ahead, and fill the calendars; return what was made.

    Raises:
        DataError: a dimension lacks a special member.
        CalendarFixed: options of a calendar that is filled were changed; all else was done.
    """
    now = now or datetime.now(UTC)
    with work_at(site, dsns, "initialize") as work:
        _check_members(work)
        start = _start(work, now)
        ahead = timedelta(days=work.options.number("gim-etl", "partitioning-ahead-range"))
        made = ensure_partitions(work.mart, start, now + ahead)
        summary: dict[str, object] = {"site": site, "partitions": made, "from_at": start.isoformat()}
        if tell:
            tell(f"{len(made)} partitions from {start:%Y-%m-%d}")
        if stop.is_set() or not work.is_active:
            return {**summary, "views": ensure_views(work.mart)}
        with work.mart.transaction():
            parameters = {"from_key": int(start.timestamp()) // 86_400 * 86_400, "to_key": int(now.timestamp())}
            days = work.mart.execute(sql_text("transform/calendar"), parameters).rowcount // 96
        summary["calendar"] = days + extend_standard(work.mart, work.options, now)
        summary["calendars"] = ensure_calendars(work.mart, work.options, now)
    return summary


def _start(work: Work, now: datetime) -> datetime:
    day = work.options.day("gim-etl", "etl-start-date")
    start = now - BEHIND
    return min(start, datetime.combine(day, time(), UTC)) if day is not None else start


def _check_members(work: Work) -> None:
    missing = work.mart.execute(sql_text("upkeep/member_missing")).fetchall()
    if missing:
        raise errors.DataError(
            "special members of dimensions are missing",
            detail=", ".join(f"{table} {key}" for table, key in missing)
            + "; facts without a value could not be joined",
            hint="Nothing was changed. They come with migration 0003: bring them back from another site or a backup.",
        )
