"""The closing table of a run: what was done how often, in which time, by which seed."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

# Tells that something was done so many times more.
Tell = Callable[[str, int], None]

TOLD = "paths"


def told_by(record: Callable[[str, object], None]) -> Tell:
    """Return what a test tells the table with; it goes with the report of the test, from whatever process."""

    def tell(what: str, times: int) -> None:
        record(TOLD, (what, times))

    return tell


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table of all tests that told something."""
    times: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for what in {str(value[0]) for name, value in report.user_properties if name == TOLD}:
                seconds[what] += round(report.duration)
            for name, value in report.user_properties:
                if name == TOLD:
                    times[str(value[0])] += int(value[1])
    if not times:
        return
    terminalreporter.section(f"paths walked, seed {config.getoption('randomly_seed')}")
    width = max(map(len, times))
    for what, count in sorted(times.items()):
        terminalreporter.line(f"{what:<{width}}  {count:>6,} times  {seconds[what]:>5} s")
