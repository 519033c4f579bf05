"""Two linked marts and a witness on three PostgreSQL servers; lines between them are cut."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event, Thread

import psycopg
import pytest
from psycopg import conninfo

from tests.recover.witness.line import Line
from tests.replicate.conftest import Pair
from tests.support import Mart
from twinmart.config.store import Store
from twinmart.config.topology import raise_epoch
from twinmart.db.migrate import known_migrations
from twinmart.errors import SiteFenced
from twinmart.etl.cycle import run_once
from twinmart.jobs.look import State, look
from twinmart.recover.witness.postgres import PostgresWitness
from twinmart.recover.witness.service import watch
from twinmart.replicate import fence, link
from twinmart.replicate.ends import reach
from twinmart.site.mart import OWNER

GRACE_S = 4


@dataclass
class Recorder:
    """Tries to load at both sites all the time and notes where it could."""

    marts: dict[int, Mart]
    loads: list[tuple[float, int]] = field(default_factory=list)

    def run(self, site: int, stop: Event) -> None:
        with self.marts[site].connect(autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            while not stop.is_set():
                try:
                    with connection.transaction():
                        active = connection.execute("SELECT active_site FROM cfg.topology FOR SHARE").fetchone()
                        connection.execute("UPDATE ctl.counter SET value = value WHERE name = 'audit'")
                    if active == (site,):
                        self.loads.append((time.monotonic(), site))
                except psycopg.Error:
                    pass
                stop.wait(0.02)

    def last(self, site: int) -> float:
        return max((at for at, where in list(self.loads) if where == site), default=0.0)

    def first(self, site: int) -> float:
        return min((at for at, where in list(self.loads) if where == site), default=float("inf"))


@dataclass
class Scene:
    """Site 1 active, site 2 its replica, a witness; each directed line can be cut."""

    pair: Pair
    lines: dict[str, Line]
    recorder: Recorder
    witness: PostgresWitness
    failed_over: list[float] = field(default_factory=list)

    def fail_over(self) -> None:
        link.detach(self.pair.target)
        with reach(self.pair.target, "recover") as connection:
            fence.lower(connection)
            row = connection.execute("SELECT epoch FROM cfg.topology").fetchone()
            assert row is not None
            raise_epoch(connection, expected_epoch=row[0], active_site=2)
        self.failed_over.append(time.monotonic())

    def wait(self, what: Callable[[], object], within_s: float = 90) -> None:
        deadline = time.monotonic() + within_s
        while not what():
            assert time.monotonic() < deadline, "in vain"
            time.sleep(0.05)

    def decision(self, site: int) -> tuple[str, str]:
        mart = self.pair.mart if site == 1 else self.pair.other_mart
        with mart.connect(autocommit=True) as connection:
            row = connection.execute(
                "SELECT decision, array_to_string(reasons, '; ') FROM ops.witness_decision ORDER BY at DESC LIMIT 1"
            ).fetchone()
        return row or ("", "")


def through(mart: Mart, line: Line) -> str:
    dsn = mart.server.tcp_dsn(database=mart.name, user=OWNER)
    return conninfo.make_conninfo(dsn, port=line.port)


@pytest.fixture
def scene(pair: Pair, third: Mart, request: pytest.FixtureRequest) -> Iterator[Scene]:
    observe_only = getattr(request, "param", "false")
    with ExitStack() as opened:
        lines = {
            name: opened.enter_context(Line(mart.server.port))
            for name, mart in {
                "1-2": pair.other_mart, "2-1": pair.mart, "1-w": third, "2-w": third,
            }.items()
        }  # fmt: skip
        with pair.mart.connect() as connection:
            store = Store(connection, author="test")
            for name, value in {"grace-period": str(GRACE_S), "observe-only": observe_only, "lag-limit": "60"}.items():
                store.set_option("application", "mart", "witness", name, value)
            store.set_option("application", "mart", "witness", "place", through(third, lines["1-w"]))
            connection.execute(
                "INSERT INTO ops.verify_run VALUES (gen_random_uuid(), now(), now(), 1, 2, 'right', 1, 0, false, '{}')"
            )
        pair.set_up()
        with reach(pair.target, "test") as connection, fence.passed(connection):
            # Each site has a line of its own to the one witness; in life the address is one and the lines are two.
            connection.execute(
                "UPDATE cfg.option SET value = %s WHERE section = 'witness' AND name = 'place'",
                (through(third, lines["2-w"]),),
            )
        made = Scene(pair, lines, Recorder({1: pair.mart, 2: pair.other_mart}), PostgresWitness(third.dsn))
        stop = Event()
        threads = [
            Thread(target=watch, args=(1, {1: pair.mart.dsn, 2: through(pair.other_mart, lines["1-2"])}, _never, stop)),
            Thread(
                target=watch,
                args=(2, {2: pair.other_mart.dsn, 1: through(pair.mart, lines["2-1"])}, made.fail_over, stop),
            ),
            *(Thread(target=made.recorder.run, args=(site, stop)) for site in (1, 2)),
        ]
        for thread in threads:
            thread.start()
        try:
            if observe_only == "false":
                made.wait(lambda: (lease := made.witness.read()) is not None and lease.fences)
            else:
                made.wait(lambda: made.witness.read() is not None)
            # Before site 1 has told the other of its witness nobody would take over from it.
            made.wait(lambda: made.decision(2)[0] == "wait" and "never told" not in made.decision(2)[1])
            yield made
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)


def _never() -> None:
    raise AssertionError("site 1 is not to fail over")


def test_n2_never_do_two_sites_load_when_the_active_one_is_cut_off(scene: Scene) -> None:
    """However late anybody is on a machine that does other things too: only the order counts here."""
    for name in ("1-2", "2-1"):
        scene.lines[name].cut()
    scene.lines["1-w"].swallow()
    scene.wait(lambda: scene.failed_over and scene.recorder.first(2) < float("inf"))
    assert scene.recorder.last(1) < scene.recorder.first(2)
    for line in scene.lines.values():
        line.heal()
    scene.wait(lambda: "epoch" in scene.decision(1)[1])
    assert scene.recorder.last(1) < scene.recorder.first(2)
    lease = scene.witness.read()
    assert lease is not None
    assert lease.holder == 2


def test_a_site_that_fenced_itself_loads_again_once_the_other_site_is_back(scene: Scene) -> None:
    """The witness stays away for both, so nobody takes over: what a survivor sees whose new standby comes."""
    for line in scene.lines.values():
        line.cut()
    scene.wait(lambda: scene.decision(1)[0] == "fence")
    with pytest.raises(SiteFenced, match="fenced itself"):
        run_once(1, {1: scene.pair.mart.dsn})
    scene.lines["1-2"].heal()
    healed_at = time.monotonic()
    scene.wait(lambda: scene.recorder.last(1) > healed_at)
    assert (scene.failed_over, scene.decision(1)[0]) == ([], "keep")


@pytest.mark.soak  # it lives by seconds, which a machine that does other things too does not give
@pytest.mark.faults("N2")
def test_a_site_that_is_cut_off_fences_itself_before_the_other_takes_over_and_stays_fenced(scene: Scene) -> None:
    cut_at = time.monotonic()
    scene.lines["1-2"].cut()
    scene.lines["2-1"].cut()
    scene.lines["1-w"].swallow()
    scene.wait(lambda: scene.failed_over)
    scene.wait(lambda: scene.recorder.first(2) < float("inf"))
    assert scene.recorder.last(1) < cut_at + GRACE_S / 2 + 0.5
    assert scene.failed_over[0] >= cut_at + GRACE_S - 1
    assert scene.recorder.last(1) < scene.recorder.first(2)
    # A load of the program is refused by the same rule, and the mart server says why.
    with pytest.raises(SiteFenced, match="fenced itself"):
        run_once(1, {1: scene.pair.mart.dsn})
    with scene.pair.mart.connect(autocommit=True) as connection:
        assert look(connection, known_migrations()).state(1, 0)[0] is State.FENCED
    for line in scene.lines.values():
        line.heal()
    scene.wait(lambda: "epoch" in scene.decision(1)[1])
    time.sleep(GRACE_S / 2)
    assert scene.recorder.last(1) < scene.recorder.first(2)
    lease = scene.witness.read()
    assert lease is not None
    assert (lease.holder, lease.is_held, lease.block_s > 3000) == (2, True, True)


@pytest.mark.soak
@pytest.mark.faults("N1", "N3", "N4")
def test_no_failover_while_the_witness_hears_the_active_site_or_is_itself_away(scene: Scene) -> None:
    # The line between the sites only: the witness hears both, nothing happens but a word about it.
    scene.lines["1-2"].cut()
    scene.lines["2-1"].cut()
    time.sleep(GRACE_S * 1.75)
    assert scene.decision(2)[0] == "wait"
    # Site 2 alone on its side: it must not take over either.
    scene.lines["2-w"].cut()
    time.sleep(GRACE_S * 0.75)
    scene.lines["1-2"].heal()
    scene.lines["2-1"].heal()
    scene.lines["2-w"].heal()
    time.sleep(GRACE_S * 0.75)
    # The witness away for both: the sites still see one another.
    scene.lines["1-w"].cut()
    scene.lines["2-w"].cut()
    time.sleep(GRACE_S * 1.75)
    assert scene.failed_over == []
    assert time.monotonic() - scene.recorder.last(1) < 1
    assert scene.recorder.first(2) == float("inf")


@pytest.mark.soak
@pytest.mark.parametrize("scene", ["true"], indirect=True)
@pytest.mark.faults("N2")
def test_observing_only_says_what_would_be_done_and_does_nothing(scene: Scene) -> None:
    scene.lines["1-2"].cut()
    scene.lines["2-1"].cut()
    scene.lines["1-w"].cut()
    scene.wait(lambda: scene.decision(1)[0] == "fence")
    time.sleep(GRACE_S)
    assert scene.failed_over == []
    scene.wait(lambda: "promised" in scene.decision(2)[1])
    assert time.monotonic() - scene.recorder.last(1) < 1
