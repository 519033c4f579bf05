"""N1 and N5: the line between the sites fails in every way that a line fails; nothing is lost, nothing comes twice.

Who may take over while lines are cut (N1 to N4) is in ``test_witness.py`` beside this.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import conninfo

from tests.faults.conftest import SETTINGS, Line, arrives, wait_until
from tests.replicate.conftest import pair_of, take_down
from tests.replicate.test_states import at
from tests.support import MartServer, running_server
from twinmart.replicate import link
from twinmart.replicate.watch import look

pytestmark = pytest.mark.xdist_group("faults")

SENDING = b"SELECT count(*) FROM pg_stat_replication WHERE application_name LIKE 'twinmart%'"


def test_n5_a_reset_in_the_midst_is_retried(own_line: Line) -> None:
    for word in (b"a", b"b", b"c"):
        own_line.say(word)
        own_line.proxy.cut()
    own_line.arrives()


@pytest.mark.parametrize(
    "deaf",
    [{"up", "down"}, *(pytest.param({way}, marks=pytest.mark.soak) for way in ("down", "up"))],
    ids=["half-open", "one-way-down", "one-way-up"],
)
def test_n5_a_line_that_goes_deaf_without_a_word_is_noticed_and_made_anew(own_line: Line, deaf: set[str]) -> None:
    own_line.arrives()
    own_line.proxy.deaf |= deaf
    own_line.say(b"deaf")
    wait_until(lambda: at(own_line.pair.source, SENDING) == [(0,)])
    own_line.proxy.mend()
    own_line.arrives()


def test_n5_a_slow_line_is_slow_and_nothing_else(own_line: Line) -> None:
    """Half of 300 ms each way."""
    own_line.proxy.delay_s = 0.15
    own_line.say(b"slow")
    own_line.arrives()


@pytest.mark.soak
def test_n5_a_line_that_loses_one_packet_in_twenty_is_late_and_nothing_else(own_line: Line) -> None:
    """TCP hides a lost packet behind a wait until it is sent again."""
    own_line.proxy.lost_share, own_line.proxy.delay_s = 0.05, 0.15
    for number in range(20):
        own_line.say(b"lossy %d" % number)
    own_line.arrives()


def test_n5_a_line_reset_in_the_midst_of_the_first_copy_leaves_what_the_same_call_completes(own_line: Line) -> None:
    """The copy goes another way than the changes; what is reset here is the whole of the link."""
    pair = own_line.pair
    own_line.arrives()
    link.tear_down(pair.source, pair.target)
    own_line.say(b"meanwhile", 20_000)
    own_line.proxy.cut(stay_down=True)
    with pytest.raises(Exception, match=r"could not|closed|refused|reset"):
        link.set_up(pair.source, pair.target, discard_standby=True)
    own_line.proxy.mend()
    link.set_up(pair.source, pair.target, discard_standby=True)
    own_line.arrives()
    assert look(pair.source, pair.target).is_ready


def test_n1_a_partition_is_told_and_ends_without_a_trace(own_line: Line) -> None:
    own_line.proxy.cut(stay_down=True)
    own_line.say(b"apart")
    found = look(own_line.pair.source, own_line.pair.target, wait_s=0.5)
    assert found.state.name in ("stalled", "catching up", "interrupted")
    assert not found.is_ready
    own_line.proxy.mend()
    own_line.arrives()
    assert link.standing(own_line.pair.source, own_line.pair.target)


CLONE_NEWNET = 0x40000000
ADDRESSES = {1: "10.99.7.1", 2: "10.99.7.2"}


@contextmanager
def in_network(path: str) -> Iterator[None]:
    """Let this thread, and what it starts, be in a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as own, Path(path).open() as other:
        assert libc.setns(other.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(own.fileno(), CLONE_NEWNET) == 0


class Wire:
    """Two network namespaces with a wire between them; they end with the processes that hold them."""

    def __init__(self, opened: ExitStack) -> None:
        self.holders = {site: self._hold(opened) for site in ADDRESSES}
        other = str(self.holders[2].pid)
        self._ip(1, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", other)
        for site, address in ADDRESSES.items():
            self._ip(site, "link", "set", "lo", "up")
            self._ip(site, "address", "add", f"{address}/24", "dev", "wire")
            self._ip(site, "link", "set", "wire", "up")

    def path(self, site: int) -> str:
        return f"/proc/{self.holders[site].pid}/ns/net"

    def cut(self) -> None:
        """Packets vanish from now on, and nobody is told."""
        self._routes("add")

    def mend(self) -> None:
        self._routes("del")

    def _routes(self, act: str) -> None:
        for site, other in ((1, 2), (2, 1)):
            self._ip(site, "route", act, "blackhole", f"{ADDRESSES[other]}/32")

    def _hold(self, opened: ExitStack) -> subprocess.Popen[bytes]:
        holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=-1, stdout=-1)
        opened.callback(holder.wait)
        opened.callback(holder.kill)
        assert holder.stdout is not None
        if holder.stdout.readline() != b"\n":
            pytest.skip("no right to make a network namespace here")
        opened.callback(holder.stdout.close)
        assert holder.stdin is not None
        opened.callback(holder.stdin.close)
        return holder

    def _ip(self, site: int, *words: str) -> None:
        command = ["nsenter", f"--net={self.path(site)}", "ip", *words]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def server_at(wire: Wire, site: int, folder: Path) -> Iterator[MartServer]:
    """Run a server in a namespace, open to the other one."""
    access = folder / "access.conf"
    folder.mkdir(mode=0o755)
    access.write_text("local all all trust\nhost all all 10.99.7.0/24 scram-sha-256\n")
    access.chmod(0o644)
    settings = {**SETTINGS, "listen_addresses": ADDRESSES[site], "hba_file": str(access)}
    with in_network(wire.path(site)), ExitStack() as opened:
        running = opened.enter_context(running_server(folder, settings))
        stop = opened.pop_all()
    with stop:
        yield running


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces take root")
def test_n1_n5_a_wire_between_two_networks_that_is_cut_and_mended(scratch: Path) -> None:
    """No proxy: kernels of their own believe in their connections until they are told otherwise, which nobody does."""
    with ExitStack() as opened:
        wire = Wire(opened)
        servers = {site: opened.enter_context(server_at(wire, site, scratch / str(site))) for site in ADDRESSES}
        pair = pair_of(servers[1].new_mart(), servers[2].new_mart())
        through = conninfo.make_conninfo(pair.source.source_dsn or "", host=ADDRESSES[1])
        pair.source = replace(
            pair.source, source_dsn=conninfo.make_conninfo(through, password=pair.source.password or "")
        )
        pair.set_up()
        opened.callback(take_down, pair)
        opened.callback(pair.mart.close)
        opened.callback(pair.other_mart.close)
        for round_ in (b"first", b"second"):
            arrives(pair)
            wire.cut()
            at(pair.source, b"INSERT INTO ctl.counter SELECT '%s ' || n, n FROM generate_series(1, 500) AS n" % round_)
            wait_until(lambda: at(pair.source, SENDING) == [(0,)])
            assert not look(pair.source, pair.target, wait_s=0.3).is_ready
            wire.mend()
            arrives(pair)
