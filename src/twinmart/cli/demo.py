"""The command that shows everything at once: demo."""

import signal
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from twinmart.cli.context import answer, settings_of, table
from twinmart.sim.demo import Result, run
from twinmart.sim.disaster import Recovery
from twinmart.sim.samples import NEAR_S, NEAR_SHARE, Pair, Total

DIFFERS = 3


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)


def demo(
    ctx: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option("--home", metavar="DIR", help="Folder for the sites, empty or new; else one that passes."),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.1, max=100, help="How many times as fast as they were recorded to play the calls.")
    ] = 6,
    quick: Annotated[bool, typer.Option("--quick", help="Lose no site: half a minute, and only the figures.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the folder as it is at the end, with its servers stopped.")
    ] = False,
) -> None:
    """Show everything at work, the loss of a site included, and compare what comes out with what was.

    Two sites, two switches played from recordings, four collectors, two mart servers. In the middle of traffic site 1
    is killed; site 2 takes over, site 1 comes back, and both are verified. At the end the mart is compared with what
    the phones in the recordings noted. Nothing is left of it afterwards. Exit code 0 only if all of it is right.

    Example: twinmart demo
    """
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {text}", flush=True)

    # A terminal that is closed, or a service that is stopped, ends the demo as Ctrl-C does: nothing is left.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    result = run(settings_of(ctx), folder=home, speed=speed, keep=keep, loses_site=not quick, say=say)
    say(f"everything is stopped; {result.folder} is kept" if keep else "everything is stopped and removed")
    _show(result)
    if keep:
        answer(f"next   twinmart --home {result.folder} up")
    if not result.is_right:
        raise typer.Exit(DIFFERS)


def _show(result: Result) -> None:
    head = ("visits", "answered", "abandoned", "others", "wait s", "talk s", "hold s")
    answer("\nqueues, mart/truth; the wait is that of the answered")
    answer(_pairs("queue", head, result.queues))
    answer("\nagents, mart/truth; calls from queues")
    answer(_pairs("agent", ("answered", "talk s", "hold s"), result.agents))
    if result.recovery is not None:
        _show_recovery(result.recovery)
    counted = f"{len(result.queues)} queues and {len(result.agents)} agents"
    if result.wrong:
        answer(f"\nDIFFERS   {result.wrong} of {counted} are not as the phones noted them")
    else:
        answer(
            f"\nAGREES   {counted}: every count is what the phones noted, every figure of seconds within "
            f"{NEAR_SHARE:.1%} or {NEAR_S} s"
        )


def _show_recovery(recovery: Recovery) -> None:
    answer("\nthe loss of site 1")
    known = "—" if recovery.rto_s is None else f"{recovery.rto_s:.1f} s"
    rows: list[tuple[str, str]] = [
        ("loads went on after (RTO)", known),
        ("failover, the whole command", f"{recovery.failover_s:.1f} s"),
        ("return, the whole command", f"{recovery.return_s:.1f} s"),
        ("rows compared between the sites", f"{recovery.rows_compared:,}, {recovery.rows_different} differ"),
    ]
    for one in recovery.sources:
        lost = "nothing lost" if not one.gone_s else f"{one.gone_s:.1f} s gone"
        rows.append((f"{one.name} (RPO)", f"{lost}; {one.recovered_events:,} events came from the twin"))
    answer(table(("measured", ""), rows))
    answer("RIGHT   nothing is gone, and both sites hold the same" if recovery.is_right else "WRONG   see above")


def _pairs(what: str, head: Sequence[str], found: Sequence[Pair[Total]]) -> str:
    """Lay out a comparison: mart and truth in one cell, columns to the right."""
    lines = [[f"{_text(mart)}/{_text(truth)}" for mart, truth in _measures(pair)] for pair in found]
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]
    rows = [
        (pair.truth.source, pair.truth.name, *_right(line, widths), "✔" if pair.agrees else "✘ differs")
        for pair, line in zip(found, lines, strict=True)
    ]
    return table(("source", what, *_right(head, widths), ""), rows)


def _right(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]


def _measures(pair: Pair[Total]) -> list[tuple[object, object]]:
    """Return mart and truth of each measure, in the order of the columns."""
    names = [field.name for field in fields(pair.truth)][2:]
    return [(getattr(pair.mart, name), getattr(pair.truth, name)) for name in names]


def _text(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
