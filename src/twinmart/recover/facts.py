"""Asks one site for everything that recovery wants to know of it. Nothing is changed, and nobody is waited for long."""

from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from twinmart import errors
from twinmart.db.connect import Connection
from twinmart.db.migrate import known_migrations
from twinmart.db.partitions import span_of
from twinmart.db.sqlfiles import sql_text
from twinmart.recover.model import CollectorFacts, Link, SiteFacts, SourceFacts
from twinmart.replicate import records, slot, subscription
from twinmart.replicate.link import leftover_origins, leftover_slots

# A server that has said nothing for so long is gone.
SERVER_SILENT_S = 15


def site_facts(connection: Connection, site: int, run: str) -> SiteFacts:
    """Return what a site says; the marks are those of the run and those that the site bears whatever runs.

    Raises:
        psycopg.Error: the connection broke meanwhile.
    """
    latest = len(known_migrations())
    version = _version(connection)
    link, leftovers = _link(connection)
    told: dict[str, Any] = {
        "link": link, "leftovers": leftovers, "server": server_state(connection),
        "is_half_copied": _is_half_copied(connection), "was_linked": _was_linked(connection),
        "feeds": _feeds(connection),
    }  # fmt: skip
    if not version:
        return SiteFacts(site, answers=True, latest=latest)
    if version != latest:
        return SiteFacts(site, answers=True, has_mart=True, version=version, latest=latest, **_old(connection), **told)
    row = connection.execute(sql_text("recover/site")).fetchone()
    if row is None:
        raise errors.NotInitialised(f"site {site} has no topology")
    names = (
        "epoch", "active_site", "promised_epoch", "heard_epoch", "fenced_for", "replica_of", "mart_site", "mart_point",
        "report_site", "runs_schedule", "is_held", "runs_aggregates", "backlog",
    )  # fmt: skip
    told.update(zip(names, row, strict=True))
    told["mart_site"] = told["mart_site"] or 0
    return SiteFacts(
        site,
        answers=True,
        has_mart=True,
        version=version,
        latest=latest,
        collectors=tuple(CollectorFacts(*row) for row in connection.execute(sql_text("recover/collectors"))),
        sources=_sources(connection, site),
        unsalvaged=frozenset(lost for (lost,) in connection.execute(sql_text("recover/unsalvaged"))),
        partitions_to=_partitions_to(connection),
        marks=frozenset(
            mark for (mark,) in connection.execute("SELECT mark FROM ops.recovery_mark WHERE run IN (%s, '')", (run,))
        ),
        **told,
    )


def heard_to(connection: Connection, schema: str | None) -> datetime | None:
    """Return until when the collector of an interaction database heard its source; None: never, or there is none."""
    if schema is None or not _exists(connection, f"{schema}.data_source_session"):
        return None
    asking = sql.SQL(sql_text("recover/heard")).format(
        session=sql.Identifier(schema, "data_source_session"), event=sql.Identifier(schema, "event")
    )
    row = connection.execute(asking).fetchone()
    return row[0] if row else None


def _version(connection: Connection) -> int:
    if not _exists(connection, "ops.schema_version"):
        return 0
    row = connection.execute("SELECT count(*) FROM ops.schema_version").fetchone()
    return int(row[0]) if row else 0


def _old(connection: Connection) -> dict[str, Any]:
    """Return what little is asked of a mart of an older version, until it is migrated."""
    row = connection.execute("SELECT epoch, active_site FROM cfg.topology").fetchone()
    replica = None
    if _exists(connection, "ops.replica"):
        replica = connection.execute("SELECT of_site FROM ops.replica").fetchone()
    epoch, active = row or (0, 0)
    return {"epoch": epoch, "active_site": active, "replica_of": replica[0] if replica else None}


def _link(connection: Connection) -> tuple[Link | None, tuple[str, ...]]:
    if not _exists(connection, "ops.link"):
        return None, ()
    leftovers = [f"slot {name}" for name in leftover_slots(connection, living=_served_slot(connection))]
    leftovers += [f"origin {name}" for name in leftover_origins(connection)]
    found = next(iter(subscription.find(connection)), None)
    if found is None:
        return None, tuple(leftovers)
    reached = connection.execute(sql_text("replicate/reached"), {"prefix": records.PREFIX}).fetchone()
    _, of_site, lsn, last_commit_at, _ = reached or (None, 0, None, None, None)
    known = records.living(connection, "target")
    is_complete = known is not None and known.state == "linked"
    return Link(of_site or 0, found.is_enabled, lsn, last_commit_at, is_complete), tuple(leftovers)


def _feeds(connection: Connection) -> tuple[int, ...]:
    """Return the site for which the slot of a link is kept here, whether it receives now or not."""
    known = records.living(connection, "source") if _exists(connection, "ops.link") else None
    return (known.peer_site,) if known is not None and slot.exists(connection, known.name) else ()


def _is_half_copied(connection: Connection) -> bool:
    """Whether a copy to this mart was begun and is not complete."""
    known = records.living(connection, "target") if _exists(connection, "ops.link") else None
    return known is not None and known.copy != "none" and known.state in ("preparing", "copying")


def _was_linked(connection: Connection) -> bool:
    """Return whether this mart was ever an end of a link, as the source or with a complete copy."""
    asking = "SELECT EXISTS (SELECT FROM ops.link WHERE role = 'source' OR state = 'copied' OR linked_at IS NOT NULL)"
    return _exists(connection, "ops.link") and connection.execute(asking).fetchone() == (True,)


def _served_slot(connection: Connection) -> str | None:
    """Return the slot of the link that begins here, if somebody receives from it at this moment."""
    known = records.living(connection, "source")
    if known is None:
        return None
    row = connection.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (known.name,)).fetchone()
    return known.name if row == (True,) else None


def server_state(connection: Connection) -> str:
    """Return what the mart server of a site says it does; none where it has been silent for long."""
    if not _exists(connection, "ops.server"):
        return "none"
    row = connection.execute(
        "SELECT state FROM ops.server WHERE kind = 'mart' AND heartbeat_at > now() - make_interval(secs => %s)",
        (SERVER_SILENT_S,),
    ).fetchone()
    return str(row[0]) if row and row[0] != "stopped" else "none"


def _sources(connection: Connection, site: int) -> tuple[SourceFacts, ...]:
    found = []
    rows = connection.execute(sql_text("recover/sources"), {"site": site}).fetchall()
    for _, name, at, delivered_to, schema in rows:
        heard = heard_to(connection, schema)
        found.append(SourceFacts(name, at, delivered_to, has_twin_here=heard is not None))
    return tuple(found)


def _partitions_to(connection: Connection) -> datetime | None:
    """Return until when every partitioned table has room; a mart of years has thousands of partitions."""
    rows = connection.execute(sql_text("recover/last_partitions")).fetchall()
    ends = [span_of(bound, key_kind)[1] if bound else 0 for key_kind, bound in rows]
    return datetime.fromtimestamp(min(ends), UTC) if ends else None


def _exists(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone() == (True,)


def silent(site: int, error: errors.MartError | psycopg.Error) -> SiteFacts:
    """Return the facts of a site that gives no answer."""
    told = error.message if isinstance(error, errors.MartError) else str(error).strip()
    return SiteFacts(site, answers=False, why_not=told)
