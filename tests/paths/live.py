"""The whole chain at work: a recorded switch plays to two collectors, a loader follows, and each of them may be killed.

Processes are killed with SIGKILL. The twins are never deaf at the same time unless a test wants it, so that what the
switch said by itself must be there in the end, whole.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg

from tests.collect.live import ASKED, config, eventually, spawned
from tests.paths.mortal import follower
from tests.paths.walk import Twin
from tests.support import Mart, MartServer
from twinmart.collect.config import CollectorConfig
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.db.connect import Connection, connect
from twinmart.model.events import Event, Kind

TWINS: tuple[Twin, Twin] = ("a", "b")

KINDS = {str(kind): kind for kind in Kind}

# Everything a twin heard, as events.
EVENTS_OF = """
    SELECT event_id::text, at, kind, channel_id, linked_id, other_id, bridge_id, channel, queue, member, number, target,
        value, reason, detail::text
    FROM {}.event
"""

# The first and the latest thing that the switch said by itself and a twin heard since a moment of ours.
HEARD_SINCE = """
    SELECT min(at), max(at) FROM {}.event WHERE kind <> ALL (%(asked)s) AND received_at >= %(since)s
"""


@dataclass
class Played:
    """A switch that plays recordings one after the other, each time on the same port."""

    port: int = 0
    process: subprocess.Popen[str] | None = None

    def play(self, recording: Path, speed: str) -> None:
        """Begin to play a recording as soon as two clients are there."""
        self.stop()
        options = ["--port", str(self.port), "--speed", speed, "--clients", "2", "--close"]
        command = [sys.executable, "-m", "twinmart", "sim", "replay", str(recording), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rpartition(":")[2])

    @property
    def is_playing(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


@dataclass
class Chain:
    """A switch, two collectors at two sites, and a loader at the first; each of them can be killed and comes again."""

    source: str
    servers: Sequence[MartServer]
    marts: Sequence[Mart]
    configs: dict[Twin, CollectorConfig]
    switch: Played = field(default_factory=Played)
    collectors: dict[Twin, subprocess.Popen[bytes]] = field(default_factory=dict)
    loader: BaseProcess | None = None
    _started_at: dict[Twin, datetime] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)

    @property
    def dsns(self) -> dict[int, str]:
        """Connection strings of the sites."""
        return {number: mart.dsn for number, mart in enumerate(self.marts, 1)}

    def start_collector(self, twin: Twin) -> None:
        """Start a collector, in a process of its own."""
        self._started_at[twin] = datetime.now(UTC)
        self.collectors[twin] = spawned(replace(self.configs[twin], port=self.switch.port))

    def kill_collector(self, twin: Twin) -> None:
        """Kill a collector with SIGKILL."""
        self.collectors[twin].kill()
        self.collectors[twin].communicate()
        self.kills["collectors killed"] += 1

    def start_loader(self) -> None:
        """Start a loader that goes on, in a process of its own."""
        self.loader = follower(self.dsns)

    def kill_loader(self) -> None:
        """Kill the loader with SIGKILL."""
        assert self.loader is not None
        self.loader.kill()
        self.loader.join()
        self.kills["loaders killed"] += 1

    def kill_database(self, site: int) -> None:
        """Kill a site's PostgreSQL with SIGKILL."""
        pid = self.servers[site - 1].server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.kills["databases killed"] += 1

    def start_database(self, site: int) -> None:
        """Start a site's PostgreSQL again after its death."""
        self.servers[site - 1].server.start()

    def wait_until_both_hear(self) -> None:
        """Wait until each twin has what the other one heard first since it is connected, or the show is over."""
        eventually(lambda: not self.switch.is_playing or self._both_hear(), within_s=60)

    def _both_hear(self) -> bool:
        """Whether each twin has written something later than what the other one heard first since it was started."""
        heard: dict[Twin, tuple[datetime, datetime]] = {}
        for twin in TWINS:
            asked = {"asked": sorted(ASKED), "since": self._started_at[twin]}
            with suppress(psycopg.Error), self._idb(twin) as idb:
                row = idb.execute(HEARD_SINCE.format(self.configs[twin].idb_schema).encode(), asked).fetchone()
                if row is not None and row[0] is not None:
                    heard[twin] = (row[0], row[1])
        return len(heard) == len(TWINS) and heard["a"][1] > heard["b"][0] and heard["b"][1] > heard["a"][0]

    def wait_until_written(self) -> None:
        """Stop the collectors in good order, each with everything written."""
        eventually(lambda: all(self._is_up(twin) for twin in TWINS))
        for process in self.collectors.values():
            process.terminate()
        for process in self.collectors.values():
            _, told = process.communicate(timeout=60)
            assert process.returncode == 0, told.decode()
        self.collectors.clear()

    def _is_up(self, twin: Twin) -> bool:
        """Whether a collector has come so far that it says of itself how it is, and so can be told to stop."""
        with suppress(FileNotFoundError):
            return bool(json.loads(self.configs[twin].status_file.read_text())["pid"] == self.collectors[twin].pid)
        return False

    def heard(self) -> dict[Twin, list[Event]]:
        """Return what each twin has written."""
        found: dict[Twin, list[Event]] = {}
        for twin in TWINS:
            with self._idb(twin) as idb:
                rows = idb.execute(EVENTS_OF.format(self.configs[twin].idb_schema).encode())
                found[twin] = [Event(*row)._replace(kind=KINDS[row[2]]) for row in rows]
        return found

    def stop(self) -> None:
        """End everything."""
        self.switch.stop()
        if self.loader is not None:
            self.loader.kill()
            self.loader.join()
        for process in self.collectors.values():
            process.kill()
            process.communicate()

    @contextmanager
    def _idb(self, twin: Twin) -> Iterator[Connection]:
        with connect(self.marts[TWINS.index(twin)].dsn, application_name="paths", autocommit=True) as connection:
            yield connection


def timed(events: Sequence[Event]) -> set[str]:
    """The identities of what the switch said by itself."""
    return {event.event_id for event in events if str(event.kind) not in ASKED}


@contextmanager
def chain(servers: Sequence[MartServer], source: str, folder: Path) -> Iterator[Chain]:
    """Give a chain with fresh marts at two sites, nothing started yet."""
    with ExitStack() as opened:
        marts = [server.new_mart() for server in servers]
        for server, mart in zip(servers, marts, strict=True):
            opened.callback(server.drop, mart)
        with connect(marts[0].dsn, application_name="paths", autocommit=True) as mart_of_load:
            known = ensure_source(mart_of_load, source)
            collectors = [ensure_collector(mart_of_load, known, site=site) for site in (1, 2)]
        configs = {
            twin: config(mart, folder, 0, one.name, source=source)
            for twin, mart, one in zip(TWINS, marts, collectors, strict=True)
        }
        found = Chain(source, servers, marts, configs)
        opened.callback(found.stop)
        yield found
