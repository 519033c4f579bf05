"""The crash matrix, made of the tables: every command killed at every place, and what is done about it afterwards.

A place is one where the tool can die and leave something to mend: around each record of the journal, before, within and
after each act. Salvage and the repair of a verification are no tables of steps, and a drill takes those of a failover.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random

import pytest

from tests.recover.night import ALL, ask, carry_out, morning, tear, undo
from tests.recover.promises import assert_helps, kept
from tests.recover.sim import SimMart, SimWorld
from tests.recover.third import TICK_S, Third
from tests.recover.tool import Crash
from twinmart import errors
from twinmart.recover.model import Command, Wish
from twinmart.recover.steps import PROCEDURES, steps_for


def healthy(world: SimWorld) -> None:
    """Two sites at work, and some of what was said has not crossed yet."""
    for source in ("london", "bristol", "london"):
        world.speak(source)
    world.follow_schedule(1)
    world.flow(2, 2)
    world.speak("bristol")


def lost(world: SimWorld) -> None:
    """Site 1 is lost, with what it alone had heard."""
    healthy(world)
    world.deaf = {"london_b"}
    world.speak("london")
    world.deaf = set()
    world.kill(1)


def standby_is_poor(world: SimWorld) -> None:
    """Site 1 is lost, and site 2 is behind and has no partitions."""
    lost(world)
    world.sites[2].partitions = False
    world.sites[2].behind = True


def alive(world: SimWorld) -> None:
    """Site 1 is there and is to be replaced all the same."""
    healthy(world)


def survived(world: SimWorld) -> None:
    """Site 2 has taken over, and site 1 is back with what it had."""
    lost(world)
    carry_out(world, ask(world, "failover", 2))
    world.speak("london")
    world.follow_schedule(2)
    world.revive(1)


@dataclass(frozen=True)
class Ground:
    """A command, and how things stand when it is given."""

    name: str
    prepare: Callable[[SimWorld], None]
    command: Command
    active: int | None = None
    even_if_alive: bool = False

    @contextmanager
    def made(self) -> Iterator[tuple[SimWorld, Wish]]:
        world = SimWorld()
        try:
            self.prepare(world)
            yield world, ask(world, self.command, 2, self.active, even_if_alive=self.even_if_alive)
        finally:
            shutil.rmtree(world.folder, ignore_errors=True)


GROUNDS = (
    Ground("failover", lost, "failover"),
    Ground("failover to a poor standby", standby_is_poor, "failover"),
    Ground("failover from a site that answers", alive, "failover", even_if_alive=True),
    Ground("switchover", healthy, "switchover"),
    Ground("return, the survivor stays active", survived, "return", 2),
    Ground("return, the newcomer becomes active", survived, "return", 1),
)
EVERY = pytest.mark.parametrize("ground", GROUNDS, ids=lambda one: one.name)

# The soak takes every place, the suite one in so many, by a seed.
SHARE = pytest.mark.parametrize(
    "share", [pytest.param(1, marks=pytest.mark.soak, id="all"), pytest.param(40, id="slice")]
)


def places(count: int, share: int) -> list[int]:
    """Return every place of so many, or some."""
    return sorted(Random(5).sample(range(1, count + 1), count // share))


def undisturbed(ground: Ground) -> tuple[int, object]:
    """Return the number of places where the command could die, and how it ends."""
    with ground.made() as (world, wish):
        run, tool = carry_out(world, wish)
        assert run is not None
        kept(world, run)
        return tool.points, world.state()


def die_at(world: SimWorld, wish: Wish, place: int) -> bool:
    """Carry out and die at a place; tell whether it came to that."""
    try:
        carry_out(world, wish, crash_at=place)
    except Crash:
        return True
    return False


def go_on(world: SimWorld, wish: Wish) -> None:
    """Give the same command again, as often as it ends with an outcome that is not known."""
    for _ in range(3):
        try:
            carry_out(world, wish)
        except errors.StepUnknown:
            continue
        return


def test_every_procedure_stands_in_the_matrix() -> None:
    taken = set()
    for ground in GROUNDS:
        with ground.made() as (_, wish):
            taken.add(steps_for(wish))
    assert taken == set(PROCEDURES.values())


@pytest.mark.faults("C1")
@EVERY
@SHARE
def test_killed_anywhere_the_same_command_ends_the_same(ground: Ground, share: int) -> None:
    """C1, I8."""
    count, wanted = undisturbed(ground)
    for place in places(count, share):
        with ground.made() as (world, wish):
            assert die_at(world, wish, place)
            go_on(world, wish)
            assert world.state() == wanted, f"killed at {place} of {count}"
            assert all(len(sites) == 1 for sites in world.loads.values())


@pytest.mark.faults("C2")
@EVERY
@SHARE
def test_killed_twice_the_same_command_ends_the_same(ground: Ground, share: int) -> None:
    """C2: for each place, some for the second time."""
    count, wanted = undisturbed(ground)
    random = Random(5)
    for first in places(count, share):
        for second in random.sample(range(1, count), 6 // min(share, 6)):
            with ground.made() as (world, wish):
                die_at(world, wish, first)
                die_at(world, wish, second)
                go_on(world, wish)
                assert world.state() == wanted, f"killed at {first}, then at {second} of {count}"


OTHERS: tuple[tuple[Command, int | None], ...] = (
    ("failover", None), ("failover", 1), ("failover", 2), ("switchover", None), ("return", None), ("return", 1),
)  # fmt: skip


def in_the_end(world: SimWorld) -> None:
    """By commands alone there are two sites again, that hold the same and everything that was recorded."""
    for site in world.sites:
        world.revive(site)
    active = morning(world)
    world.follow_schedule(active)
    world.flow(3 - active)
    assert [site for site in world.sites if world.may_load(site)] == [active]
    assert world.sites[1].own.state() == world.sites[2].own.state()
    heard = {event for site in world.sites.values() for event in site.heard}
    assert not heard & set(world.missing(active))
    assert all(len(sites) == 1 for sites in world.loads.values())


def other_command(world: SimWorld, command: Command, active: int | None) -> None:
    """Give another command; it is carried out, or refused with what was not done and the next command."""
    for at in world.sites:
        if not world.sites[at].up:
            continue
        try:
            wish = ask(world, command, at, active, even_if_alive=True)
            carry_out(world, wish)
        except errors.MartError as error:
            assert_helps(error)


def others_at(ground: Ground, share: int) -> Iterator[tuple[int, Command, int | None]]:
    """Yield places and other commands: all of them, or as many by a seed."""
    count, _ = undisturbed(ground)
    every = [(place, command, active) for place in range(1, count + 1) for command, active in OTHERS]
    yield from Random(5).sample(every, len(every) // share // (len(OTHERS) if share > 1 else 1))


@pytest.mark.faults("C3")
@EVERY
@SHARE
def test_killed_anywhere_another_command_takes_over_or_says_why_not(ground: Ground, share: int) -> None:
    """C3."""
    for place, command, active in others_at(ground, share):
        with ground.made() as (world, wish):
            die_at(world, wish, place)
            other_command(world, command, active)
            in_the_end(world)


@pytest.mark.faults("C4")
@EVERY
@SHARE
def test_two_operators_at_once(ground: Ground, share: int) -> None:
    """C4: a second operator gives a command while the first one stands at a place; then the first goes on."""
    for place, command, active in others_at(ground, share):
        with ground.made() as (world, wish):
            try:
                carry_out(world, wish, meanwhile={place: partial(other_command, world, command, active)})
            except errors.MartError as error:
                assert_helps(error)
            in_the_end(world)


@pytest.mark.faults("P2")
@EVERY
@SHARE
def test_the_old_active_returns_at_every_place(ground: Ground, share: int) -> None:
    """P2: it is up again at a place, and never do two sites load in one epoch."""
    count, _ = undisturbed(ground)
    for place in places(count, share):
        with ground.made() as (world, wish):
            world.is_busy = True
            try:
                carry_out(world, wish, meanwhile={place: partial(world.revive, 1)})
            except errors.MartError as error:
                assert_helps(error)
            in_the_end(world)


@EVERY
@SHARE
def test_taken_back_anywhere_before_the_point_of_no_return(ground: Ground, share: int) -> None:
    """I12: what was taken back leaves the active site at work as it was."""
    count, _ = undisturbed(ground)
    for place in places(count, share):
        with ground.made() as (world, wish):
            die_at(world, wish, place)
            with world.sites[wish.keeper].journal() as journal:
                if journal.open_run() is None:
                    continue
            try:
                undo(world, wish.keeper)
            except errors.MartError as error:
                assert_helps(error)
            else:
                if wish.command == "switchover":
                    assert world.may_load(wish.other)
                    assert world.sites[wish.other].own.runs_schedule
            in_the_end(world)


def test_a_run_of_another_command_refuses_all_but_a_failover() -> None:
    with GROUNDS[3].made() as (world, wish):
        die_at(world, wish, 40)
        with pytest.raises(errors.RunOpen, match="switchover to site 2, is open") as refused:
            carry_out(world, Wish("return", 1, 2, accept_loss=ALL, survivor=1))
        assert "twinmart switchover" in (refused.value.hint or "")


def test_a_site_that_takes_over_again_uses_its_own_collectors_again() -> None:
    """The failover away from it had disabled them, and no return came between."""
    with GROUNDS[2].made() as (world, away):
        carry_out(world, away)
        carry_out(world, ask(world, "failover", 1, 1, even_if_alive=True))
        for source in ("london", "bristol"):
            world.speak(source)
        world.follow_schedule(1)
        assert not world.missing(1)
        used = {(one.source, one.site) for one in world.sites[1].own.collectors.values() if one.is_on}
        assert used == {("london", 1), ("bristol", 1)}


def test_of_two_failovers_that_wait_for_each_other_one_can_be_taken_back() -> None:
    """The one has taken its epoch when its site dies; the other one is about to, where nobody knows of the first."""

    def site_2_dies() -> None:
        world.flow(1)
        world.kill(2)

    with GROUNDS[3].made() as (world, to_2):
        carry_out(world, to_2)
        tear(world, 2)
        again, back = Wish("failover", 2, 1, accept_loss=ALL), Wish("failover", 1, 2, accept_loss=ALL)
        with pytest.raises(errors.StepUnknown, match="open-manifest"):
            carry_out(world, again, at_step={"open-manifest": site_2_dies})
        with pytest.raises(errors.StepUnknown, match="raise-epoch"):
            carry_out(world, back, at_step={"raise-epoch": partial(world.kill, 1)})
        world.revive(1)
        world.revive(2)
        with pytest.raises(errors.RunOpen, match="failover to site 1, is open"):
            carry_out(world, again)
        undo(world, 1)
        carry_out(world, again)
        in_the_end(world)


@pytest.mark.parametrize("step", ["repoint-mart", "load", "release-schedule", "open-reports"])
def test_a_switch_whose_journal_died_with_its_site_is_completed_by_a_failover(step: str) -> None:
    """The return of site 2 has taken the epoch and keeps its journal at site 1, of which nothing is left."""
    with GROUNDS[3].made() as (world, _):
        with pytest.raises(errors.StepUnknown):
            carry_out(world, Wish("return", 2, 1, survivor=1), at_step={step: partial(world.kill, 2)})
        world.lose_disks(1)
        world.revive(2)
        back = Wish("return", 2, 1, accept_loss=ALL, survivor=2)
        with pytest.raises(errors.NotReadyForIt, match="not taken everything over; go on with: twinmart failover"):
            carry_out(world, back)
        run, _ = carry_out(world, Wish("failover", 2, 1, accept_loss=ALL))
        assert run is not None
        kept(world, run)
        run, _ = carry_out(world, back)
        assert run is not None
        kept(world, run)


@pytest.mark.parametrize("promised", [0, 301])
def test_a_run_whose_site_was_made_active_by_another_run_is_over(promised: int) -> None:
    """The return of site 2 broke off when site 1 died, which keeps its journal; a failover completed it."""
    with GROUNDS[3].made() as (world, _):
        broken_off = Wish("return", 2, 1, survivor=1)
        with pytest.raises(errors.MartError):
            carry_out(world, broken_off, at_step={"repoint-mart": partial(world.kill, 1)})
        carry_out(world, Wish("failover", 2, 1, accept_loss=ALL))
        carry_out(world, Wish("return", 2, 1, accept_loss=ALL, survivor=2))
        world.sites[2].promised = promised
        with pytest.raises(errors.PlanStale, match="another run has made site 2 active"):
            carry_out(world, broken_off)
        in_the_end(world)


@pytest.mark.parametrize("step", ["raise-epoch", "repoint-mart", "load"])
def test_a_site_that_was_made_anew_in_the_middle_of_a_switch_does_not_become_active_empty(step: str) -> None:
    with GROUNDS[5].made() as (world, wish):
        assert (wish.command, wish.target, wish.keeper) == ("return", 1, 2)
        with pytest.raises(errors.MartError):
            carry_out(world, wish, at_step={step: partial(world.kill, 1)})
        before = set(world.sites[2].own.events)
        world.lose_disks(1)
        world.revive(1)
        with pytest.raises((errors.PlanStale, errors.StepNotReached), match=r"made anew|raise-epoch"):
            carry_out(world, wish)
        assert set(world.sites[2].own.events) == before
        in_the_end(world)
        assert before
        assert before <= set(world.sites[1].own.events)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_new_mart_that_was_fenced_does_not_become_active(lost: int) -> None:
    """A return has made it and broke off, then a failover has fenced it: it looks like a copy, and nothing is in it."""
    with GROUNDS[3].made() as (world, to_2):
        survivor = 3 - lost
        if lost == 2:
            carry_out(world, to_2)
        world.kill(lost)
        carry_out(world, Wish("failover", survivor, lost, accept_loss=ALL))
        world.lose_disks(lost)
        with pytest.raises(errors.StepUnknown, match="copy-mart"):
            carry_out(world, Wish("return", survivor, lost, survivor=survivor), at_step={
                "copy-mart": partial(world.kill, lost)
            })  # fmt: skip
        world.revive(lost)
        carry_out(world, Wish("failover", survivor, lost, accept_loss=ALL))
        assert world.sites[lost].replica_of == survivor
        world.kill(survivor)
        with pytest.raises(errors.NotReadyForIt, match="nothing was ever replicated to it"):
            carry_out(world, Wish("failover", lost, survivor, accept_loss=ALL))
        before = set(world.sites[survivor].own.events)
        in_the_end(world)
        assert before
        assert all(before <= set(site.own.events) for site in world.sites.values())


def test_a_new_mart_that_calls_itself_active_is_not_copied_from() -> None:
    """Its epoch is that of the copy, which has everything and takes over."""
    with GROUNDS[3].made() as (world, _):
        before = set(world.sites[2].own.events)
        world.lose_disks(1)
        world.sites[1].mart = SimMart()
        world.revive(1)
        with pytest.raises(errors.NotReadyForIt, match="made anew or put back; let its copy take over"):
            carry_out(world, Wish("return", 1, 2, accept_loss=ALL, survivor=1))
        carry_out(world, Wish("failover", 2, 1, accept_loss=ALL))
        in_the_end(world)
        assert before
        assert before <= set(world.sites[1].own.events)


def test_a_source_with_one_collector_is_given_its_second_one_by_a_return() -> None:
    with GROUNDS[4].made() as (world, wish):
        survivor = world.sites[wish.survivor].own
        del survivor.collectors["london_a"]
        run, _ = carry_out(world, wish)
        assert run is not None
        kept(world, run)
        assert survivor.collectors["london_a"].site == wish.newcomer


def test_a_survivor_that_fenced_itself_loads_again_once_the_other_site_is_back() -> None:
    """Neither the witness nor another site answered it; a keeper looks oftener than a return takes."""
    with GROUNDS[4].made() as (world, wish):
        third = Third(world, lambda site: None)
        world.lose_disks(1)
        world.cut.add(frozenset({0, 2}))
        third.pass_time(90)
        assert world.server_state(2) == "fenced"
        with pytest.raises(errors.StepUnknown, match="start-server"):
            carry_out(world, wish)
        world.on_wait = partial(third.pass_time, TICK_S)
        run, _ = carry_out(world, wish)
        assert run is not None
        kept(world, run)


def test_a_survivor_whose_server_died_with_its_machine_is_served_again_by_a_return() -> None:
    """Its PostgreSQL was started by a return to another site, which broke off."""
    with GROUNDS[4].made() as (world, wish):
        world.sites[2].serves = False
        run, _ = carry_out(world, wish)
        assert run is not None
        kept(world, run)


def test_a_switch_whose_old_active_lost_its_mart_is_left_to_a_failover() -> None:
    """An empty database answers there, in which nothing can be fenced."""
    with GROUNDS[3].made() as (world, wish):
        with pytest.raises(errors.MartError):
            carry_out(world, wish, at_step={"compare-marts": partial(world.kill, 2)})
        world.lose_disks(1)
        world.revive(1)
        world.revive(2)
        with pytest.raises(errors.SiteUnreachable, match="site 1 has no mart any more") as refused:
            carry_out(world, wish)
        assert "If it is lost: twinmart failover" in (refused.value.hint or "")
        run, _ = carry_out(world, Wish("failover", 2, 1, accept_loss=ALL))
        assert run is not None
        kept(world, run)
        in_the_end(world)


def test_a_failover_does_not_take_the_epoch_that_a_return_was_about_to_take() -> None:
    """The return would hold it for its own, and go on at a site that is a copy by now."""
    with GROUNDS[3].made() as (world, _):
        back = Wish("return", 2, 1, survivor=1)
        with pytest.raises(errors.StepUnknown, match="raise-epoch"):
            carry_out(world, back, at_step={"raise-epoch": partial(world.kill, 2)})
        world.kill(1)
        world.revive(2)
        carry_out(world, Wish("failover", 2, 1, accept_loss=ALL))
        world.revive(1)
        with pytest.raises(errors.PlanStale, match="another run has made site 2 active"):
            carry_out(world, back)
        in_the_end(world)


def test_a_site_that_has_heard_of_its_successor_takes_over_again_when_that_is_lost_for_good() -> None:
    with GROUNDS[3].made() as (world, to_2):
        carry_out(world, to_2)
        tear(world, 2)
        world.cut.add(frozenset({1, 2}))
        carry_out(world, Wish("failover", 1, 2, accept_loss=ALL))
        world.cut.clear()
        world.follow_schedule(2)
        world.lose_disks(1)
        assert (world.server_state(2), world.may_load(2)) == ("fenced", False)
        run, _ = carry_out(world, Wish("failover", 2, 1, accept_loss=ALL))
        assert run is not None
        kept(world, run)
        assert world.sites[2].own.epoch > world.sites[2].heard_epoch
        in_the_end(world)


def test_a_return_removes_the_slot_that_a_hand_over_to_the_newcomer_had_made() -> None:
    """The link lives on, so nothing is copied; the slot would hold back the newcomer's WAL for ever."""
    with GROUNDS[3].made() as (world, to_2):
        with pytest.raises(Crash):
            carry_out(world, to_2, crash_at=(7, 4))
        assert world.sites[2].feeds
        carry_out(world, Wish("failover", 1, 2, accept_loss=ALL, even_if_alive=True))
        in_the_end(world)
        assert [sorted(world.sites[site].feeds) for site in (1, 2)] == [[2], []]


def test_a_run_knows_its_own_epoch_from_one_that_was_taken_above_a_promise_since() -> None:
    """A return has made site 2 active and is open; both sites were failed over to in turn since, each cut off."""
    with GROUNDS[3].made() as (world, _):
        back = Wish("return", 2, 1, survivor=1)
        with pytest.raises(Crash):
            carry_out(world, back, crash_at=(19, 1))
        world.flow(1)
        to_1, to_2 = (
            Wish("failover", 1, 2, accept_loss=ALL, even_if_alive=True),
            Wish("failover", 2, 1, accept_loss=ALL),
        )
        with pytest.raises(Crash):
            carry_out(world, to_1, crash_at=(9, 1))
        world.kill(1)
        carry_out(world, to_2)
        assert (world.sites[2].promised, world.sites[2].own.epoch) == (101, 102)
        world.revive(1)
        with pytest.raises(errors.PlanStale, match="another run has made site 2 active"):
            carry_out(world, back)
        in_the_end(world)


def test_a_new_mart_that_has_heard_of_the_active_one_does_not_take_over() -> None:
    """It calls itself site 1's and site 1 active, and has heard that site 2 is."""
    with GROUNDS[4].made() as (world, _):
        world.lose_disks(1)
        world.sites[1].mart = SimMart()
        world.revive(1)
        world.follow_schedule(1)
        assert world.sites[1].heard_epoch == world.sites[2].own.epoch
        world.kill(2)
        with pytest.raises(errors.NotReadyForIt, match="nothing was ever replicated to it"):
            carry_out(world, Wish("failover", 1, 2, accept_loss=ALL))
        in_the_end(world)
