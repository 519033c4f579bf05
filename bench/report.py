"""How every benchmark reports: medians of several runs, beside a limit measured in the same run."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Figure:
    """One quantity measured several times, with the limit it is compared with."""

    name: str
    unit: str
    values: list[float] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)
    limit_name: str = ""

    def line(self) -> tuple[str, str, str, str]:
        """Return name, median with spread, limit and ratio as cells."""
        median = statistics.median(self.values)
        spread = f"{_round(median)} {self.unit} ({_round(min(self.values))} to {_round(max(self.values))})"
        if not self.limits:
            return self.name, spread, "", ""
        limit = statistics.median(self.limits)
        return self.name, spread, f"{self.limit_name} {_round(limit)}", f"{median / limit:.2f}"


def show(title: str, figures: list[Figure]) -> None:
    """Print a benchmark's table."""
    rows = [("what", "median (min to max)", "limit", "ratio"), *(figure.line() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    print(f"\n{title}")
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Give a function that tells the seconds since the block was entered; the end of the block stops it."""
    started = time.perf_counter()
    ended: list[float] = []
    yield lambda: (ended[0] if ended else time.perf_counter()) - started
    ended.append(time.perf_counter())


def _round(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
