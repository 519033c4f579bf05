"""Runs the benchmarks: all, or those named, such as ``python -m bench etl``.

Those of two sites with a mart of a size share it: ``python -m bench failover verify --days 400 --calls 7000``.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from bench.large import GB_1, marts

NAMES = (
    "backfill",
    "collector",
    "etl",
    "cycle",
    "freshness",
    "aggregate",
    "report_latency",
    "replication",
)

# In this order: copies leave two sites that are alike, and the others want such.
SIZED = ("copies", "verify", "failover", "switchover")


def main(words: list[str]) -> None:
    """Run the named benchmarks, or all."""
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument(
        "names", nargs="*", choices=[*NAMES, *SIZED, []], metavar="NAME", help=", ".join(NAMES + SIZED)
    )
    options.add_argument("--days", type=int, default=GB_1.days, help="days of facts of a mart of a size")
    options.add_argument("--calls", type=int, default=GB_1.calls, help="calls of each of these days")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--folder", type=Path, help="keep the two sites here, for another time")
    options.add_argument("--silent", action="store_true", help="a lost site keeps its address and answers nothing")
    chosen = options.parse_args(words)
    for name in NAMES:
        if name in chosen.names or not chosen.names:
            import_module(f"bench.{name}").main()
    sized = [name for name in SIZED if name in chosen.names or not chosen.names]
    if sized:
        with marts(chosen) as home:
            import_module("bench.failover").make_site_1_active(home)
            for name in sized:
                import_module(f"bench.{name}").main(home, chosen)


if __name__ == "__main__":
    main(sys.argv[1:])
