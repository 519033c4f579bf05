"""The link between two sites: its rate beside plain logical replication of the same rows, and what crosses the wire."""

import time

from psycopg import sql

from bench.place import connection, home, load, recording
from bench.report import Figure, show, stopwatch
from twinmart.db.connect import Connection, connect
from twinmart.etl.cycle import run_once
from twinmart.replicate import link
from twinmart.replicate.ends import End, ends_of
from twinmart.replicate.heartbeat import beat, wait_for
from twinmart.replicate.schema import PUBLICATION

RUNS = 3
ROWS = 100_000
SMALL_ROWS, SMALL_EACH = 20_000, 20

# A change is sent behind so many bytes: those of a copy's message, and position and time of the log.
HEADER_BYTES = 5 + 25

OURS, PLAIN = "ctl.transform_history", "public.plain"


def main() -> None:
    """Measure and print."""
    large = Figure(f"{ROWS:,} rows in one transaction", "rows/s", limit_name="plain logical replication")
    small = Figure(f"{SMALL_ROWS:,} rows, {SMALL_EACH} a transaction", "rows/s", limit_name="plain logical replication")
    wire = Figure("sent for an interaction", "bytes")
    log = Figure("written to the log for an interaction", "bytes")
    with home(sites=2) as place, connection(place) as mart:
        ends = ends_of(place)
        link.set_up(ends[1], ends[2])
        with connect(ends[2].reach, application_name="bench", autocommit=True) as other:
            other.execute("SET default_transaction_read_only = off")
            _replicate_plainly(mart, other, ends[1])
            for run in range(RUNS):
                for rate, rows, each in ((large, ROWS, ROWS), (small, SMALL_ROWS, SMALL_EACH)):
                    rate.limits.append(_rate(mart, other, PLAIN, rows, each, run))
                    rate.values.append(_rate(mart, other, OURS, rows, each, run))
            other.execute("DROP SUBSCRIPTION plain")
        _measure_load(mart, place.site(1).dsn(), ends[1], wire, log)
    show("replication", [large, small, wire, log])


def _replicate_plainly(mart: Connection, other: Connection, source: End) -> None:
    """Let a table of the same shape cross by PostgreSQL's own means, with its defaults."""
    for one in (mart, other):
        one.execute("CREATE TABLE public.plain (LIKE ctl.transform_history INCLUDING ALL)")
    mart.execute("CREATE PUBLICATION plain FOR TABLE public.plain")
    making = sql.SQL("CREATE SUBSCRIPTION plain CONNECTION {} PUBLICATION plain")
    assert source.server is not None
    other.execute(making.format(sql.Literal(source.server.dsn(database="twinmart"))))
    while other.execute("SELECT 1 FROM pg_subscription_rel WHERE srsubstate <> 'r'").fetchone():
        time.sleep(0.1)


def _rate(mart: Connection, other: Connection, table: str, rows: int, each: int, run: int) -> float:
    """Insert rows, so many a transaction, and wait until they are at the other site; rows a second, end to end."""
    name = sql.Identifier(*table.split("."))
    filling = sql.SQL("INSERT INTO {} SELECT n, now(), now(), n, n, n, n FROM generate_series(%s::bigint, %s) AS n")
    first = 10**9 * (run + 1) + (0 if rows == each else 10**8)
    with stopwatch() as elapsed:
        for start in range(first, first + rows, each):
            mart.execute(filling.format(name), (start, start + each - 1))
        if table == PLAIN:
            # The last row of the last transaction: all before it have arrived.
            last = "SELECT audit_key FROM public.plain ORDER BY started_at DESC, audit_key DESC LIMIT 1"
            while other.execute(last).fetchone() != (first + rows - 1,):
                time.sleep(0.02)
        else:
            wait_for(other, 1, beat(mart, 1), timeout_s=120)
    return rows / elapsed()


def _measure_load(mart: Connection, dsn: str, source: End, wire: Figure, log: Figure) -> None:
    """Load a recording and count what the link sends of it, by a slot that is asked for the same as the link's."""
    with connect(source.reach, application_name="bench", autocommit=True) as admin:
        admin.execute("SELECT pg_create_logical_replication_slot('bench', 'pgoutput')")
        load(mart, recording(), ["wire"])
        before = _position(mart)
        cycle = run_once(1, {1: dsn})
        written = _position(mart) - before
        row = admin.execute(
            "SELECT count(*), sum(octet_length(data)) FROM pg_logical_slot_peek_binary_changes('bench', NULL, NULL,"
            " 'proto_version', '4', 'publication_names', %s, 'binary', 'true', 'origin', 'none')",
            (PUBLICATION,),
        ).fetchone()
        admin.execute("SELECT pg_drop_replication_slot('bench')")
    messages, size = row or (0, 0)
    interactions = max(cycle.interactions, 1)
    wire.values.append((int(size) + messages * HEADER_BYTES) / interactions)
    log.values.append(written / interactions)


def _position(mart: Connection) -> int:
    row = mart.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").fetchone()
    return int(row[0]) if row else 0
