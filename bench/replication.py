"""The link between two sites: its rate against plain logical replication, what a copy costs, what crosses the wire."""

import time

from psycopg import sql

from bench.place import connection, home, load, recording
from bench.report import Figure, show, stopwatch
from twinmart.db.connect import Connection, connect
from twinmart.etl.cycle import run_once
from twinmart.replicate import link
from twinmart.replicate.ends import End, ends_of
from twinmart.replicate.heartbeat import beat, wait_for

COPIES = 2
ROWS = 100_000


def main() -> None:
    """Measure and print."""
    rate = Figure("rows over the link", "rows/s", limit_name="plain logical replication")
    copied = Figure("first copy, online", "MiB/s", limit_name="pg_dump and pg_restore")
    wire = Figure("write-ahead log sent", "bytes/interaction")
    with home(sites=2) as place, connection(place) as mart:
        ends = ends_of(place)
        load(mart, recording(), [f"bench{copy}" for copy in range(COPIES)])
        run_once(1, {1: place.site(1).dsn()})
        size = _size(mart)
        for figures, method in ((copied.limits, "dump"), (copied.values, "online")):
            link.tear_down(ends[1], ends[2])
            with stopwatch() as elapsed:
                link.set_up(ends[1], ends[2], method="dump" if method == "dump" else "online")
            figures.append(size / elapsed())
        rate.limits.append(_rate(ends, mart, "public.plain"))
        rate.values.append(_rate(ends, mart, "ctl.transform_history"))
        load(mart, recording(), ["wire"])
        before = _position(mart)
        cycle = run_once(1, {1: place.site(1).dsn()})
        wire.values.append((_position(mart) - before) / max(cycle.interactions, 1))
    show(f"replication, {size:.0f} MiB copied, {ROWS:,} rows sent", [rate, copied, wire])


def _rate(ends: dict[int, End], mart: Connection, table: str) -> float:
    """Insert rows in one transaction and wait until they are at the other site; rows a second, end to end."""
    is_plain = table == "public.plain"
    name = sql.Identifier(*table.split("."))
    with connect(ends[2].reach, application_name="bench", autocommit=True) as other:
        other.execute("SET default_transaction_read_only = off")
        if is_plain:
            making = sql.SQL(
                "CREATE TABLE public.plain (audit_key bigint, started_at timestamptz, ended_at timestamptz,"
                " interactions bigint, resources bigint, events bigint, rows_changed bigint,"
                " PRIMARY KEY (started_at, audit_key))"
            )
            for one in (mart, other):
                one.execute(making)
            mart.execute("CREATE PUBLICATION plain FOR TABLE public.plain")
            making = sql.SQL("CREATE SUBSCRIPTION plain CONNECTION {} PUBLICATION plain")
            other.execute(making.format(sql.Literal(ends[1].server.dsn(database="twinmart") if ends[1].server else "")))
            time.sleep(2)
        with stopwatch() as elapsed:
            filling = sql.SQL(
                "INSERT INTO {} SELECT n, now(), now(), n, n, n, n FROM generate_series(1000000, 1000000 + {}) AS n"
            )
            mart.execute(filling.format(name, sql.Literal(ROWS - 1)))
            if is_plain:
                while other.execute("SELECT count(*) FROM public.plain").fetchone() != (ROWS,):
                    time.sleep(0.05)
            else:
                wait_for(other, 1, beat(mart, 1), timeout_s=120)
        seconds = elapsed()
        if is_plain:
            other.execute("DROP SUBSCRIPTION plain")
    return ROWS / seconds


def _size(mart: Connection) -> float:
    row = mart.execute("SELECT sum(pg_total_relation_size(table_oid)) / 1048576.0 FROM ops.replicated_table").fetchone()
    return float(row[0]) if row else 0.0


def _position(mart: Connection) -> int:
    row = mart.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").fetchone()
    return int(row[0]) if row else 0
