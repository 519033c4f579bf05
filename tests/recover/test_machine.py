"""Ten thousand bad nights: the real planner and executor over a simulated pair of sites, in any order of mishaps."""

import shutil
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.recover.night import ask, carry_out, morning, undo
from tests.recover.promises import kept
from tests.recover.sim import SOURCES, SimWorld
from tests.recover.third import Third
from tests.recover.tool import Crash
from twinmart import errors
from twinmart.recover.journal import Journal
from twinmart.recover.model import Command, Wish

SITES = st.sampled_from((1, 2))
PAIRS = st.sampled_from((frozenset({1, 2}), frozenset({0, 1}), frozenset({0, 2})))
COMMANDS: st.SearchStrategy[Command] = st.sampled_from(("failover", "failover", "switchover", "return"))
MOST_POINTS = 900

# What can happen while a command is at work: a name, and what it happens to.
HAPPENINGS = st.one_of(
    st.tuples(st.just("kill"), SITES),
    st.tuples(st.just("revive"), SITES),
    st.tuples(st.just("cut"), PAIRS),
    st.tuples(st.just("heal"), PAIRS),
    st.tuples(st.just("speak"), st.sampled_from(sorted(SOURCES))),
    st.tuples(st.just("load"), SITES),
    st.tuples(st.just("command"), st.tuples(COMMANDS, SITES, st.sampled_from((None, 1, 2)), st.booleans())),
    st.tuples(st.just("undo"), SITES),
)
MEANWHILE = st.dictionaries(st.integers(1, 150), HAPPENINGS, max_size=3)
SPOILED = st.sampled_from((None, None, None, "full", "torn"))


class Nights(RuleBasedStateMachine):
    """Misfortunes and commands; the invariants I1 to I12 hold between any two of them."""

    @initialize(is_busy=st.booleans(), watched=st.booleans())
    def begin(self, is_busy: bool, watched: bool) -> None:
        self.world = SimWorld()
        self.world.is_busy = is_busy
        self.epochs = {1: 1, 2: 1}
        self.last: Wish | None = None
        self.depth = 0
        self.third = Third(self.world, self.take_over) if watched else None

    @rule(sources=st.lists(st.sampled_from(sorted(SOURCES)), min_size=1, max_size=4))
    def speak(self, sources: list[str]) -> None:
        for source in sources:
            self.world.speak(source)

    @rule(site=SITES)
    def load(self, site: int) -> None:
        self.world.follow_schedule(site)

    @rule(to=SITES, most=st.integers(1, 30))
    def flow(self, to: int, most: int) -> None:
        self.world.flow(to, most)

    @rule(site=SITES)
    def kill(self, site: int) -> None:
        self.world.kill(site)

    @rule(site=SITES)
    def revive(self, site: int) -> None:
        self.world.revive(site)

    @rule(pair=PAIRS)
    def cut(self, pair: frozenset[int]) -> None:
        self.world.cut.add(pair)

    @rule(pair=PAIRS)
    def heal(self, pair: frozenset[int]) -> None:
        self.world.cut.discard(pair)

    @rule(collector=st.sampled_from(("london_a", "london_b", "bristol_a", "bristol_b")), deaf=st.booleans())
    def deafen(self, collector: str, deaf: bool) -> None:
        (self.world.deaf.add if deaf else self.world.deaf.discard)(collector)

    @rule(site=SITES)
    def lose_partitions(self, site: int) -> None:
        if self.world.sites[site].replica_of is not None:
            self.world.sites[site].partitions = False

    @rule(site=SITES, hours=st.sampled_from((-24, 0, 24)), minutes=st.sampled_from((-5, 0, 5)))
    def skew(self, site: int, hours: int, minutes: int) -> None:
        """T1: the clock of a site jumps."""
        self.world.sites[site].skew = timedelta(hours=hours, minutes=minutes)

    @rule(seconds=st.integers(5, 400))
    def time_passes(self, seconds: int) -> None:
        if self.third is not None:
            self.third.pass_time(seconds)

    @rule(
        command=COMMANDS, at=SITES, active=st.sampled_from((None, 1, 2)), even_if_alive=st.booleans(),
        crash_at=st.none() | st.integers(1, 160), meanwhile=MEANWHILE, spoiled=SPOILED,
    )  # fmt: skip
    def command(
        self, command: Command, at: int, active: int | None, even_if_alive: bool, crash_at: int | None,
        meanwhile: dict[int, tuple[str, Any]], spoiled: str | None,
    ) -> None:  # fmt: skip
        try:
            wish = ask(self.world, command, at, active, even_if_alive=even_if_alive)
        except errors.MartError:
            return
        self.last = wish
        self.carry_out(wish, crash_at, meanwhile, spoiled)

    @rule(crash_at=st.none() | st.integers(1, 60), meanwhile=MEANWHILE)
    def same_again(self, crash_at: int | None, meanwhile: dict[int, tuple[str, Any]]) -> None:
        if self.last is not None:
            self.carry_out(self.last, crash_at, meanwhile, None)

    @rule(site=SITES)
    def undo(self, site: int) -> None:
        with suppress(errors.MartError):
            undo(self.world, site)

    def take_over(self, site: int) -> None:
        """What the witness has allowed, begun by nobody."""
        try:
            wish = ask(self.world, "failover", site, site)
        except errors.MartError:
            return
        self.carry_out(wish, None, {}, None)

    def happen(self, what: str, to: Any) -> None:
        world = self.world
        match what:
            case "cut" | "heal":
                (world.cut.add if what == "cut" else world.cut.discard)(to)
            case "load":
                world.follow_schedule(to)
            case "command":
                command, at, active, even_if_alive = to
                self.command(command, at, active, even_if_alive, None, {}, None)
            case _:
                getattr(world if what != "undo" else self, what)(to)

    def carry_out(
        self, wish: Wish, crash_at: int | None, meanwhile: dict[int, tuple[str, Any]], spoiled: str | None
    ) -> None:
        if self.depth > 1:
            return
        self.depth += 1
        happenings = {at: partial(self.happen, *happening) for at, happening in meanwhile.items()}
        spoil = None
        if spoiled == "full":
            spoil = make_full
        elif spoiled == "torn":
            tear(self.world, wish.keeper)
        try:
            run, tool = carry_out(self.world, wish, crash_at=crash_at, meanwhile=happenings, spoil=spoil)
            assert tool.points < MOST_POINTS  # I11
            if run is not None and not meanwhile:
                kept(self.world, run)
        except (errors.MartError, Crash):
            pass
        finally:
            self.depth -= 1

    @invariant()
    def one_site_loads_in_an_epoch(self) -> None:
        """I1."""
        assert all(len(sites) == 1 for sites in self.world.loads.values()), self.world.loads

    @invariant()
    def epochs_never_fall(self) -> None:
        """I2."""
        for number, site in self.world.sites.items():
            if site.mart is not None:
                assert site.mart.epoch >= self.epochs[number]
                self.epochs[number] = site.mart.epoch

    def teardown(self) -> None:
        """However the night was, the morning has one active site, or a way to have one, and it loads all there is."""
        if not hasattr(self, "world"):
            return
        world = self.world
        try:
            world.cut, world.deaf = set(), set()
            for site in world.sites.values():
                world.revive(site.number)
                site.skew, site.lease = timedelta(0), None
            active = morning(world)
            assert [site for site in world.sites if world.may_load(site)] == [active]
            # The maintenance job of its server, which runs at least once a day.
            world.sites[active].partitions = True
            world.follow_schedule(active)
            heard = {event for site in world.sites.values() for event in site.heard}
            assert not heard & set(world.missing(active)), "something recorded was lost without a word"
            world.flow(3 - active)
            assert world.sites[1].own.state() == world.sites[2].own.state()
            for site in world.sites.values():
                assert site.holder is None
            self.one_site_loads_in_an_epoch()
            self.epochs_never_fall()
        finally:
            shutil.rmtree(world.folder, ignore_errors=True)


def make_full(journal: Journal) -> None:
    """C5: nothing more can be written."""
    journal._file.execute("PRAGMA query_only = ON")


def tear(world: SimWorld, site: int) -> None:
    """C5: the last record of a site's journal was not written whole."""
    with world.sites[site].journal() as journal, journal._file as file:
        file.execute("UPDATE record SET data = data || '!' WHERE seq = (SELECT max(seq) FROM record)")


def nights(count: int, **more: Any) -> None:
    run_state_machine_as_test(
        Nights,
        settings=settings(
            max_examples=count, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), **more
        ),
    )


def test_no_order_of_misfortunes_breaks_an_invariant() -> None:
    nights(30, derandomize=True)


@pytest.mark.soak
def test_ten_thousand_nights() -> None:
    nights(10_000)
