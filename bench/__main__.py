"""Runs the benchmarks: all, or those named, such as ``python -m bench etl``."""

import sys
from importlib import import_module

NAMES = (
    "backfill",
    "collector",
    "etl",
    "cycle",
    "freshness",
    "aggregate",
    "report_latency",
    "replication",
    "copies",
    "verify",
    "failover",
    "switchover",
)


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all, and return the exit status."""
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in names or NAMES:
        import_module(f"bench.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
