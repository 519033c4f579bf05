"""Two servers that belong to these tests alone: they may be set, stopped, frozen, killed and cut off."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from psycopg import conninfo

from tests.proxy import Proxy
from tests.replicate.conftest import Pair, pair_of, take_down
from tests.replicate.test_states import at
from tests.support import MartServer, running_server
from twinmart.replicate.heartbeat import beat, has_crossed
from twinmart.replicate.watch import heal
from twinmart.site.postgres import Server

# Seconds instead of what suits a line between cities, so that a test need not wait for it; and what P6 needs.
SETTINGS = {
    "wal_sender_timeout": "2s",
    "wal_receiver_timeout": "2s",
    "wal_retrieve_retry_interval": "200ms",
    "max_prepared_transactions": "4",
}
PATIENCE_S = 90.0

FILL = b"INSERT INTO ctl.counter SELECT '%s ' || n, n FROM generate_series(1, %d) AS n"
SUM = b"SELECT count(*), sum(hash_record_extended(counter, 0)) FROM ctl.counter"


@dataclass
class Line:
    """Two marts, site 2 following site 1 through a proxy once ``set_up`` was called."""

    pair: Pair
    proxy: Proxy

    def say(self, word: bytes, rows: int = 500) -> None:
        """Write at the active site."""
        at(self.pair.source, FILL % (word, rows))

    def arrives(self) -> None:
        """Wait until the standby has everything, looking after the link as the mart servers do; both are equal then."""
        arrives(self.pair)


def arrives(pair: Pair) -> None:
    """Wait until the standby has everything; both are equal then."""
    number = beat(pair.mart.connect(autocommit=True), 1)
    standby = pair.other_mart.connect(autocommit=True)

    def has_it() -> bool:
        heal(pair.source, pair.target)
        return has_crossed(standby, 1, number)

    wait_until(has_it)
    assert at(pair.target, SUM) == at(pair.source, SUM)


@pytest.fixture(scope="session")
def own_servers(scratch_root: Path) -> Iterator[tuple[MartServer, MartServer]]:
    with (
        running_server(scratch_root / "f1", SETTINGS) as first,
        running_server(scratch_root / "f2", SETTINGS) as second,
    ):
        yield first, second


@pytest.fixture
def own_pair(own_servers: tuple[MartServer, MartServer]) -> Iterator[Pair]:
    """Two marts on these servers that know nothing of each other yet."""
    first, second = own_servers
    made = pair_of(first.new_mart(), second.new_mart())
    yield made
    take_down(made)
    first.drop(made.mart)
    second.drop(made.other_mart)


@pytest.fixture
def own_line(own_pair: Pair) -> Iterator[Line]:
    """The two, linked, with a proxy between."""
    with Proxy(own_pair.mart.server.port) as proxy:
        through = conninfo.make_conninfo(own_pair.source.source_dsn or "", port=proxy.own_port)
        own_pair.source = replace(own_pair.source, source_dsn=through)
        own_pair.set_up()
        yield Line(own_pair, proxy)
        proxy.mend()
        take_down(own_pair)


def wait_until(holds: Callable[[], object], within_s: float = PATIENCE_S, every_s: float = 0.1) -> None:
    """Wait for a state, for as long as a machine that does other things too may need."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(every_s)


def kill(server: Server) -> None:
    """End every process of a server by SIGKILL, as a power cut does."""

    def is_gone() -> bool:
        found = processes_of(server)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    wait_until(is_gone, every_s=0.01)


def processes_of(server: Server) -> list[int]:
    """Return the processes that work in the data directory of a server; one that is dead and not buried has none."""
    found, data = [], server.data.resolve()
    for item in Path("/proc").iterdir():
        with suppress(OSError):
            if item.name.isdigit() and (item / "cwd").readlink() == data:
                found.append(int(item.name))
    return found


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process, and let it go on afterwards."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
