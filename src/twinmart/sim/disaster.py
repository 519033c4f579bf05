"""The demo's bad night: a site is killed in the middle of traffic, the other takes over, and both are made whole again.

Nothing here knows how a site recovers: the commands that an operator would type are run, and what they report is told.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from twinmart.config.store import Store
from twinmart.db.connect import session
from twinmart.errors import StepFailed
from twinmart.replicate import link
from twinmart.replicate.ends import ends_of
from twinmart.settings import without_sites
from twinmart.sim.troupe import Player, Troupe
from twinmart.site.home import Home

Say = Callable[[str], None]

LOST, SURVIVOR = 1, 2
COMMAND_S = 300.0


@dataclass(frozen=True, slots=True)
class Source:
    """What the loss of the site cost of one source: events fetched from the twin, and spans that nobody has."""

    name: str
    recovered_events: int
    recovered_calls: int
    gone_s: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was measured: how long until loads went on, what was lost, how long the return took, what was compared."""

    rto_s: float | None
    failover_s: float
    return_s: float
    sources: tuple[Source, ...]
    rows_compared: int
    rows_different: int
    verdict: str

    @property
    def is_right(self) -> bool:
        """Whether nothing is gone and both sites hold the same."""
        return self.verdict == "right" and not self.rows_different and not any(one.gone_s for one in self.sources)


def prepare(home: Home, say: Say) -> None:
    """Let site 2 follow site 1, and the mart servers load without a pause."""
    ends = ends_of(home)
    link.set_up(ends[LOST], ends[SURVIVOR])
    with session(home.site(LOST).dsn(), application_name="twinmart demo") as mart:
        store = Store(mart, author="demo", reason="the demo does not wait")
        for name, value in always_open(datetime.now(UTC)).items():
            store.set_option("application", "mart", "schedule", name, value)
    say(f"site {SURVIVOR} follows site {LOST}: each commit there is here a moment later")


def always_open(now: datetime) -> dict[str, str]:
    """Return the schedule by which loads follow one another at this hour, whichever it is; by itself it has a night.

    The hour in which nothing is loaded, which maintenance has to itself, is the one that was over last.

    >>> always_open(datetime(2026, 11, 22, 0, 20, tzinfo=UTC))["etl-start-time"]
    '00:00'
    """
    start, end = f"{now.hour:02}:00", f"{(now.hour - 1) % 24:02}:00"
    maintain = f"{(now.hour - 1) % 24:02}:30"
    return {
        "run-scheduler": "true", "etl-frequency": "0", "etl-start-time": start, "etl-end-time": end,
        "maintain-start-time": maintain,
    }  # fmt: skip


def start_servers(troupe: Troupe, *sites: int) -> dict[int, Player]:
    """Start the mart server of each site."""
    return {site: troupe.start(f"mart-{site}", "mart", "run", "--site", str(site)) for site in sites}


def lose(home: Home, troupe: Troupe, players: Sequence[Player], say: Say) -> None:
    """Kill everything that runs at the site: no process there says goodbye."""
    server = home.site(LOST).server
    pid = server.pid() if server else None
    troupe.lose(players)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    names = ", ".join(one.name for one in players)
    say(f"SITE {LOST} IS LOST: PostgreSQL, {names} are killed")


def fail_over(home: Home, say: Say) -> tuple[float, float | None, tuple[Source, ...]]:
    """Let the survivor take over; return the seconds of the command, those to the first load, and what was lost."""
    began = time.monotonic()
    command(home, "failover", "--yes", str(SURVIVOR))
    spent_s = time.monotonic() - began
    report = json.loads(command(home, "runs", "report", "--json"))
    rto_s = report["rto_ms"] / 1000 if report["rto_ms"] is not None else None
    sources = tuple(
        Source(one["source"], one["recovered_events"], one["recovered_calls"], one["gone_s"]) for one in report["rpo"]
    )
    done = sum(step["state"] == "done" for step in report["steps"])
    say(f"twinmart failover: {done} steps done, site {SURVIVOR} loads {_seconds(rto_s)} after the command began")
    for one in sources:
        say(f"  {one.name}: {one.recovered_events:,} events from the twin, {one.gone_s:.1f} s gone for good")
    return spent_s, rto_s, sources


def return_(home: Home, troupe: Troupe, collectors: Sequence[str], say: Say) -> float:
    """Bring the lost site back and make it active again; return the seconds of the command."""
    server = home.site(LOST).server
    if server is not None:
        server.start()
    say(f"site {LOST} is back, with what it held when it died")
    start_servers(troupe, LOST)
    began = time.monotonic()
    command(home, "return", "--active", str(LOST), "--yes", str(LOST))
    spent_s = time.monotonic() - began
    for name in collectors:
        troupe.start(name, "collect", "--collector", name, "--site", str(LOST))
    say(f"twinmart return: site {LOST} is active, site {SURVIVOR} follows it, in {spent_s:.1f} s; loads paused briefly")
    return spent_s


def verify(home: Home, say: Say) -> tuple[int, int, str]:
    """Compare the sites; return the rows compared, those that differ, and the verdict."""
    made = json.loads(command(home, "verify", "--json", accept=(0, 6, 7)))
    compared = made["comparison"] or {"rows": 0, "different": 0}
    different = compared["different"] + (made["recomputed"] or {"different": 0})["different"]
    say(f"twinmart verify: {compared['rows']:,} rows compared, {different} differ: {made['verdict']}")
    return compared["rows"], different, made["verdict"]


def command(home: Home, *words: str, accept: Sequence[int] = (0,)) -> str:
    """Run a command of ``twinmart`` on the folder as an operator does, and return what it printed.

    Raises:
        StepFailed: it ended otherwise than expected.
    """
    line = [sys.executable, "-m", "twinmart", "--home", str(home.path), *words]
    done: subprocess.CompletedProcess[Any] = subprocess.run(
        line, capture_output=True, text=True, env=without_sites(), timeout=COMMAND_S, stdin=subprocess.DEVNULL,
        check=False,
    )  # fmt: skip
    if done.returncode not in accept:
        told = "\n".join([*done.stdout.splitlines()[-8:], *done.stderr.splitlines()[-8:]])
        raise StepFailed(f'"twinmart {" ".join(words)}" ended with exit code {done.returncode}', detail=told)
    return str(done.stdout)


def _seconds(value: float | None) -> str:
    return "not known how long" if value is None else f"{value:.1f} s"
