"""Each step is needed: a table that lacks one breaks a promise, in at least one story.

The stories are told of the tables as they are, and of every table that lacks a step; there are no exceptions.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from tests.recover.night import ALL, carry_out
from tests.recover.promises import kept
from tests.recover.sim import SimWorld
from tests.recover.test_matrix import alive, healthy, lost, survived
from twinmart import errors
from twinmart.recover import plan, run
from twinmart.recover.journal import Run
from twinmart.recover.model import Copy, Wish
from twinmart.recover.procedure import Step
from twinmart.recover.steps import PROCEDURES, steps_for


def failover(*, even_if_alive: bool = False) -> Wish:
    return Wish("failover", 2, 1, accept_loss=ALL, even_if_alive=even_if_alive)


SWITCHOVER = Wish("switchover", 2, 1)


def back(target: int, copy: Copy = "online") -> Wish:
    return Wish("return", target, 3 - target, copy=copy, survivor=2)


@contextmanager
def world(*prepare: Callable[[SimWorld], None]) -> Iterator[SimWorld]:
    made = SimWorld()
    try:
        with pytest.MonkeyPatch.context() as patch:
            # How things came to be so is told by the tables as they are.
            patch.setattr(run, "steps_for", steps_for)
            patch.setattr(plan, "steps_for", steps_for)
            for one in prepare:
                one(made)
        yield made
    finally:
        shutil.rmtree(made.folder, ignore_errors=True)


def done(made: SimWorld, wish: Wish, **more: object) -> Run:
    """Carry out, and assert everything that a completed run promises."""
    found, tool = carry_out(made, wish, **more)  # type: ignore[arg-type]
    assert found is not None
    loaded = set(made.sites[wish.target].own.events)
    kept(made, found)
    if wish.command != "return" or wish.target != wish.survivor:
        assert set(made.sites[wish.target].heard) <= loaded, "it was loaded by the schedule only, later"
        assert "hand-over" in found.notes or wish.command == "failover"
    if wish.command == "failover":
        assert not made.missing(wish.target), "neither in the mart nor in the manifest"
    if wish.command == "failover" or (wish.command == "return" and wish.target != wish.survivor):
        assert "aggregates" in made.sites[tool.keeper].marks[found.id]
        assert made.sites[wish.target].own.runs_aggregates
    return found


def refused(made: SimWorld, wish: Wish, **more: object) -> None:
    """Carry out, and assert that it does not say that all is well."""
    with pytest.raises(errors.MartError):
        carry_out(made, wish, **more)  # type: ignore[arg-type]


def poor(made: SimWorld) -> None:
    """The site that becomes active lacks everything that it can lack."""
    for number in (1, 2):
        if made.sites[number].own.active_site != number or not made.may_load(number):
            made.sites[number].partitions = made.sites[number].serves = False


def behind(made: SimWorld) -> None:
    made.sites[2].behind = True


def backlog(made: SimWorld) -> None:
    """Much was loaded and has not crossed."""
    source = next(site for site in made.sites if made.may_load(site))
    for _ in range(60):
        made.speak("london")
        made.follow_schedule(source)


def near(made: SimWorld, source: int, target: int) -> None:
    link = made.sites[target].link
    assert link is not None
    assert len(made.sites[source].log) - link.position <= 2, "loads stop while much has still to cross"


def lose_a_row(made: SimWorld, site: int) -> None:
    mart = made.sites[site].own
    mart.events.pop(min(mart.events))


def cut_flow(made: SimWorld, target: int) -> None:
    link = made.sites[target].link
    assert link is not None
    link.is_on = False


def fenced(made: SimWorld) -> None:
    assert made.sites[1].replica_of == 2, "the lost site answered and was not fenced"


def misconfigure(made: SimWorld, site: int) -> None:
    made.sites[site].own.mart_point = 3 - site


def set_up(made: SimWorld, name: str, value: object) -> None:
    setattr(made.sites[2].own, name, value)


# --- stories of a failover ------------------------------------------------------------------------------------------


def the_survivor_takes_over() -> None:
    with world(lost, poor, behind) as made:
        done(made, failover())


def nothing_flows_into_what_the_survivor_loads() -> None:
    with world(alive, backlog) as made:
        made.is_busy = True
        done(made, failover(even_if_alive=True), at_step={"raise-epoch": partial(fenced, made)})


def one_that_comes_back_before_the_epoch_is_raised_is_fenced() -> None:
    with world(lost) as made:
        done(made, failover(), at_step={"raise-epoch": partial(made.revive, 1), "load": partial(fenced, made)})


def no_load_begins_without_a_partition() -> None:
    with world(lost, poor) as made:
        made.sites[2].serves = made.is_busy = True
        done(made, failover(), at_step={"repoint-mart": lambda: setattr(made, "lost_loads", 0)})
        assert made.lost_loads == 0


def nothing_is_aggregated_before_all_is_asked_for() -> None:
    def is_held() -> None:
        assert not made.sites[2].own.runs_aggregates

    with world(lost) as made:
        done(made, failover(), at_step={"request-aggregates": is_held})


def a_wrong_configuration_is_found() -> None:
    with world(lost) as made:
        refused(made, failover(), at_step={"load": partial(misconfigure, made, 2)})


# --- stories of a switchover and a return ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Switch:
    """A hand-over: how things stand, what is wished, and who hands over to whom."""

    wish: Wish
    prepare: Callable[[SimWorld], None]

    @property
    def old(self) -> int:
        return self.wish.other

    @property
    def new(self) -> int:
        return self.wish.target

    def the_role_is_handed_over(self) -> None:
        with world(self.prepare, poor) as made:
            set_up_old = made.sites[self.old]
            set_up_old.in_flight = True
            set_up_old.own.runs_aggregates = self.wish.command != "return"
            done(made, self.wish)

    def loads_stop_only_when_the_other_is_near(self) -> None:
        with world(self.prepare) as made:
            done(made, self.wish, at_step={
                "adopt-collectors": partial(backlog, made), "hold-schedule": partial(near, made, self.old, self.new),
            })  # fmt: skip
        with world(self.prepare, backlog) as made:
            done(made, self.wish, at_step={"hold-schedule": partial(near, made, self.old, self.new)})

    def marts_that_differ_are_not_switched(self) -> None:
        with world(self.prepare) as made:
            refused(made, self.wish, at_step={"fence-old-active": partial(lose_a_row, made, self.new)})
            assert made.may_load(self.old)

    def a_wrong_configuration_is_found(self) -> None:
        with world(self.prepare) as made:
            refused(made, self.wish, at_step={"load": partial(misconfigure, made, self.new)})

    def a_link_that_brings_nothing_is_found(self) -> None:
        with world(self.prepare) as made:
            refused(made, self.wish, at_step={"release-schedule": partial(cut_flow, made, self.old)})


def is_back(made: SimWorld) -> None:
    done(made, back(2))


def stories_of_both_returns(target: int) -> list[Callable[[], None]]:
    def a_new_site_is_started() -> None:
        with world(survived, lambda made: made.kill(1)) as made:
            done(made, back(target))

    def nothing_of_other_links_stays() -> None:
        with world(survived, is_back) as made:
            made.new_slot(2, 3)
            for name in ("london_a", "bristol_b"):
                one = made.sites[2].own.collectors[name]
                made.sites[2].write("collectors", {name: type(one)(name, one.source, one.site, False, False)})
            done(made, back(target))

    def a_dump_is_taken_of_a_quiet_mart() -> None:
        def is_quiet() -> None:
            assert not made.sites[2].own.runs_schedule

        def is_at_work() -> None:
            assert made.sites[2].own.runs_schedule

        with world(survived) as made:
            done(made, back(target, "dump"), at_step={"copy-mart": is_quiet, "adopt-collectors": is_at_work})

    return [a_new_site_is_started, nothing_of_other_links_stays, a_dump_is_taken_of_a_quiet_mart]


def the_copy_follows_before_it_is_compared() -> None:
    with world(survived) as made:
        done(made, back(2), at_step={
            "adopt-collectors": partial(backlog, made), "compare-marts": partial(near, made, 2, 1)
        })  # fmt: skip


def a_copy_that_differs_is_not_trusted() -> None:
    with world(survived) as made:
        refused(made, back(2), at_step={"adopt-collectors": partial(lose_a_row, made, 1)})


def a_copy_that_nothing_reaches_is_not_trusted() -> None:
    with world(survived) as made:
        refused(made, back(2), at_step={"compare-marts": partial(cut_flow, made, 1)})


def the_survivor_serves_on() -> None:
    with world(survived) as made:
        made.sites[2].serves = False
        done(made, back(2))


def of_switch(switch: Switch) -> list[Callable[[], None]]:
    return [
        switch.the_role_is_handed_over, switch.loads_stop_only_when_the_other_is_near,
        switch.marts_that_differ_are_not_switched, switch.a_wrong_configuration_is_found,
        switch.a_link_that_brings_nothing_is_found,
    ]  # fmt: skip


STORIES: dict[str, list[Callable[[], None]]] = {
    "failover": [
        the_survivor_takes_over, nothing_flows_into_what_the_survivor_loads,
        one_that_comes_back_before_the_epoch_is_raised_is_fenced, no_load_begins_without_a_partition,
        nothing_is_aggregated_before_all_is_asked_for, a_wrong_configuration_is_found,
    ],
    "switchover": of_switch(Switch(SWITCHOVER, healthy)),
    "return, the newcomer becomes active": [*stories_of_both_returns(1), *of_switch(Switch(back(1), survived))],
    "return, the survivor stays active": [
        *stories_of_both_returns(2), the_copy_follows_before_it_is_compared, a_copy_that_differs_is_not_trusted,
        a_copy_that_nothing_reaches_is_not_trusted, the_survivor_serves_on,
    ],
}  # fmt: skip
TOLD = [pytest.param(story, id=f"{name}: {story.__name__}") for name, stories in STORIES.items() for story in stories]
LACKING = [
    pytest.param(name, step, id=f"{name} without {step.name}") for name, table in PROCEDURES.items() for step in table
]


@pytest.mark.parametrize("story", TOLD)
def test_the_tables_keep_their_promises(story: Callable[[], None]) -> None:
    story()


@pytest.mark.faults("X3")
@pytest.mark.parametrize(("name", "step"), LACKING)
def test_a_table_that_lacks_a_step_breaks_a_promise(name: str, step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    """X3."""
    table = PROCEDURES[name]

    def without(wish: Wish) -> tuple[Step, ...]:
        found = steps_for(wish)
        return tuple(one for one in found if one is not step) if found is table else found

    monkeypatch.setattr(run, "steps_for", without)
    monkeypatch.setattr(plan, "steps_for", without)
    assert not all(holds(story) for story in STORIES[name])


def holds(story: Callable[[], None]) -> bool:
    """Whether a story can be told: nothing was promised that is not so, nothing failed that should not."""
    try:
        story()
    except (AssertionError, errors.MartError, pytest.fail.Exception):
        return False
    return True
