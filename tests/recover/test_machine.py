"""Ten thousand bad nights: the real planner and executor over a simulated pair of sites, in any order of mishaps."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.recover.night import ask, carry_out
from tests.recover.sim import SOURCES, Crash, SimWorld
from twinmart import errors
from twinmart.recover.model import Wish

SITES = st.sampled_from((1, 2))
MOST_POINTS = 600


class Nights(RuleBasedStateMachine):
    """Misfortunes and commands; the invariants I1 to I12 hold between any two of them."""

    @initialize()
    def begin(self) -> None:
        self.world = SimWorld()
        self.epochs = {1: 1, 2: 1}
        self.last: Wish | None = None

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

    @rule(cut=st.booleans())
    def cut_or_heal(self, cut: bool) -> None:
        self.world.cut = cut

    @rule(collector=st.sampled_from(("london_a", "london_b", "bristol_a", "bristol_b")), deaf=st.booleans())
    def deafen(self, collector: str, deaf: bool) -> None:
        (self.world.deaf.add if deaf else self.world.deaf.discard)(collector)

    @rule(
        command=st.sampled_from(("failover", "failover", "switchover", "return")),
        at=SITES,
        active=st.sampled_from((None, 1, 2)),
        crash_in=st.none() | st.integers(1, 160),
    )
    def command(self, command: str, at: int, active: int | None, crash_in: int | None) -> None:
        try:
            wish = ask(self.world, command, at, active)
        except errors.MartError:
            return
        self.last = wish
        self.carry_out(wish, crash_in)

    @rule(crash_in=st.none() | st.integers(1, 60))
    def same_again(self, crash_in: int | None) -> None:
        if self.last is not None:
            self.carry_out(self.last, crash_in)

    def carry_out(self, wish: Wish, crash_in: int | None) -> None:
        world, before = self.world, self.world.points
        old, journal = world.sites[wish.other], world.sites[wish.keeper].journal
        written = len(list(journal.records()))
        was_serving = old.mart is not None and old.own.runs_schedule and old.replica_of is None
        try:
            run = carry_out(world, wish, crash_in)
        except (errors.MartError, Crash):
            last = list(journal.records())[-1:]
            is_undone = len(list(journal.records())) > written and last[0].data.get("state") == "undone"
            if is_undone and was_serving and wish.command == "switchover":
                # I12: what was taken back leaves the old active at work.
                assert old.own.runs_schedule
                assert old.replica_of is None
                assert old.fenced_for is None
        else:
            if run is not None:
                self.is_right(wish)
        assert world.points - before < MOST_POINTS  # I11

    def is_right(self, wish: Wish) -> None:
        """What a completed run promises."""
        target, other = self.world.sites[wish.target], self.world.sites[wish.other]
        assert target.own.active_site == wish.target
        assert target.replica_of is None
        assert (target.own.mart_site, target.own.mart_point, target.own.runs_schedule) == (
            wish.target,
            wish.target,
            True,
        )
        run = target.journal.runs()[-1] if wish.keeper == wish.target else other.journal.runs()[-1]
        assert run.state == "done"  # I10: the journal replays to it
        if wish.command in ("switchover", "return"):
            assert other.link is not None
            assert (other.link.from_site, other.link.is_on) == (wish.target, True)
            assert other.replica_of == wish.target
            assert (target.link, target.feeds, other.feeds) == (None, {wish.other}, set())  # I9
        else:
            # I4, I5: everything that is neither in the mart nor recorded here is in the manifest, and nothing else is.
            for event in self.world.missing(wish.target):
                assert event not in target.heard, f"event {event} was recorded here and is not loaded"
            for source, start, end in target.own.gone:
                assert [e for e, s in self.world.said.items() if s == source and start < e <= end]

    @invariant()
    def one_site_loads_in_an_epoch(self) -> None:
        """I1."""
        assert all(len(sites) == 1 for sites in self.world.loads.values()), self.world.loads

    @invariant()
    def epochs_never_fall(self) -> None:
        """I2, but for a mart that was overwritten by a copy, which is never older than what it replaces."""
        for number, site in self.world.sites.items():
            if site.mart is not None:
                assert site.mart.epoch >= self.epochs[number]
                self.epochs[number] = site.mart.epoch

    def teardown(self) -> None:
        """However the night was, the morning has one active site, or a way to have one, and it loads all there is."""
        world = self.world
        world.cut, world.deaf = False, set()
        for site in (1, 2):
            world.revive(site)
        for _ in range(2):
            for wish in self.morning():
                carry_out(world, wish)
        active = [site for site in (1, 2) if world._may_load(site)]
        assert len(active) == 1
        world.follow_schedule(active[0])
        heard = {event for site in world.sites.values() for event in site.heard}
        assert not heard & set(world.missing(active[0])), "something recorded was lost without a word"
        world.flow(3 - active[0])
        assert world.sites[1].own.state() == world.sites[2].own.state()

    def morning(self) -> list[Wish]:
        """What an operator does: go on with what is open, then see to it that there are two sites again."""
        world = self.world
        for site in (1, 2):
            run = world.sites[site].journal.open_run()
            if run is not None:
                try:
                    carry_out(world, run.wish)
                except errors.MartError:
                    world.sites[site].journal.write(run.id, "ended", state="given up")
        site = max((1, 2), key=lambda one: (world.sites[one].own.epoch, world.sites[one].replica_of is None))
        active = world.sites[site].own.active_site
        if not world._may_load(active):
            return [Wish("failover", active, 3 - active, accept_loss=frozenset({"all"}), even_if_alive=True)]
        other = world.sites[3 - active]
        if other.replica_of == active and other.link is not None and other.link.from_site == active:
            return []
        return [Wish("return", active, 3 - active, survivor=active)]


def nights(count: int, **more: Any) -> None:
    run_state_machine_as_test(
        Nights,
        settings=settings(
            max_examples=count, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), **more
        ),
    )


def test_no_order_of_misfortunes_breaks_an_invariant() -> None:
    nights(60, derandomize=True)


@pytest.mark.soak
def test_ten_thousand_nights() -> None:
    nights(10_000)
