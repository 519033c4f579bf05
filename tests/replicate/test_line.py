"""The line between the sites fails in every way that a line fails: nothing is lost, nothing comes twice (N5)."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from psycopg import conninfo

from tests.proxy import Proxy
from tests.replicate.conftest import Pair, pair_of, take_down
from tests.replicate.test_states import at
from tests.support import MartServer
from twinmart.db.connect import connect
from twinmart.replicate import link
from twinmart.replicate.heartbeat import beat, has_crossed
from twinmart.replicate.watch import heal, look

# They live by seconds, and a link that others on the same servers hold up is not what they are about.
pytestmark = pytest.mark.soak


FILL = b"INSERT INTO ctl.counter SELECT '%s' || n, n FROM generate_series(1, 500) AS n"
IMPATIENT = (b"wal_sender_timeout = '2s'", b"wal_receiver_timeout = '2s'", b"wal_retrieve_retry_interval = '500ms'")
SUM = b"SELECT count(*), sum(hash_record_extended(counter, 0)) FROM ctl.counter"


@dataclass
class Line:
    """A linked pair, and the proxy through which the standby's server hears the active one."""

    pair: Pair
    proxy: Proxy

    def say(self, word: bytes) -> None:
        at(self.pair.source, FILL % word)

    def arrives(self, timeout_s: float = 45) -> None:
        number = beat(self.pair.mart.connect(autocommit=True), 1)
        standby = self.pair.other_mart.connect(autocommit=True)
        deadline = time.monotonic() + timeout_s
        while not has_crossed(standby, 1, number) and time.monotonic() < deadline:
            # As the mart servers do every few seconds.
            heal(self.pair.source, self.pair.target)
            time.sleep(0.3)
        assert at(self.pair.target, SUM) == at(self.pair.source, SUM)


@pytest.fixture(scope="module")
def line(server: MartServer, other_server: MartServer) -> Iterator[Line]:
    made = pair_of(server.new_mart(), other_server.new_mart())
    with Proxy(server.server.port) as proxy:
        through = conninfo.make_conninfo(made.source.source_dsn or "", port=proxy.own_port)
        made.source = replace(made.source, source_dsn=through)
        # Seconds instead of what suits a line between cities, so that a test need not wait for it.
        for one in (server, other_server):
            for setting in IMPATIENT:
                _set(one, setting)
        made.set_up()
        yield Line(made, proxy)
        take_down(made)
    for one in (server, other_server):
        _set(one, None)
    server.drop(made.mart)
    other_server.drop(made.other_mart)


def _set(one: MartServer, setting: bytes | None) -> None:
    with connect(one.server.dsn(), application_name="test", autocommit=True) as connection:
        connection.execute(b"ALTER SYSTEM SET " + setting if setting else b"ALTER SYSTEM RESET ALL")
        connection.execute(b"SELECT pg_reload_conf()")


def test_n5_a_reset_in_the_midst_is_retried(line: Line) -> None:
    for word in (b"a", b"b", b"c"):
        line.say(word)
        line.proxy.cut()
    line.arrives()


@pytest.mark.parametrize("deaf", [{"up", "down"}, {"down"}, {"up"}], ids=["half-open", "one-way-down", "one-way-up"])
def test_n5_a_line_that_goes_deaf_without_a_word_is_noticed_and_made_anew(line: Line, deaf: set[str]) -> None:
    sending = b"SELECT count(*) FROM pg_stat_replication WHERE application_name LIKE 'twinmart%'"
    line.arrives()
    line.proxy.deaf |= deaf
    line.say(b"deaf " + "".join(sorted(deaf)).encode())
    deadline = time.monotonic() + 30
    while at(line.pair.source, sending) != [(0,)] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert at(line.pair.source, sending) == [(0,)]
    line.proxy.mend()
    line.arrives()


def test_n5_a_slow_line_is_slow_and_nothing_else(line: Line) -> None:
    line.proxy.delay_s = 0.15
    line.say(b"slow")
    line.arrives()
    line.proxy.mend()


def test_n1_a_partition_is_told_and_ends_without_a_trace(line: Line) -> None:
    line.proxy.cut(stay_down=True)
    line.say(b"apart")
    found = look(line.pair.source, line.pair.target, wait_s=0.5)
    assert found.state.name in ("stalled", "catching up", "interrupted")
    assert not found.is_ready
    line.proxy.mend()
    line.arrives()
    assert link.standing(line.pair.source, line.pair.target)
