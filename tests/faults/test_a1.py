"""A1: ten changes of the active site under load, with kills at random, and what must hold afterwards."""

import itertools
import os
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from threading import Event as Signal
from threading import Thread
from typing import TYPE_CHECKING, Self

import psycopg
import pytest

from tests.etl.story import Switch
from tests.faults.conftest import wait_until
from tests.faults.sites import Collectors, Sites, new_home
from tests.jobs.support import ALWAYS
from tests.paths.fingerprint import Fingerprint
from tests.recover.recorder import Recorder
from tests.replicate.test_link import one_call
from tests.support import running_server
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.config.store import Store
from twinmart.db.connect import connect
from twinmart.errors import MartError
from twinmart.jobs.server import MartServer
from twinmart.recover.site import Recovery
from twinmart.replicate import link, watch
from twinmart.replicate.ends import ends_of, reach

if TYPE_CHECKING:
    from twinmart.model.events import Event

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1500), pytest.mark.xdist_group("faults")]

ROUNDS = int(os.environ.get("TWINMART_ALTERNATIONS", "10"))


class Talk:
    """Calls without end, heard by both collectors; keeps all that was said."""

    def __init__(self, sites: Sites, switch: Switch) -> None:
        self.said: list[Event] = []
        self._collectors = Collectors(sites)
        self._switch = switch
        self._stop = Signal()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Say no more, and see that both collectors have handed on all that they kept."""
        self._stop.set()
        self._thread.join()
        wait_until(self._collectors.write)

    def _run(self) -> None:
        for number in itertools.count(1):
            if self._stop.wait(0.25):
                return
            switch, caller, dialled = self._switch, f"c{2 * number}", f"c{2 * number + 1}"
            second = 2 * number
            switch.call(second, caller, "PJSIP/a")
            switch.dial(second + 0.2, caller, dialled, "PJSIP/b")
            switch.up(second + 0.5, dialled, caller)
            switch.up(second + 0.5, caller)
            switch.end(second + 1.5, dialled, caller)
            switch.end(second + 1.5, caller)
            said, switch.said = switch.said, []
            self.said += said
            self._collectors.hear(said)


class Writers:
    """Tries to write at both sites all the time, as a load does; notes which site took it in which epoch."""

    def __init__(self, sites: Sites) -> None:
        self.taken: dict[int, dict[int, list[float]]] = {}
        self._sites = sites
        self._stop = Signal()
        self._threads = [Thread(target=self._run, args=(site,), daemon=True) for site in (1, 2)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def longest_pause(self, since: float, until: float) -> float:
        """Return the longest time in a span in which nobody could load, in seconds."""
        every = [at for sites in self.taken.values() for times in sites.values() for at in list(times)]
        times = sorted(at for at in every if since <= at <= until)
        return max((after - before for before, after in itertools.pairwise([since, *times, until])), default=0.0)

    def _run(self, site: int) -> None:
        while not self._stop.is_set():
            with suppress(MartError, psycopg.Error), connect(
                self._sites.home.site(site).dsn(), application_name="recorder", autocommit=True
            ) as mart:  # fmt: skip
                mart.execute("SET default_transaction_read_only = off")
                while not self._stop.wait(0.05):
                    with suppress(psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege):
                        with mart.transaction():
                            row = mart.execute("SELECT active_site, epoch FROM cfg.topology FOR SHARE").fetchone()
                            mart.execute("UPDATE ctl.counter SET value = value WHERE name = 'audit'")
                        if row is not None and row[0] == site:
                            self.taken.setdefault(row[1], {}).setdefault(site, []).append(time.monotonic())
            self._stop.wait(0.1)


def serve(sites: Sites, site: int, stop: Signal) -> None:
    """Be the mart server of a site, started again whatever ends it."""
    dsns = {one.number: one.dsn() for one in sites.home.sites}
    while not stop.is_set():
        with suppress(MartError, psycopg.Error):
            MartServer(site, dsns, ends=ends_of(sites.home), pace_s=0.1).run(stop)
        stop.wait(0.2)


def carry_out(sites: Sites, random: Random, *words: str) -> int:
    """Give a command, perhaps killed on its way, once or twice; the same command goes on. Return how often it died."""
    kills = 0
    for _ in range(random.choice((0, 1, 1, 2))):
        with sites.begin(*words) as command:
            time.sleep(random.uniform(0.8, 4.0))
            kills += command.poll() is None
            command.kill()
    for _ in range(4):
        with sites.begin(*words) as command:
            _, error = command.communicate()
        if command.returncode == 0:
            return kills
        # Resumable, or somebody else's lock that ends with the process that was killed.
        assert command.returncode in (3, 4, 5, 6), error
        time.sleep(1)
    raise AssertionError(f"{words}: {error}")


@pytest.fixture
def sites(scratch: Path) -> Iterator[Sites]:
    home = new_home(scratch / "h")
    home.init(2)
    made = Sites(home)
    yield made
    for site in (1, 2):
        with suppress(OSError, ValueError):
            os.kill(int((home.folder(site) / "mart.pid").read_text()), signal.SIGKILL)
    home.down()


def test_a1_ten_changes_under_load_with_kills_lose_and_double_nothing(sites: Sites, scratch: Path) -> None:
    random = Random(int(os.environ.get("TWINMART_SEED", "11")))
    mart = sites.mart(1)
    switch = Switch(mart)
    ensure_collector(switch.mart, ensure_source(switch.mart, "pbx"), site=2)
    store = Store(switch.mart, author="test")
    for name, value in ALWAYS.items():
        store.set_option("application", "mart", "schedule", name.replace("_", "-"), value)
    one_call(switch, 0, 100_001)
    first_call = switch
    ends = ends_of(sites.home)
    link.set_up(ends[1], ends[2])
    active, epoch, kills, told = 1, 1, 0, list[str]()
    pauses, outages = list[float](), list[float]()
    stop = Signal()
    servers = [Thread(target=serve, args=(sites, site, stop), daemon=True) for site in (1, 2)]
    with ExitStack() as opened:
        opened.callback(stop.set)
        for server in servers:
            server.start()
        writers = opened.enter_context(Writers(sites))
        recorder = opened.enter_context(Recorder(ends, pause_s=0.5))
        talk = opened.enter_context(Talk(sites, first_call))
        for number in range(ROUNDS):
            other = 3 - active
            time.sleep(1)
            began = time.monotonic()
            if random.random() < 0.5:
                kind = "switchover"
                if random.random() < 0.3:
                    victim = random.choice((1, 2))
                    Thread(target=_die_and_come_back, args=(sites, victim, random.uniform(1, 4))).start()
                    kills += 1
                kills += carry_out(sites, random, "switchover", "--yes", str(other))
                pauses.append(writers.longest_pause(began, time.monotonic()))
            else:
                kind = "failover and return"
                sites.lose(active)
                kills += 1 + carry_out(sites, random, "failover", "--yes", str(other), "--accept-loss", "all")
                outages.append(writers.longest_pause(began, time.monotonic()))
                sites.server(active).start()
                # Its mart server is there again too, and loads nothing in its old epoch.
                loads = sites.ask(active, "SELECT count(*) FROM ctl.audit_log")
                time.sleep(2)
                assert sites.ask(active, "SELECT count(*) FROM ctl.audit_log") == loads
                kills += carry_out(sites, random, "return", "--yes", str(other))
            active = other
            spent_s = time.monotonic() - began
            told.append(f"{number + 1:>2} {kind:<20} to site {active}  {spent_s:5.1f} s")
            print(told[-1], flush=True)
            # I2, I1: the epoch has risen, both sites name the same active site.
            wait_until(lambda: sites.topology(1) == sites.topology(2))
            found = sites.topology(active)
            assert found[0] == active
            assert found[1] > epoch
            epoch = found[1]
        talk.end()
        recorder.end()
        wait_until(
            lambda: (
                sites.ask(active, "SELECT count(*) FROM gidb.touched_call") == [(0,)] and _has_all(sites, active, talk)
            )
        )
        stop.set()
        for server in servers:
            server.join(60)
    # I1: in no epoch did two sites take a write, and no load was committed after a newer epoch had begun.
    assert recorder.check()
    assert all(len(by_site) == 1 for by_site in writers.taken.values()), writers.taken.keys()
    # I3 to I7: both marts are equal, and what one batch of everything comes to.
    made = sites.told("verify", "--deep")
    assert made["verdict"] == "right", made
    with running_server(scratch / "u") as calm:
        whole = calm.new_mart()
        batch = Switch(whole)
        ensure_collector(batch.mart, ensure_source(batch.mart, "pbx"), site=2)
        one_call(batch, 0, 100_001)
        batch.hear(talk.said)
        wanted = Fingerprint.of(whole.connect(autocommit=True))
        whole.close()
    with connect(sites.home.site(active).dsn(), application_name="test", autocommit=True) as last:
        assert wanted.difference(Fingerprint.of(last)) is None
    # I9: nothing is left over.
    look = watch.look(ends[active], ends[3 - active], wait_s=10)
    assert look.is_ready, look
    with reach(ends[active], "test") as source, reach(ends[3 - active], "test") as target:
        assert link.leftover_slots(source, living=look.name) == []
        assert link.leftover_slots(target) == []
        assert link.leftover_origins(source) == link.leftover_origins(target) == []
    # I10: no run is open.
    assert {run.state for journal in Recovery(sites.home).journals() for run in journal.runs()} <= {
        "done", "superseded", "undone", "given up"
    }  # fmt: skip
    mart.close()
    print("\n".join(told))
    print(f"{ROUNDS} changes, {kills} kills, {len(talk.said):,} events, epoch {epoch};"
          f" loads paused {_figures(pauses)} in switchovers, {_figures(outages)} in failovers"
          " (from the kill, with commands killed and given again)")  # fmt: skip


def _has_all(sites: Sites, active: int, talk: Talk) -> bool:
    # The call of the beginning has seven events.
    return sites.ask(active, "SELECT count(*) FROM gidb.event") == [(len(talk.said) + 7,)]


def _die_and_come_back(sites: Sites, site: int, after_s: float) -> None:
    time.sleep(after_s)
    sites.lose(site)
    time.sleep(0.5)
    sites.server(site).start()


def _figures(seconds: list[float]) -> str:
    if not seconds:
        return "never"
    return f"{statistics.median(seconds):.1f} s (at most {max(seconds):.1f} s)"
