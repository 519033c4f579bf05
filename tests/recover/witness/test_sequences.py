"""Never two sites loading, in any sequence of losses: the real keepers of two sites over a simulated line and clocks.

Messages may be lost on the way there (nothing happens) or on the way back (it happened, and nobody was told), clocks of
databases and of the witness may jump, keepers may be held up between their look and their act, or killed.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from twinmart.config.topology import next_epoch
from twinmart.errors import LeaseRefused, NoConnection, NoWitness
from twinmart.recover.witness.keeper import Keeper
from twinmart.recover.witness.mart import Own
from twinmart.recover.witness.model import Bounds, Decision, Lease

DAWN = datetime(2026, 11, 22, tzinfo=UTC)
GRACE_S = 120.0
BOUNDS = Bounds(grace_s=GRACE_S, block_s=600, observe_only=False)


@dataclass
class World:
    """True time, and which directed lines are cut: (from, to, "ask" or "answer"); the witness is 0."""

    at: float = 0.0
    cut: set[tuple[int, int, str]] = field(default_factory=set)

    def carry(self, one: int, other: int, error: Exception, act: object) -> object:
        if (one, other, "ask") in self.cut:
            raise error
        answer = act()  # type: ignore[operator]
        if (one, other, "answer") in self.cut:
            raise error
        return answer


@dataclass
class Place:
    """The witness itself, by the rules of ``Witness``, with a clock of its own."""

    world: World
    ahead_s: float = 0.0
    lease: Lease | None = None
    held_until: float = 0.0
    blocked_until: float = 0.0
    is_up: bool = True

    @property
    def clock(self) -> float:
        return self.world.at + self.ahead_s

    def read(self) -> Lease | None:
        if not self.is_up:
            raise NoWitness("down")
        if self.lease is None:
            return None
        left_s = max(0.0, self.blocked_until - self.clock)
        return replace(self.lease, is_held=self.held_until > self.clock, block_s=left_s)

    def renew(self, site: int, epoch: int, *, grace_s: float, fences: bool, block_s: float) -> Lease:
        seen = self.read()
        if seen and (seen.epoch > epoch or (seen.epoch == epoch and seen.holder != site)):
            raise LeaseRefused("no")
        if seen and seen.holder != site:
            self.blocked_until = self.clock + block_s
        self.held_until = self.clock + grace_s
        self.lease = Lease("w", site, epoch, seen.beat + 1 if seen else 1, grace_s, fences, is_held=True)
        return self.lease

    def take(self, seen: Lease, site: int, *, block_s: float) -> Lease:
        found = self.read()
        if found is None or found.beat != seen.beat or found.is_held or found.block_s > 0:
            raise LeaseRefused("no")
        self.held_until, self.blocked_until = self.clock + found.grace_s, self.clock + block_s
        self.lease = replace(found, holder=site, epoch=next_epoch(found.epoch, site), beat=found.beat + 1)
        return self.lease

    def acknowledge(self) -> None:
        self.blocked_until = 0.0


@dataclass
class Line:
    """The witness, as one site reaches it."""

    place: Place
    site: int

    def _ask(self, act: object) -> Lease:
        return self.place.world.carry(self.site, 0, NoWitness("cut"), act)  # type: ignore[return-value]

    def read(self) -> Lease | None:
        return self._ask(self.place.read)

    def renew(self, site: int, epoch: int, *, grace_s: float, fences: bool, block_s: float) -> Lease:
        return self._ask(lambda: self.place.renew(site, epoch, grace_s=grace_s, fences=fences, block_s=block_s))

    def take(self, seen: Lease, site: int, *, block_s: float) -> Lease:
        return self._ask(lambda: self.place.take(seen, site, block_s=block_s))

    def acknowledge(self) -> None:
        self._ask(self.place.acknowledge)


@dataclass
class SimMart:
    """The mart of a site: what ``OwnMart`` and ``Others`` read and write, with the database's clock."""

    world: World
    site: int
    epoch: int = 1
    active: int = 1
    is_replica: bool = False
    lease: tuple[int, datetime] | None = None
    contact: int = 0
    told: str | None = None
    claimed: int | None = None
    ahead_s: float = 0.0

    def now(self) -> datetime:
        return DAWN + timedelta(seconds=self.world.at + self.ahead_s)

    def look(self) -> Own:
        watched = self.lease is not None and self.lease[0] == self.epoch
        return Own(self.epoch, self.active, self.is_replica, watched, self.contact, self.told, self.claimed, 0.0, 60.0)

    def hold(self, epoch: int, until: datetime) -> None:
        self.lease = (epoch, until)

    def fence(self, epoch: int, reason: str) -> None:
        self.lease = (epoch, datetime.min.replace(tzinfo=UTC))

    def unwatch(self) -> None:
        self.lease = None

    def claim(self, active: int, contact: int, epoch: int) -> bool:
        if contact != self.contact or not contact:
            return False
        self.claimed = epoch
        return True

    def unclaim(self) -> None:
        self.claimed = None

    def note(self, decision: Decision, epoch: int, *, observed_only: bool) -> None:
        pass

    def may_load(self) -> bool:
        if self.active != self.site or self.is_replica:
            return False
        return self.lease is None or self.lease[0] != self.epoch or self.lease[1] > self.now()


@dataclass
class Far:
    """The other site's mart, as one site reaches it: ``sql/witness/tell.sql`` in few words."""

    mart: SimMart
    site: int

    def tell(self, site: int, epoch: int, witness: str | None, verified: object, beat_at: object) -> tuple[bool, int]:
        def act() -> tuple[bool, int]:
            mart = self.mart
            taken = mart.epoch <= epoch and (mart.claimed is None or mart.claimed <= epoch)
            if taken:
                mart.contact, mart.told = mart.contact + 1, witness
            return taken, self._known()

        return self.mart.world.carry(self.site, self.mart.site, NoConnection("cut"), act)  # type: ignore[return-value]

    def visit(self, active: int) -> int:
        return self.mart.world.carry(self.site, self.mart.site, NoConnection("cut"), self._known)  # type: ignore[return-value]

    def _known(self) -> int:
        return max(self.mart.epoch, self.mart.claimed or 0)


class Losses(RuleBasedStateMachine):
    """Sites 1 and 2 with their keepers; lines, clocks and keepers are treated badly."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.place = Place(self.world)
        self.marts = {1: SimMart(self.world, 1), 2: SimMart(self.world, 2, is_replica=True)}
        self.keepers = {site: self._keeper(site) for site in (1, 2)}
        self.failed_over = 0
        for _ in range(3):
            self._round(5.0)

    def _keeper(self, site: int) -> Keeper:
        other = self.marts[3 - site]
        return Keeper(
            site, Line(self.place, site), Far(other, site), lambda: self._fail_over(site), BOUNDS,
            clock=lambda: self.world.at,
        )  # fmt: skip

    def _fail_over(self, site: int) -> None:
        mart = self.marts[site]
        mart.is_replica, mart.active, mart.epoch = False, site, next_epoch(mart.epoch, site)
        self.failed_over += 1

    def _tick(self, site: int) -> None:
        own = self.marts[site].look()
        self.keepers[site].ask_witness(own)
        self.keepers[site].ask_peer(own)
        self.keepers[site].tick(self.marts[site])

    def _round(self, seconds: float) -> None:
        self.world.at += seconds
        for site in (1, 2):
            self._tick(site)
            self.never_two()

    @rule(rounds=st.integers(1, 40), seconds=st.sampled_from([1.0, 5.0, 20.0]))
    def time_passes(self, rounds: int, seconds: float) -> None:
        for _ in range(rounds):
            self._round(seconds)

    @rule(site=st.sampled_from([1, 2]), rounds=st.integers(1, 40))
    def one_keeper_is_held_up(self, site: int, rounds: int) -> None:
        for _ in range(rounds):
            self.world.at += 5.0
            self._tick(3 - site)
            self.never_two()

    @rule(site=st.sampled_from([1, 2]), seconds=st.sampled_from([10.0, 59.0, 61.0, 130.0]))
    def held_up_between_question_and_answer(self, site: int, seconds: float) -> None:
        own = self.marts[site].look()
        self.keepers[site].ask_witness(own)
        self.keepers[site].ask_peer(own)
        for _ in range(int(seconds // 5)):
            self.world.at += 5.0
            self._tick(3 - site)
            self.never_two()
        self.keepers[site].tick(self.marts[site])

    @rule(
        line=st.sampled_from([(1, 2), (2, 1), (1, 0), (2, 0)]), half=st.sampled_from(["ask", "answer"])
    )  # fmt: skip
    def a_line_is_cut(self, line: tuple[int, int], half: str) -> None:
        self.world.cut.add((*line, half))

    @rule()
    def a_site_is_cut_off(self) -> None:
        self.world.cut |= {(1, 2, "ask"), (2, 1, "ask"), (1, 0, "ask")}

    @precondition(lambda self: self.world.cut)
    @rule(data=st.data())
    def a_line_heals(self, data: st.DataObject) -> None:
        self.world.cut.discard(data.draw(st.sampled_from(sorted(self.world.cut))))

    @rule()
    def all_heals(self) -> None:
        self.world.cut.clear()

    @rule(up=st.booleans())
    def the_witness_goes_or_comes(self, up: bool) -> None:
        self.place.is_up = up

    @rule()
    def the_witness_forgets_everything(self) -> None:
        self.place.lease, self.place.held_until, self.place.blocked_until = None, 0.0, 0.0

    @rule(seconds=st.sampled_from([-86_400.0, -300.0, 300.0, 86_400.0]))
    def the_clock_of_the_witness_jumps(self, seconds: float) -> None:
        self.place.ahead_s += seconds

    @rule(site=st.sampled_from([1, 2]), seconds=st.sampled_from([300.0, 86_400.0]))
    def the_clock_of_a_database_jumps_ahead(self, site: int, seconds: float) -> None:
        self.marts[site].ahead_s += seconds

    @rule(site=st.sampled_from([1, 2]))
    def a_keeper_is_killed_and_begins_anew(self, site: int) -> None:
        self.keepers[site] = self._keeper(site)

    @rule()
    def somebody_acknowledges(self) -> None:
        self.place.acknowledge()

    @precondition(lambda self: self.marts[1].epoch < self.marts[2].epoch)
    @rule()
    def the_lost_site_is_made_a_standby(self) -> None:
        one, two = self.marts[1], self.marts[2]
        one.epoch, one.active, one.is_replica = two.epoch, two.active, True

    @precondition(lambda self: self.marts[2].epoch < self.marts[1].epoch)
    @rule()
    def the_other_lost_site_is_made_a_standby(self) -> None:
        one, two = self.marts[1], self.marts[2]
        two.epoch, two.active, two.is_replica = one.epoch, one.active, True

    @invariant()
    def never_two(self) -> None:
        if hasattr(self, "marts"):
            assert not (self.marts[1].may_load() and self.marts[2].may_load())


TestLosses = Losses.TestCase
TestLosses.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_whole_loss_ends_with_the_other_site_active_and_comes_back_fenced() -> None:
    machine = Losses()
    machine.begin()
    machine.a_site_is_cut_off()
    fenced_at = taken_at = None
    for _ in range(60):
        machine._round(5.0)
        if fenced_at is None and not machine.marts[1].may_load():
            fenced_at = machine.world.at
        if taken_at is None and machine.failed_over:
            taken_at = machine.world.at
    assert fenced_at is not None
    assert taken_at is not None
    # Fenced within half the grace period and a tick, taken after the whole of it.
    assert fenced_at <= 15 + GRACE_S / 2 + 5
    assert GRACE_S <= taken_at - 15 <= GRACE_S + 10
    machine.all_heals()
    for _ in range(50):
        machine._round(5.0)
    assert not machine.marts[1].may_load()
    assert machine.marts[2].may_load()
    assert machine.failed_over == 1


def test_no_failover_while_the_witness_or_the_other_site_hears_the_active_one() -> None:
    for cut in ({(1, 2, "ask"), (2, 1, "ask")}, {(1, 0, "ask"), (2, 0, "ask")}, {(1, 0, "ask")},
                {(2, 1, "ask"), (1, 2, "ask"), (2, 0, "ask")}):  # fmt: skip
        machine = Losses()
        machine.begin()
        machine.world.cut = set(cut)
        for _ in range(200):
            machine._round(5.0)
        assert machine.failed_over == 0
        assert machine.marts[1].may_load()


def test_no_second_change_within_the_block_unless_acknowledged() -> None:
    machine = Losses()
    machine.begin()
    machine.a_site_is_cut_off()
    for _ in range(30):
        machine._round(5.0)
    assert machine.failed_over == 1
    machine.all_heals()
    machine.the_lost_site_is_made_a_standby()
    for _ in range(5):
        machine._round(5.0)
    machine.world.cut = {(1, 2, "ask"), (2, 1, "ask"), (2, 0, "ask")}
    for _ in range(30):
        machine._round(5.0)
    assert machine.failed_over == 1
    machine.somebody_acknowledges()
    for _ in range(30):
        machine._round(5.0)
    assert machine.failed_over == 2
