"""How fast two marts are compared, and how long a mart's own facts and aggregates take to be audited.

The rate for a core is the rows of both sites by the seconds that pass and the cores at work: one worker has one process
of each server hash its rows, so two cores. Hashing alone is one process of one server.
"""

import argparse
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event as Signal
from typing import Any

from bench.large import by_role, gigabytes
from bench.place import home as a_home
from bench.place import load, recording
from bench.report import Figure, show, stopwatch
from twinmart.aggregate.audit import audit
from twinmart.aggregate.job import aggregate
from twinmart.db.connect import session
from twinmart.etl.cycle import run_once
from twinmart.etl.recompute import recompute
from twinmart.replicate.compare import Comparer
from twinmart.replicate.ends import End, reach
from twinmart.replicate.signatures import Unit, signature, tables
from twinmart.site.home import Home

# Of smaller tables it is the asking that takes the time.
LEAST_ROWS = 50_000
# One process of each of two servers.
CORES = 2
COPIES = 3


def main(home: Home, chosen: argparse.Namespace) -> None:
    """Measure and print."""
    ends = by_role(home)
    comparing, rows = _comparing(ends, chosen.runs)
    figures = [*comparing, *_hashing(ends[1], chosen.runs)]
    show(f"verify, {gigabytes(ends[1]):.1f} GB, {chosen.days} days of facts, {rows:,} rows at each site", figures)
    _audit(recording())


def _comparing(ends: dict[int, End], runs: int) -> tuple[list[Figure], int]:
    """Compare both marts by the comparison that verify uses, from the first connection to the verdict."""
    rate = Figure("comparing every row of two sites", "rows/s and core")
    whole = Figure("the same", "s")
    again = Figure("comparing them once more, signatures kept", "s")
    rows = 0
    for _ in range(runs):
        with stopwatch() as elapsed:
            found = Comparer(ends[1].dsn, ends[2].dsn, workers=1).compare()
        assert found.is_equal, found
        rows = found.rows
        whole.values.append(elapsed())
        rate.values.append(2 * rows / (elapsed() * CORES))
    for _ in range(runs + 1):
        with stopwatch() as elapsed:
            Comparer(ends[1].dsn, ends[2].dsn, workers=1, trusts_days=7).compare()
        again.values.append(elapsed())
    del again.values[0]  # it kept the signatures that the others trust
    return [rate, whole, again], rows


def _hashing(end: End, runs: int) -> list[Figure]:
    """Hash every table of one site by one process; of the larger ones each by itself."""
    every = Figure("hashing, every table", "rows/s and core")
    figures = []
    with reach(end, "bench") as mart:
        mart.execute("SET max_parallel_workers_per_gather = 0")
        counted, spent = [0] * runs, [0.0] * runs
        for table in tables(mart):
            figure = Figure(f"  {table.name}, {len(table.columns)} columns", "rows/s and core")
            for run in range(runs):
                with stopwatch() as elapsed:
                    rows = signature(mart, Unit(table)).rows
                figure.values.append(rows / elapsed())
                counted[run] += rows
                spent[run] += elapsed()
            if rows >= LEAST_ROWS:
                figures.append(figure)
        every.values = [rows / seconds for rows, seconds in zip(counted, spent, strict=True)]
    return [every, *figures]


def _audit(path: Path) -> None:
    """Compute every fact of a recording anew from its events, and compare its aggregates with its facts."""
    with a_home() as place, session(place.site(1).dsn(), application_name="bench", autocommit=True) as mart:
        dsns = {1: place.site(1).dsn()}
        load(mart, path, [f"audited{copy}" for copy in range(COPIES)])
        run_once(1, dsns)
        aggregate(1, dsns, stop=Signal())
        first, last = mart.execute("SELECT min(start_at), max(start_at) FROM mart.interaction_fact").fetchone() or ()
        facts = Figure("facts computed anew", "s")
        aggregates = Figure("aggregates of all time compared with facts", "s")
        for _ in range(2):
            found, spent_s = _timed(lambda: recompute(dsns[1], 1, sample=None))
            assert not found.different, found
            facts.values.append(spent_s)
            differing, spent_s = _timed(lambda: audit(mart, from_at=first, to_at=last + timedelta(minutes=15)))
            assert not differing, differing
            aggregates.values.append(spent_s)
        title = f"audit, {found.interactions:,} interactions and {found.agents:,} agents of {found.events:,} events"
        show(title, [facts, aggregates])


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    with stopwatch() as elapsed:
        done = work()
    return done, elapsed()
