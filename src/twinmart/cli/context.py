"""What every command is given: settings read once, the folder of sites, and how to talk to the person.

The answer goes to stdout; talk, such as progress and errors, goes to stderr. Progress is for people who watch, so it is
told on a terminal only.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from typing import Any, TypeVar

import typer

from twinmart.settings import Settings
from twinmart.site.home import Home


def settings_of(ctx: typer.Context) -> Settings:
    """Return the settings that the global options and the environment gave."""
    settings = ctx.find_object(Settings)
    if settings is None:  # only when a command is called by itself, in a test
        settings = Settings.load()
    return settings


def home_of(ctx: typer.Context) -> Home:
    """Return the folder of sites that the command works on."""
    return Home(settings_of(ctx))


def tell(message: str) -> None:
    """Say how far things are, to a person at a terminal and to nobody else."""
    if sys.stderr.isatty():
        print(message, file=sys.stderr, flush=True)


def tell_of_site(number: int, message: str) -> None:
    """Say what was done for a site."""
    tell(f"site {number}  {message}")


def answer(text: str) -> None:
    """Print the answer of a command."""
    print(text)


def answer_json(**fields: Any) -> None:
    """Print the answer of a command as JSON; ``v`` is the version of its shape and is raised when a field goes away."""
    print(json.dumps({"v": 1, **fields}, ensure_ascii=False, default=str))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out rows in columns, two spaces apart and two spaces in, without lines between them."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(f"  {line}".rstrip() for line in lines)


def span(seconds: float) -> str:
    """Return a span in the words that its length asks for.

    >>> span(2.4), span(400), span(9000), span(200_000)
    ('2 s', '6 min', '2 h', '2 days')
    """
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"


def process_began_at() -> datetime:
    """Return when this process began, before any of its code ran; where the system does not tell, now."""
    now = datetime.now(UTC)
    try:
        told = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
        since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):
        return now
    return min(now, now - timedelta(seconds=since_boot - int(told) / os.sysconf("SC_CLK_TCK")))


_Stop = TypeVar("_Stop", bound=Signal)


@contextmanager
def stop_signal(stop: _Stop) -> Iterator[_Stop]:
    """Let Ctrl-C and SIGTERM set a signal while the block runs; a second Ctrl-C stops at once."""

    def ask(*_: object) -> None:
        stop.set()
        restore()

    def restore() -> None:
        for number, handler in before:
            signal.signal(number, handler)

    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    for number, _ in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()
