"""Computes facts anew from their events and says what differs, without changing anything.

The transformation itself does the work, in a transaction that is rolled back: what it would have changed is what is
not as the events give it. Loads wait for some tenths of a second at a time.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from psycopg import sql

from twinmart import errors
from twinmart.db.connect import Connection, lock_key, session
from twinmart.db.sqlfiles import sql_text
from twinmart.etl.extract import FACTS_LOCK
from twinmart.etl.load import AGENT_FACTS, INTERACTION_FACTS
from twinmart.etl.transform import MOST_CALLS, Transformed, Transformer

# Examples of a table that are named.
MOST_NAMED = 20

# Interactions that are computed at a time, while loads wait.
CALLS_A_SLICE = 500


@dataclass(slots=True)
class Recomputed:
    """What was computed anew, and the rows that the events give otherwise, by table, some of them by name."""

    interactions: int = 0
    agents: int = 0
    events: int = 0
    different: int = 0
    named: dict[str, list[str]] = field(default_factory=dict)


class _RolledBack(Exception):
    """Ends the transaction; never leaves this module."""


def recompute(dsn: str, site: int, *, sample: int | None = 2_000, seed: int = 0) -> Recomputed:
    """Compute about ``sample`` interactions anew, and as large a part of the agents; None: all of them.

    Of agents the last day is computed in a sample, everything whose events are kept otherwise.

    Raises:
        SiteFenced: the site is not the active one.
        SiteUnreachable: its database gives no answer.
    """
    found = Recomputed()
    with (
        session(dsn, application_name="twinmart verify", autocommit=True) as mart,
        session(dsn, application_name="twinmart verify", autocommit=True) as side,
    ):
        known, epoch, oldest, newest = mart.execute(
            "SELECT (SELECT count(*) FROM gidb.interaction), (SELECT epoch FROM cfg.topology),"
            " (SELECT min(at) FROM gidb.event), (SELECT max(at) FROM gidb.event)"
        ).fetchone() or (0, 0, None, None)
        if not known and oldest is None:
            return found
        wanted = known if sample is None else min(sample, known)
        slices = max(1, -(-known // max(1, min(wanted, CALLS_A_SLICE))))
        from_at = oldest if sample is None else max(oldest, newest - timedelta(days=1))
        chosen = range(slices) if sample is None else range(max(1, wanted * slices // max(1, known)))
        for slice_ in chosen:
            words = {"slices": slices, "slice": slice_, "seed": seed, "from_at": from_at}
            _slice(mart, Transformer(mart, side, site, epoch, in_chunks=False), words, found)
    return found


def _slice(mart: Connection, transformer: Transformer, words: dict[str, object], found: Recomputed) -> None:
    done, named = _once(mart, transformer, words)
    found.interactions += done.interactions
    found.agents += done.resources
    found.events += done.events
    found.different += done.rows_changed
    for table, rows in named.items():
        listed = found.named.setdefault(table, [])
        listed.extend(rows[: MOST_NAMED - len(listed)])


def _once(
    mart: Connection, transformer: Transformer, words: dict[str, object]
) -> tuple[Transformed, dict[str, list[str]]]:
    """Compute what has news, then the slice, and take both back; the second must have nothing to change."""
    with suppress(_RolledBack), mart.transaction():
        # No load goes on meanwhile, so that nothing is half known; a slice takes some tenths of a second. Extraction
        # comes first, held off by what it alone writes: one on its way may wait for transformations, we do not yet.
        mart.execute("LOCK TABLE gidb.event IN SHARE MODE")
        mart.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(FACTS_LOCK),))
        _transform_news(mart, transformer)
        mart.execute(sql_text("verify/sample_call"), words)
        mart.execute(sql_text("verify/sample_resource"), words)
        done = transformer.transform()
        named = _named(mart) if done.rows_changed else {}
        raise _RolledBack
    # The temporary tables that the transformer remembers went with the transaction.
    transformer.forget()
    return done, named


def _transform_news(mart: Connection, transformer: Transformer) -> None:
    news = mart.execute("SELECT count(*) FROM gidb.touched_call").fetchone()
    if news and news[0] > MOST_CALLS:
        raise errors.NotReady(
            f"{news[0]:,} calls wait to be loaded, so the facts cannot be compared with their events yet",
            hint="Load them with: twinmart etl. Then run the same command again.",
        )
    transformer.transform()
    tables = mart.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'"
    ).fetchall()
    # They are emptied at the end of a transaction, and this one holds a second transformation.
    if tables:
        names = sql.SQL(", ").join(sql.Identifier("pg_temp", name) for (name,) in tables)
        mart.execute(sql.SQL("TRUNCATE {}").format(names))


def _named(mart: Connection) -> dict[str, list[str]]:
    """Return the keys of rows that the transformation of this transaction inserted or changed."""
    named: dict[str, list[str]] = {}
    for fact in (*INTERACTION_FACTS, *AGENT_FACTS):
        query = sql.SQL(
            "SELECT to_jsonb(changed)::text FROM {} AS changed"
            " WHERE %s IN (create_audit_key, update_audit_key) LIMIT %s"
        ).format(fact.table)
        (key,) = mart.execute("SELECT value FROM ctl.counter WHERE name = 'audit'").fetchone() or (0,)
        rows = mart.execute(query, (key, MOST_NAMED)).fetchall()
        if rows:
            named[fact.name] = [row for (row,) in rows]
    return named
