"""From the socket to the fact: a live switch, two collectors at two sites, and cycles that follow one another."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.place import connection, home, recording
from bench.report import Figure, show
from twinmart.db.connect import Connection
from twinmart.etl.cycle import Etl
from twinmart.site.home import Home

SECONDS = 40
WARM_UP_S = 10
EVENTS_A_SECOND = 500
# The recording's own pace; other recordings are played at the same number of events a second.
PACE = 174
PAUSE_S = 0.1

TWINMART = [sys.executable, "-m", "twinmart"]

DELAYS = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(fact.xmin) - heard.received_at)::float
FROM idb_live_a.event AS heard
JOIN mart.interaction_resource_fact AS fact ON fact.channel_id = heard.channel_id AND fact.end_at IS NOT NULL
WHERE heard.kind = 'channel_end'
  AND heard.received_at > (SELECT min(received_at) FROM idb_live_a.event) + make_interval(secs => %s)
ORDER BY 1
"""


def main() -> None:
    """Measure and print."""
    with home(2) as place, connection(place) as mart:
        with _chain(place), _following(place):
            _wait_for_the_first(mart)
            time.sleep(SECONDS)
        delays = [seconds for (seconds,) in mart.execute(DELAYS, (WARM_UP_S,))]
        heard = mart.execute("SELECT sum(events) FROM idb_live_a.data_source_session").fetchone()
    if not delays:
        raise SystemExit("no call ended within the time measured")
    figures = [
        Figure(f"{name} of {len(delays)} calls", "s", [delays[min(len(delays) - 1, int(len(delays) * share))]])
        for name, share in (("median", 0.5), ("p99", 0.99), ("longest", 1.0))
    ]
    for figure in figures:
        figure.limits, figure.limit_name = [2.0], "goal"
    kept = heard[0] if heard else 0
    show(f"end of a call at the socket to committed fact, {EVENTS_A_SECOND} AMI events/s, {kept} of ours", figures)


@contextmanager
def _chain(place: Home) -> Iterator[None]:
    """Run a switch that plays a recording, and both its collectors, as processes."""
    playing = subprocess.Popen(
        [
            *TWINMART, "sim", "replay", str(recording()), "--clients", "2", "--shift-to-now",
            "--speed", f"{EVENTS_A_SECOND / PACE:.3f}",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    processes = [playing]
    try:
        line = playing.stdout.readline() if playing.stdout else ""
        port = re.search(r":(\d+)", line)
        if port is None:
            raise SystemExit(f"the switch did not start: {line}")
        environment = {**os.environ, "BENCH_SECRET": "collector"}
        at_home = [*TWINMART, "--home", str(place.path)]
        subprocess.run(
            [*at_home, "source", "add", "live", "--host", "127.0.0.1", "--port", port[1], "--username", "collector",
             "--secret", "env:BENCH_SECRET"],
            check=True, stdout=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        processes += [
            subprocess.Popen(
                [*at_home, "collect", "--collector", f"live_{twin}"],
                env=environment,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for twin in "ab"
        ]
        yield
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(30)


@contextmanager
def _following(place: Home) -> Iterator[None]:
    """Run cycle after cycle in a thread."""
    stop = threading.Event()
    dsns = {site.number: site.dsn() for site in place.sites}

    def follow() -> None:
        with Etl(1, dsns) as etl:
            while not stop.is_set():
                etl.cycle(stop=stop)
                stop.wait(PAUSE_S)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _wait_for_the_first(mart: Connection) -> None:
    until = time.monotonic() + 60
    while mart.execute("SELECT EXISTS (SELECT FROM mart.interaction_fact)").fetchone() == (False,):
        if time.monotonic() > until:
            raise SystemExit("no fact within a minute")
        time.sleep(0.1)
