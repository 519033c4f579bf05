"""How fast two marts are compared: rows a second and core, of everything and of each of the larger tables.

Each side hashes its own rows, by one worker here, so that a core is what is measured; in earnest two work at each site.
"""

import argparse
import tempfile
from pathlib import Path

from bench.large import GB_1, Size, by_role, gigabytes, two_sites
from bench.report import Figure, show, stopwatch
from twinmart.replicate.compare import Comparer
from twinmart.replicate.ends import End, reach
from twinmart.replicate.signatures import Unit, signature, tables

# Of smaller tables it is the asking that takes the time.
LEAST_ROWS = 50_000
RUNS = 2


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--days", type=int, default=GB_1.days)
    options.add_argument("--calls", type=int, default=GB_1.calls)
    options.add_argument("--folder", type=Path)
    chosen = options.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="twinmart-bench-") as passing:
        Path(passing).chmod(0o755)
        home = two_sites(chosen.folder or Path(passing) / "home", Size(chosen.days, chosen.calls))
        try:
            ends = by_role(home)
            figures = [_hashing(ends[1]), *_whole(ends), *_by_table(ends[1])]
            show(f"verify, {gigabytes(ends[1]):.1f} GB", figures)
        finally:
            home.down()


def _hashing(end: End) -> Figure:
    """Hash every table of one site by one process."""
    figure = Figure("hashing, every table", "rows/s and core")
    with reach(end, "bench") as mart:
        mart.execute("SET max_parallel_workers_per_gather = 0")
        for _ in range(RUNS):
            with stopwatch() as elapsed:
                rows = sum(signature(mart, Unit(table)).rows for table in tables(mart))
            figure.values.append(rows / elapsed())
    return figure


def _whole(ends: dict[int, End]) -> list[Figure]:
    """Compare both marts by the comparison that verify uses; both are read, so a row counts at each site."""
    rate = Figure("comparing two sites, both read at once", "rows/s of one site")
    again = Figure("comparing them once more", "s")
    for _ in range(RUNS):
        with stopwatch() as elapsed:
            found = Comparer(ends[1].dsn, ends[2].dsn, workers=1).compare()
        assert found.is_equal, found
        rate.values.append(found.rows / elapsed())
    for _ in range(RUNS + 1):
        with stopwatch() as elapsed:
            Comparer(ends[1].dsn, ends[2].dsn, workers=1, trusts_days=7).compare()
        again.values.append(elapsed())
    del again.values[0]  # it kept the signatures that the others trust
    return [rate, again]


def _by_table(end: End) -> list[Figure]:
    figures = []
    with reach(end, "bench") as mart:
        mart.execute("SET max_parallel_workers_per_gather = 0")
        for table in tables(mart):
            figure = Figure(f"  {table.name}, {len(table.columns)} columns", "rows/s and core")
            for _ in range(RUNS):
                with stopwatch() as elapsed:
                    rows = signature(mart, Unit(table)).rows
                figure.values.append(rows / elapsed())
            if rows >= LEAST_ROWS:
                figures.append(figure)
    return figures


if __name__ == "__main__":
    main()
