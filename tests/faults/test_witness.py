"""Automatic failover with two real mart servers: processes of the program, a witness in a third place, real kills."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from tests.etl.story import SESSION, Switch
from tests.faults.conftest import wait_until
from tests.faults.sites import Sites, new_home
from tests.paths.fingerprint import Fingerprint
from tests.recover.conftest import tell_story
from tests.recover.witness.conftest import etcd as etcd  # noqa: PLC0414  a fixture of ours too
from tests.recover.witness.line import Line
from tests.recover.witness.test_watch import Recorder
from tests.support import running_server
from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.config.store import Store
from twinmart.db.connect import connect
from twinmart.recover.witness.model import Lease, Witness
from twinmart.recover.witness.postgres import PostgresWitness
from twinmart.replicate import link
from twinmart.replicate.ends import ends_of
from twinmart.site.mart import DATABASE, OWNER
from twinmart.watch.verify import verify

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]

GRACE_S = 8


@dataclass
class Night(Sites):
    """Two sites in a folder, each with a mart server that is a process, and a witness on a server of its own."""

    witness: Witness
    lines: dict[str, Line]
    services: Path
    servers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def serve(self, site: int) -> None:
        """Start the mart server of a site; it reaches the other site and the witness by lines of its own."""
        other = 3 - site
        through = f"host=127.0.0.1 port={self.lines[f'{site}-{other}'].port} dbname={DATABASE} user={OWNER}"
        passfile = self.home.folder(other) / "passfile"
        environment = {
            **os.environ,
            f"TWINMART_SITE_{other}_DSN": f"{through} passfile={passfile}",
            "PGSERVICEFILE": str(self.services / f"{site}.conf"),
        }
        log = (self.home.path / f"mart{site}.log").open("ab")
        self.servers[site] = subprocess.Popen(
            [sys.executable, "-m", "twinmart", "--home", str(self.home.path), "mart", "run", "--site", str(site)],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        log.close()

    def decision(self, site: int) -> tuple[str, str]:
        query = "SELECT decision, array_to_string(reasons, '; ') FROM ops.witness_decision ORDER BY at DESC LIMIT 1"
        return next(iter(self.ask(site, query)), ("", ""))

    def lose(self, site: int) -> float:
        """End everything at a site by SIGKILL; return when."""
        self.servers[site].kill()
        self.servers[site].wait()
        return super().lose(site)

    def lease(self) -> Lease:
        found = self.witness.read()
        assert found is not None
        return found

    def asked(self, *words: str) -> dict[str, Any]:
        """Return what a command says, in JSON; it reaches the witness as site 1 does."""
        return self.told(*words, environment={"PGSERVICEFILE": str(self.services / "1.conf")})


@pytest.fixture
def night(scratch: Path, request: pytest.FixtureRequest) -> Iterator[Night]:
    observe_only = getattr(request, "param", "false")
    with ExitStack() as opened:
        third = opened.enter_context(running_server(scratch / "w"))
        home = new_home(scratch / "h")
        home.init(2)
        opened.callback(home.down)
        place = third.new_mart()
        lines = {
            name: opened.enter_context(Line(server.port))
            for name, server in (
                ("1-2", home.site(2).server), ("2-1", home.site(1).server), ("1-w", third.server), ("2-w", third.server)
            )
            if server is not None
        }  # fmt: skip
        password = third.server.password(OWNER)
        for site in (1, 2):
            # One address at both sites, as in life, and a line of its own for each.
            (scratch / f"{site}.conf").write_text(
                f"[witness]\nhost=127.0.0.1\nport={lines[f'{site}-w'].port}\ndbname={place.name}\nuser={OWNER}\n"
                f"password={password}\n"
            )
        made = Night(home, PostgresWitness(place.dsn), lines, scratch)
        _prepare(made, observe_only)
        for site in (1, 2):
            made.serve(site)
        opened.callback(_end, made)
        wait_until(lambda: (lease := made.witness.read()) is not None and lease.fences == (observe_only == "false"))
        wait_until(lambda: made.decision(2)[0] == "wait" and "hears site 1" in made.decision(2)[1])
        yield made


def _prepare(made: Night, observe_only: str) -> None:
    """Half of the story is loaded at site 1 and has crossed; the twin at site 2 heard all of it."""
    home = made.home
    switch = Switch(made.mart(1))
    ensure_collector(switch.mart, ensure_source(switch.mart, "pbx"), site=2)
    tell_story(switch)
    said = list(switch.said)
    switch.hear(said[:7])
    store = Store(switch.mart, author="test")
    options = {"grace-period": str(GRACE_S), "observe-only": observe_only, "place": "service=witness", "block": "600"}
    for name, value in options.items():
        store.set_option("application", "mart", "witness", name, value)
    ends = ends_of(home)
    link.set_up(ends[1], ends[2])
    assert verify(ends).verdict == "right"
    # What came after is in the twin's database alone; site 1 is lost before it loads it.
    with connect(home.site(2).dsn(), application_name="test", autocommit=True) as twin:
        twin.execute("SET default_transaction_read_only = off")
        Idb.open(twin, "idb_pbx_b").write([Record(Tag.EVENTS, copy_lines(said, SESSION, datetime.now(UTC)))])
    switch.mart.close()


def _end(made: Night) -> None:
    for process in made.servers.values():
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()
    with suppress(OSError, ValueError):
        os.kill(int((made.home.folder(2) / "mart.pid").read_text()), signal.SIGKILL)


def _undisturbed(made: Night, folder: Path) -> Fingerprint:
    """Return what one batch of everything comes to, on a server that knew no disaster."""
    with running_server(folder) as server:
        mart = server.new_mart()
        switch = Switch(mart)
        ensure_collector(switch.mart, ensure_source(switch.mart, "pbx"), site=2)
        tell_story(switch)
        switch.hear()
        found = Fingerprint.of(mart.connect(autocommit=True))
        mart.close()
        return found


@pytest.mark.soak
def test_n2_a_site_that_is_killed_is_replaced_after_the_grace_period_and_comes_back_fenced(
    night: Night, scratch: Path
) -> None:
    lost_at = night.lose(1)
    wait_until(lambda: night.topology(2) == (2, 2), every_s=0.02)
    replaced_s = time.monotonic() - lost_at
    wait_until(lambda: night.runs_of(2) == ["done"])
    print(f"site 2 became active {replaced_s:.2f} s after the kill, grace period {GRACE_S} s;"
          f" the whole run was over after {time.monotonic() - lost_at:.2f} s")  # fmt: skip
    # The last renewal may have been a pace of the keeper before the kill.
    assert replaced_s > GRACE_S - 1
    # While it carries the failover out the keeper renews nothing; nobody else can take the lease for the block.
    wait_until(lambda: night.lease().is_held)
    lease = night.lease()
    assert (lease.holder, lease.epoch) == (2, 2)
    assert 500 < lease.block_s <= 600
    wait_until(lambda: night.ask(2, "SELECT state FROM ops.server WHERE kind = 'mart'") == [("running",)])
    with connect(night.home.site(2).dsn(), application_name="test", autocommit=True) as mart:
        assert _undisturbed(night, scratch / "u").difference(Fingerprint.of(mart)) is None
    # The old active comes back with everything that it was.
    server = night.home.site(1).server
    assert server is not None
    server.start()
    loads = "SELECT count(*) FROM ctl.audit_log"
    before = night.ask(1, loads)
    night.serve(1)
    wait_until(lambda: night.ask(1, "SELECT state FROM ops.server WHERE kind = 'mart'") == [("fenced",)])
    wait_until(lambda: night.decision(1)[0] == "fence" and "epoch 2 exists" in night.decision(1)[1])
    assert night.ask(1, loads) == before
    assert night.topology(1) == (1, 1)


@pytest.mark.soak
def test_n2_a_site_that_is_cut_off_fences_itself_before_the_other_takes_over(night: Night) -> None:
    recorder = Recorder({site: night.mart(site) for site in (1, 2)})
    stop = Event()
    threads = [Thread(target=recorder.run, args=(site, stop)) for site in (1, 2)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: recorder.loads)
        for name in ("1-2", "2-1"):
            night.lines[name].cut()
        night.lines["1-w"].swallow()
        cut_at = time.monotonic()
        wait_until(lambda: night.topology(2) == (2, 2), every_s=0.02)
        wait_until(lambda: recorder.first(2) < float("inf"))
        wait_until(lambda: night.runs_of(2) == ["done"])
        print(f"site 1 loaded last {recorder.last(1) - cut_at:.2f} s after it was cut off, site 2 first after"
              f" {recorder.first(2) - cut_at:.2f} s; grace period {GRACE_S} s")  # fmt: skip
        assert recorder.last(1) < recorder.first(2)
        assert night.decision(1)[0] == "fence"
        assert night.ask(1, "SELECT state FROM ops.server WHERE kind = 'mart'") == [("fenced",)]
        for line in night.lines.values():
            line.heal()
        wait_until(lambda: "epoch 2 exists" in night.decision(1)[1])
        assert recorder.last(1) < recorder.first(2)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
        for mart in recorder.marts.values():
            mart.close()


@pytest.mark.soak
def test_n2_after_one_change_there_is_no_second_until_somebody_has_looked(night: Night) -> None:
    """A to B by itself; A comes back as a standby; B is lost too: blocked, acknowledged, and back to A by itself."""
    night.lose(1)
    wait_until(lambda: night.topology(2) == (2, 2))
    wait_until(lambda: night.runs_of(2) == ["done"])
    night.asked("return", "--yes", "2")
    night.serve(1)
    assert night.asked("verify")["verdict"] == "right"
    wait_until(lambda: night.lease().holder == 2 and night.lease().fences)
    wait_until(lambda: "hears site 2" in night.decision(1)[1] and "never told" not in night.decision(1)[1])
    night.lose(2)
    wait_until(lambda: not night.lease().is_held)
    wait_until(lambda: "the block ends in" in night.decision(1)[1] and "hears site" not in night.decision(1)[1])
    # Only the block stands between site 1 and a second change; the lease is left alone for as long as it stands.
    assert night.decision(1)[0] == "wait"
    assert night.topology(1) == (2, 2)
    assert night.asked("witness", "acknowledge")["acknowledged"]
    wait_until(lambda: night.topology(1) == (1, 101))
    wait_until(lambda: night.runs_of(1) == ["done"])
    assert (night.lease().holder, night.lease().epoch) == (1, 101)


@pytest.mark.soak
@pytest.mark.parametrize("night", ["true"], indirect=True)
def test_n3_n4_observing_only_both_processes_say_what_they_would_do_and_do_nothing(night: Night) -> None:
    night.lose(1)
    wait_until(lambda: not night.lease().is_held)
    wait_until(lambda: "promised" in night.decision(2)[1] and "hears site" not in night.decision(2)[1])
    assert night.decision(2)[0] == "wait"
    assert night.topology(2) == (1, 1)
    status = night.asked("witness", "status")
    assert status["mode"] == "observes only"
