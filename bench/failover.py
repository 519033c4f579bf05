"""How long a failover takes from the command to the first committed load, split by step, on marts of different sizes.

Site 1 is killed with loads behind, and the command is run as an operator runs it: as a process of its own. Afterwards
site 1 comes back and is made active again, so that the next run finds what the first one found.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.etl.story import DAWN, SESSION, Switch

from bench.large import as_owner, by_role, gigabytes
from bench.report import stopwatch
from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.db.connect import advisory_lock, connect, session
from twinmart.errors import SiteUnreachable
from twinmart.etl.cycle import run_once
from twinmart.jobs.desk import SERVER_LOCK
from twinmart.replicate.ends import ends_of, reach
from twinmart.replicate.heartbeat import beat, wait_for
from twinmart.settings import without_sites
from twinmart.site.home import Home

WHOLE = "the whole command"

# Calls that the mart has not loaded when its site is lost.
BEHIND = 20

# How long a mart server may take to end.
END_S = 60


@dataclass(frozen=True, slots=True)
class StorySite:
    """A site's mart as the story's switch wants it."""

    dsn: str

    def connect(self, *, autocommit: bool = False) -> object:
        return connect(self.dsn, application_name="bench", autocommit=autocommit)


def leave_behind(home: Home) -> None:
    """Let both collectors of a switch hear calls of the last minutes, of which site 1 loads the first."""
    ends = ends_of(home)
    switch = Switch(StorySite(ends[1].dsn))  # type: ignore[arg-type]
    begin = round((datetime.now(UTC) - timedelta(minutes=3) - DAWN).total_seconds())
    switch.member(begin, "PJSIP/11")
    for number in range(BEHIND + 1):
        start, caller, dialled = begin + 5 * number, f"c{begin}{2 * number:02}", f"c{begin}{2 * number + 1:02}"
        switch.call(start, caller, "PJSIP/55")
        switch.dial(start + 1, caller, dialled, "PJSIP/11")
        switch.up(start + 2, dialled, caller)
        switch.bridge(start + 2, dialled, linked=caller)
        switch.bridge(start + 2, caller)
        switch.end(start + 4, dialled, caller)
        switch.end(start + 4, caller)
        if not number:
            hear(home, switch)
            run_once(1, {site: end.dsn for site, end in ends.items()})
            with reach(ends[1], "bench") as active, reach(ends[2], "bench") as standby:
                wait_for(standby, 1, beat(active, 1), timeout_s=60)
    hear(home, switch)
    switch.mart.close()


def hear(home: Home, switch: Switch) -> None:
    """Let both collectors write what was said."""
    for end, schema in zip(ends_of(home).values(), ("idb_pbx_a", "idb_pbx_b"), strict=True):
        with as_owner(end) as there:
            lines = copy_lines(switch.said, SESSION, datetime.now(UTC))
            Idb.open(there, schema).write([Record(Tag.EVENTS, lines)])
    switch.said = []


def kill(home: Home) -> None:
    """End the PostgreSQL of site 1 with all its processes, none of which says goodbye."""
    server = home.site(1).server
    assert server is not None
    pid = server.pid()
    assert pid is not None
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (pid, *map(int, children)):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


@contextmanager
def silent(home: Home) -> Iterator[None]:
    """Let site 1 take connections and never say a word, as one does whose machine or network is gone."""
    server = home.site(1).server
    assert server is not None
    place = server.socket_folder / f".s.PGSQL.{server.port}"
    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        place.chmod(0o777)
        listening.listen(100)
        yield
    place.unlink(missing_ok=True)


def command(home: Home, *words: str) -> str:
    """Run a command as a process of its own, and return what it printed."""
    line = [sys.executable, "-m", "twinmart", "--home", str(home.path), *words]
    # As installed: with its modules compiled.
    around = {name: value for name, value in without_sites().items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=around)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    return done.stdout


def fail_over(home: Home) -> Mapping[str, float]:
    """Fail over to site 2 with the command; return seconds to the first committed load, of the whole, and by step."""
    began = datetime.now(UTC)
    with stopwatch() as elapsed:
        command(home, "failover", "--yes", "2")
    return {**timings(home, began), WHOLE: elapsed()}


def timings(home: Home, began: datetime | None = None) -> dict[str, float]:
    """Return what the report of the last run says, in seconds, with the times counted from a moment."""
    told: dict[str, Any] = json.loads(command(home, "runs", "report", "--json"))
    started = datetime.fromisoformat(told["started_at"])
    found = {"command to begin of the run": (started - (began or started)).total_seconds()}
    if told["rto_ms"] is not None:
        found["command to first committed load"] = told["rto_ms"] / 1000
    steps = {f"  {step['step']}": step["spent_ms"] / 1000 for step in told["steps"] if step.get("state") == "done"}
    return {**found, **steps}


def come_back(home: Home) -> float:
    """Bring site 1 back and make it active again; return the seconds of the command."""
    end_servers(home)
    home.up()
    with stopwatch() as elapsed:
        command(home, "return", "--active", "1", "--yes", "1")
    end_servers(home)
    return elapsed()


def make_site_1_active(home: Home) -> None:
    """Make site 1 active if it is not: two sites that were kept may come from a run that broke off."""
    if by_role(home)[1].site != 1:
        come_back(home)


def end_servers(home: Home) -> None:
    """End the mart servers that a recovery has started, and wait until they are gone.

    One that aggregates is some time about it, and while it is there no other may serve the mart.
    """
    for site in home.sites:
        with suppress(OSError, ValueError):
            os.kill(int((home.folder(site.number) / "mart.pid").read_text()), signal.SIGTERM)
    for site in home.sites:
        with (
            suppress(SiteUnreachable),
            session(site.dsn(), application_name="bench", autocommit=True, statement_timeout_s=END_S) as mart,
            advisory_lock(mart, SERVER_LOCK, wait=True),
        ):
            pass


def measure(home: Home, runs: int, *, is_silent: bool) -> list[Mapping[str, float]]:
    """Lose site 1 and fail over so many times."""
    found = []
    for _ in range(runs):
        leave_behind(home)
        kill(home)
        if is_silent:
            with silent(home):
                found.append(fail_over(home))
        else:
            found.append(fail_over(home))
        back_s = come_back(home)
        found[-1] = {**found[-1], "return of site 1 afterwards, the whole command": back_s}
    return found


def show(title: str, found: Sequence[Mapping[str, float]]) -> None:
    """Print the median of each figure with its range."""
    print(f"\n{title}")
    for name in dict.fromkeys(name for one in found for name in one):
        values = [one[name] for one in found if name in one]
        print(f"  {name:<52}{statistics.median(values):8.2f} s  ({min(values):.2f} to {max(values):.2f})", flush=True)


def main(home: Home, chosen: argparse.Namespace) -> None:
    """Measure and print."""
    gb = gigabytes(ends_of(home)[2])
    found = measure(home, chosen.runs, is_silent=chosen.silent)
    how = "answers nothing" if chosen.silent else "refuses"
    show(f"failover, {gb:.1f} GB, {chosen.days} days of facts, the lost site {how}, {chosen.runs} runs", found)
