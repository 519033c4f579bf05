"""A backlog: from the interaction databases to committed facts, against copying the same rows out and in."""

from psycopg import sql

from bench.place import connection, home, load, recording
from bench.report import Figure, show, stopwatch
from twinmart.db.connect import Connection
from twinmart.etl.cycle import run_once
from twinmart.model.events import Event

RUNS = 3
COPIES = 6


def main() -> None:
    """Measure and print."""
    speed = Figure("IDB to committed facts", "events/s", limit_name="COPY out and in")
    for run in range(RUNS):
        with home() as place, connection(place) as mart:
            events = load(mart, recording(), [f"bench{run}{copy}" for copy in range(COPIES)])
            with stopwatch() as elapsed:
                cycle = run_once(1, {1: place.site(1).dsn()})
            if cycle.events != events:
                raise SystemExit(f"{events} events went in, {cycle.events} came out")
            speed.values.append(events / elapsed())
            speed.limits.append(events / _copy_out_and_in(mart, f"bench{run}"))
    show(f"backlog of {COPIES} recordings, {events:,} events of ours", [speed])


def _copy_out_and_in(mart: Connection, prefix: str) -> float:
    """Copy all rows of the interaction databases into a table without indexes; the seconds it took."""
    mart.execute("CREATE TABLE public.copied (LIKE gidb.event)")
    mart.execute("ALTER TABLE public.copied DROP source_key, DROP batch")
    columns = sql.SQL(", ").join(map(sql.Identifier, Event._fields))
    reading = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT BINARY")
    writing = sql.SQL("COPY public.copied ({}) FROM STDIN BINARY").format(columns)
    with stopwatch() as elapsed:
        for copy in range(COPIES):
            with mart.transaction(), mart.cursor() as source:
                rows = bytearray()
                with source.copy(reading.format(columns, sql.Identifier(f"idb_{prefix}{copy}_a", "event"))) as out:
                    for block in out:
                        rows += block
                with source.copy(writing) as into:
                    into.write(bytes(rows))
    mart.execute("DROP TABLE public.copied")
    return elapsed()
