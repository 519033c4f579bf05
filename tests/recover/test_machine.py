"""Ten thousand bad nights: the real planner and executor over a simulated pair of sites, in any order of mishaps.

Where the invariants are looked after: I1 and I2 between any two steps of a night; I3 in the morning; I4, I5 and I9 when
a command says that it is done (``promises``), I9 and I10 in the morning too; I6 at every load (``sim``); I8 and what is
taken back for I12 in the crash matrix (``test_matrix``); I11 as a bound on the places a command goes through; of I12
that every refusal names a next command. I7 has no counterpart here: real marts are compared in ``test_equivalence``.
"""

import shutil
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.recover.census import Census, state
from tests.recover.night import ask, carry_out, morning, tear, undo
from tests.recover.promises import assert_helps, kept
from tests.recover.sim import SOURCES, SimWorld
from tests.recover.third import TICK_S, Third
from tests.recover.tool import Crash
from twinmart import errors
from twinmart.recover.journal import Journal
from twinmart.recover.model import Command, Copy, Wish

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
# Where the tool dies: in a step, the how manieth place in it.
PLACES = st.none() | st.tuples(st.integers(1, 31), st.integers(1, 12))
COPIES: st.SearchStrategy[Copy] = st.sampled_from(("online", "dump", "physical"))
SPOILED = st.sampled_from((None, None, None, "full", "torn"))


class Nights(RuleBasedStateMachine):
    """Misfortunes and commands; the invariants I1 to I12 hold between any two of them."""

    census: ClassVar[Census] = Census()

    @initialize(is_busy=st.booleans(), watched=st.booleans())
    def begin(self, is_busy: bool, watched: bool) -> None:
        self.world = SimWorld()
        self.world.is_busy = is_busy
        self.epochs = {1: 1, 2: 1}
        self.last: Wish | None = None
        self.depth = 0
        self.third = Third(self.world, self.take_over) if watched else None
        # Whoever waits for a mart server waits longer than its keeper needs to look.
        self.world.on_wait = partial(self.time_passes, TICK_S)

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

    @rule(site=SITES)
    def lose_disks(self, site: int) -> None:
        """A site is gone with all it had, where the other one has a mart to go on with."""
        if has_mart_to_go_on_with(self.world, 3 - site):
            self.world.lose_disks(site)
            self.epochs[site] = 0

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
        crash_at=PLACES, meanwhile=MEANWHILE, spoiled=SPOILED, copy=COPIES,
    )  # fmt: skip
    def command(
        self, command: Command, at: int, active: int | None, even_if_alive: bool, crash_at: tuple[int, int] | None,
        meanwhile: dict[int, tuple[str, Any]], spoiled: str | None, copy: Copy = "online",
    ) -> None:  # fmt: skip
        try:
            wish = ask(self.world, command, at, active, even_if_alive=even_if_alive, copy=copy)
        except errors.MartError:
            return
        self.last = wish
        self.carry_out(wish, crash_at, meanwhile, spoiled)

    @rule(disks=st.booleans(), crash_at=PLACES, meanwhile=MEANWHILE)
    def disaster(self, disks: bool, crash_at: tuple[int, int] | None, meanwhile: dict[int, tuple[str, Any]]) -> None:
        """The active site is lost, the other one takes over, and what is left of the lost one comes back."""
        lost = next((site for site in self.world.sites if self.world.may_load(site)), 1)
        self.kill(lost)
        if disks:
            self.lose_disks(lost)
        self.command("failover", 3 - lost, None, False, crash_at, meanwhile, None)
        self.revive(lost)

    @rule(crash_at=PLACES, meanwhile=MEANWHILE)
    def hand_over(self, crash_at: tuple[int, int] | None, meanwhile: dict[int, tuple[str, Any]]) -> None:
        self.command("switchover", self.someone(), None, False, crash_at, meanwhile, None)

    @rule(active=st.sampled_from((None, 1, 2)), copy=COPIES, crash_at=PLACES, meanwhile=MEANWHILE)
    def come_back(
        self, active: int | None, copy: Copy, crash_at: tuple[int, int] | None, meanwhile: dict[int, tuple[str, Any]]
    ) -> None:
        """A return; where the survivor shall stay active and has its standby, it loses that first."""
        if active is None and any(self.world.is_linked(one, 3 - one) for one in self.world.sites):
            self.disaster(False, None, {})
        self.command("return", self.someone(), active, False, crash_at, meanwhile, None, copy)

    def someone(self) -> int:
        """A site that is up, if there is one."""
        return next((number for number, site in self.world.sites.items() if site.up), 1)

    @rule(crash_at=PLACES, meanwhile=MEANWHILE)
    def same_again(self, crash_at: tuple[int, int] | None, meanwhile: dict[int, tuple[str, Any]]) -> None:
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
        self, wish: Wish, crash_at: tuple[int, int] | None, meanwhile: dict[int, tuple[str, Any]], spoiled: str | None
    ) -> None:
        if self.depth > 1:
            return
        self.depth += 1
        before, outcome = state(self.world, wish), "done"
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
            if run is None:
                outcome = "was so"
        except Crash as crash:
            outcome = "killed"
            self.census.count_death(wish, *crash.args)
        except errors.MartError as error:
            outcome = type(error).__name__
            assert_helps(error)  # I12
        finally:
            self.depth -= 1
        self.census.count(wish, before, outcome)

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
            assert [sorted(world.sites[one].feeds) for one in (active, 3 - active)] == [[3 - active], []]  # I9
            for site in world.sites.values():
                assert site.holder is None
                with site.journal() as journal:
                    assert journal.open_run() is None
            self.one_site_loads_in_an_epoch()
            self.epochs_never_fall()
        finally:
            shutil.rmtree(world.folder, ignore_errors=True)


def has_mart_to_go_on_with(world: SimWorld, site: int) -> bool:
    """Whether a site is the active one or its copy, and whole."""
    here, other = world.sites[site], world.sites[3 - site]
    if here.mart is None or here.is_half or (other.mart is not None and other.own.epoch > here.own.epoch):
        return False
    if here.replica_of is not None:
        return here.link is not None
    return here.own.active_site == site


def make_full(journal: Journal) -> None:
    """C5: nothing more can be written."""
    journal._file.execute("PRAGMA query_only = ON")


def nights(count: int, number: int) -> None:
    """Let so many nights be, all by the seed of that number."""
    run_state_machine_as_test(
        seed(number)(Nights),
        settings=settings(
            max_examples=count,
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.faults("X1", "T1", "N6")
def test_no_order_of_misfortunes_breaks_an_invariant() -> None:
    nights(30, 5)


@pytest.mark.faults("X1", "T1", "N6")
@pytest.mark.soak
def test_ten_thousand_nights() -> None:
    """And they came by every step of every table, and by every state that the sites can be in."""
    for number in range(100):
        nights(100, number)
    print(Nights.census.told())
    assert not Nights.census.never_died_in()
