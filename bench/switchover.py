"""How long loads pause in a switchover: between the last load at the old active site and the first at the new one.

A mart server works at each site and a call is heard by both collectors five times a second, so a load is committed at
least as often. The moments are those of the commits, as the servers themselves record them.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from threading import Event as Signal
from threading import Thread

from tests.etl.story import DAWN, Switch

from bench.failover import StorySite, command, hear, show, timings
from bench.large import gigabytes
from bench.report import stopwatch
from twinmart.config.store import Store
from twinmart.db.connect import session
from twinmart.replicate.ends import ends_of
from twinmart.sim.disaster import always_open
from twinmart.site.home import Home

CALL_EVERY_S = 0.2
START_S = 120


@contextmanager
def servers(home: Home) -> Iterator[None]:
    """Run a mart server at each site that loads without a pause."""
    with session(home.site(1).dsn(), application_name="bench") as mart:
        store = Store(mart, author="bench")
        for name, value in always_open(datetime.now(UTC)).items():
            store.set_option("application", "mart", "schedule", name, value)
    with ExitStack() as running:
        for site in home.sites:
            log = running.enter_context((home.folder(site.number) / "bench.log").open("ab"))
            line = [sys.executable, "-m", "twinmart", "--home", str(home.path), "mart", "run"]
            started = subprocess.Popen([*line, "--site", str(site.number)], stdout=log, stderr=log)
            running.callback(started.wait)
            running.callback(started.terminate)
        yield


@contextmanager
def traffic(home: Home) -> Iterator[None]:
    """Let both collectors hear a call every now and then, until the block ends."""
    stop = Signal()
    switch = Switch(StorySite(ends_of(home)[1].dsn))  # type: ignore[arg-type]

    def talk() -> None:
        number = 0
        while not stop.wait(CALL_EVERY_S):
            second = round((datetime.now(UTC) - DAWN).total_seconds(), 3)
            caller = f"c{round(second * 10)}{number % 10}"
            number += 1
            switch.call(second, caller, "PJSIP/55")
            switch.end(second + 0.05, caller)
            hear(home, switch)

    talking = Thread(target=talk)
    talking.start()
    try:
        yield
    finally:
        stop.set()
        talking.join()
        switch.mart.close()


def loads(home: Home, site: int, since: datetime) -> list[datetime]:
    """Return when a site committed loads of its own."""
    with session(home.site(site).dsn(), application_name="bench") as mart:
        rows = mart.execute(
            "SELECT pg_xact_commit_timestamp(xmin) FROM ctl.audit_log WHERE created_at > %s AND site = %s ORDER BY 1",
            (since, site),
        )
        return [at for (at,) in rows]


def measure(home: Home, runs: int) -> list[dict[str, float]]:
    """Switch over to and fro, and return seconds of the loads' pause, of the command and of its steps."""
    found = []
    with servers(home), traffic(home):
        old, new = 1, 2
        for _ in range(runs + runs % 2):  # so that site 1 is active again
            _wait_for_load(home, old)
            began = datetime.now(UTC)
            with stopwatch() as elapsed:
                command(home, "switchover", "--yes", str(new))
            spent_s = elapsed()
            _wait_for_load(home, new)
            before, after = loads(home, old, began), loads(home, new, began)
            pause_s = (after[0] - before[-1]).total_seconds()
            told = timings(home, began)
            found.append({"loads' pause": pause_s, "the whole command": spent_s, **told})
            old, new = new, old
    return found


def _wait_for_load(home: Home, site: int) -> None:
    since, deadline = datetime.now(UTC), time.monotonic() + START_S
    while len(loads(home, site, since)) < 3:
        if time.monotonic() > deadline:
            told = (home.folder(site) / "bench.log").read_text(encoding="utf-8")
            raise RuntimeError(f"site {site} does not load: {told[-2000:]}")
        time.sleep(0.2)


def main(home: Home, chosen: argparse.Namespace) -> None:
    """Measure and print."""
    gb = gigabytes(ends_of(home)[2])
    found = measure(home, chosen.runs)
    show(f"switchover, {gb:.1f} GB, {chosen.days} days of facts, {len(found)} runs", found)
