"""Decides how long what is kept, at the active site, and ends interactions that nobody will end any more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import sql

from twinmart.config.options import Options
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.upkeep.purge import Kind, commands, has_older

# A call that goes on is loaded for 31 days at most; what links calls and channels is kept as long beyond the events.
LONGEST_INTERACTION = timedelta(days=31)

# Parts of control tables that are no partitions, each with the days for which its rows are kept.
_ROWS = (
    "upkeep/purge_late_discard",
    "upkeep/purge_transform_discard",
    "upkeep/purge_gap",
    "upkeep/purge_delay",
    "upkeep/purge_fk_violation",
    "upkeep/purge_export_history",
    "upkeep/purge_purge_command",
)
_LINKS = ("upkeep/purge_link", "upkeep/purge_interaction", "upkeep/purge_open_channel")


@dataclass(frozen=True, slots=True)
class Terminated:
    """Channels that were ended artificially, by the limit that they had passed."""

    stuck: int
    too_old: int


def terminate(connection: Connection, options: Options) -> Terminated:
    """End channels that are silent for ``max-call-duration`` or open for ``days-to-keep-active-facts``.

    That is done by an event of our own; the facts follow with the next transformation. Only a source that talks can
    have silent channels.

    All times are the source's own. A real event of the channel that arrives later takes ours back.
    """
    call_s = options.number("gim-etl", "max-call-duration")
    days = options.number("gim-etl", "days-to-keep-active-facts")
    with connection.transaction():
        counts: dict[str, int] = dict(
            connection.execute(sql_text("upkeep/terminate"), {"call_s": call_s, "active_s": days * 86_400}).fetchall()
        )
    return Terminated(counts.get("stuck", 0), counts.get("too-old", 0))


def decide(connection: Connection, options: Options, site: int, now: datetime) -> Mapping[Kind, datetime]:
    """Write a command for each kind whose cut-off has moved on, and return those.

    A cut-off never moves back. Events stay as long as an interaction that needs them is open, facts as long as their
    events, and history as long as facts, which are followed through it.
    """
    wanted: dict[Kind, datetime] = {}
    wanted["gidb"] = _days_before(now, options.number("gim-etl", "days-to-keep-gidb-facts"))
    if (oldest := _oldest_active(connection)) is not None:
        wanted["gidb"] = min(wanted["gidb"], _days_before(oldest, 0))
    facts_days = options.number("gim-etl", "days-to-keep-gim-facts")
    wanted["facts"] = min(_days_before(now, facts_days), wanted["gidb"])
    cfg_days = max(facts_days, options.number("gim-etl", "days-to-keep-cfg-facts"))
    wanted["cfg"] = min(_days_before(now, cfg_days), wanted["facts"])
    history_days = options.number("gim-etl", "days-to-keep-discards-and-job-history")
    wanted["history"] = min(_days_before(now, history_days), wanted["facts"])
    known = commands(connection)
    # Without anything to drop nothing is decided: a new mart may still be given the past.
    moved = {
        kind: before
        for kind, before in wanted.items()
        if (kind not in known or before > known[kind]) and has_older(connection, kind, before)
    }
    with connection.transaction():
        for kind, before_at in moved.items():
            connection.execute(
                "INSERT INTO ctl.purge_command (kind, before_at, decided_at, epoch, site)"
                " SELECT %s, %s, %s, epoch, %s FROM cfg.topology",
                (kind, before_at, now, site),
            )
    return moved


def purge_rows(connection: Connection) -> int:
    """Delete what has no partitions and is too old, and return how many rows that were; replication carries it."""
    count = 0
    decided = commands(connection)
    if "history" in decided:
        for name in _ROWS:
            with connection.transaction():
                count += connection.execute(sql_text(name), {"before_at": decided["history"]}).rowcount
    if "facts" in decided:
        count += _purge_aggregates(connection, decided["facts"])
    if "gidb" in decided:
        with connection.transaction():
            for name in _LINKS:
                before_at = decided["gidb"] - LONGEST_INTERACTION
                count += connection.execute(sql_text(name), {"before_at": before_at}).rowcount
    return count


def _purge_aggregates(connection: Connection, before_at: datetime) -> int:
    """Delete aggregates of whole months without facts; so each level stays the sum of the one below."""
    month_key = int(before_at.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp())
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'agg'::regnamespace AND relkind = 'r' ORDER BY relname"
    ).fetchall()
    count = 0
    for schema, name in [*(("agg", name) for (name,) in tables), ("ctl", "aggregate_request")]:
        deleting = sql.SQL("DELETE FROM {} WHERE date_time_key < %s").format(sql.Identifier(schema, name))
        with connection.transaction():
            count += connection.execute(deleting, (month_key,)).rowcount
    return count


def _oldest_active(connection: Connection) -> datetime | None:
    row = connection.execute("SELECT min(start_at) FROM mart.interaction_fact WHERE active_flag = 1").fetchone()
    return row[0] if row else None


def _days_before(at: datetime, days: int) -> datetime:
    """Return midnight of UTC so many days before; partitions are made of whole days."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
