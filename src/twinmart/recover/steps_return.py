"""The steps back to two sites: a new or repaired site gets a copy of the mart, and then, if wished, the active role.

Option 1 of the original makes the newcomer active, option 2 leaves the survivor active; both begin alike. The numbers
are those of the procedure to return to normal operation.
"""

from dataclasses import replace

from twinmart.recover.model import Facts, Wish
from twinmart.recover.procedure import Act, Step
from twinmart.recover.steps_common import (
    OPEN_REPORTS,
    RELEASE_AGGREGATION,
    REQUEST_AGGREGATES,
    START_SERVER,
    all_on,
    as_original,
    marked,
)
from twinmart.recover.steps_switch import (
    CHECK_FLOW,
    HAND_OVER,
    WAIT_FOR_STANDBY,
)


def _is_prepared(facts: Facts, wish: Wish) -> bool:
    new = facts[wish.newcomer]
    return new.answers and new.has_mart


def _prepare(act: Act) -> None:
    act.world.marts.prepare(act.wish.newcomer)


def _is_clean(facts: Facts, wish: Wish) -> bool:
    survivor = facts[wish.survivor]
    return not survivor.leftovers and survivor.link is None


def _clean(act: Act) -> str:
    act.world.links.clean_up(act.wish.survivor)
    return "removed: " + ", ".join(act.facts[act.wish.survivor].leftovers or ("nothing",))


def _loads_are_held(facts: Facts, wish: Wish) -> bool:
    return not facts[wish.survivor].runs_schedule


def _hold_loads(act: Act) -> None:
    act.world.configuration.run_schedule(act.wish.survivor, on=False)


def _release_loads(act: Act) -> None:
    act.world.configuration.run_schedule(act.wish.survivor, on=True)


def _loads_run(facts: Facts, wish: Wish) -> bool:
    return facts[wish.survivor].runs_schedule


def _is_copied(facts: Facts, wish: Wish) -> bool:
    new = facts[wish.newcomer]
    linked = new.link is not None and new.link.from_site == wish.survivor and new.link.is_on and new.link.is_complete
    linked = linked and wish.newcomer in facts[wish.survivor].feeds
    # A hand-over to it that broke off may have left the slot that it would have sent from.
    return new.is_current and new.replica_of == wish.survivor and linked and not new.feeds


def _copy(act: Act) -> str:
    act.world.links.copy(act.wish.survivor, act.wish.newcomer, act.wish.copy)
    return act.wish.copy


def _is_near(facts: Facts, wish: Wish) -> bool:
    return marked("near", facts, wish)


def _wait(act: Act) -> str:
    return act.world.links.wait(act.wish.newcomer, act.wish.survivor)


def _collectors_are_on(facts: Facts, wish: Wish) -> bool:
    survivor = facts[wish.survivor]
    return all(all_on(survivor, site) for site in (wish.survivor, wish.newcomer))


def _adopt(act: Act) -> str:
    return act.world.configuration.adopt_collectors(act.wish.survivor, act.wish.newcomer)


def _is_compared(facts: Facts, wish: Wish) -> bool:
    return marked("compared", facts, wish)


def _compare(act: Act) -> str:
    found = act.world.links.compare(act.wish.survivor, act.wish.newcomer)
    act.note("compared", found)
    return found


def _by_dump(facts: Facts, wish: Wish) -> bool:
    del facts
    return wish.copy == "dump"


CLEAN_REPLICATION = Step(
    "clean-replication",
    "slots, origins and subscriptions of the lost link would hold back WAL or mislead the new one",
    ("6", "7"),
    "both",
    _is_clean,
    _clean,
    until="copy-mart",
    about_ms=100,
)
PREPARE_SITE = Step(
    "prepare-site",
    "PostgreSQL, a mart and the programs are there at the new site; the one application object is used again",
    ("4", "5"),
    "both",
    _is_prepared,
    _prepare,
    timeout_s=120,
    about_ms=1500,
)
HOLD_LOADS = Step(
    "hold-loads",
    "only for a copy by dump, which wants a quiet mart",
    ("1",),
    "both",
    _loads_are_held,
    _hold_loads,
    needed=_by_dump,
    undo=_release_loads,
    until="release-loads",
    about_ms=30,
    danger="disruptive",
)
COPY_MART = Step(
    "copy-mart",
    "a copy as of one moment, and everything since then follows from the survivor: no stop is needed",
    ("2", "9"),
    "both",
    _is_copied,
    _copy,
    until="turn-replication",
    timeout_s=24 * 3600,
    about_ms=15_000,
)
RELEASE_LOADS = Step(
    "release-loads",
    "the copy is made; loads go on and follow to the new site",
    ("2",),
    "both",
    _loads_run,
    _release_loads,
    needed=_by_dump,
    until="hold-schedule",
    about_ms=30,
)
FOLLOW = Step(
    "follow",
    "replication in the reverse direction brings what was loaded during the copy",
    ("9",),
    "both",
    _is_near,
    _wait,
    timeout_s=3600,
    about_ms=500,
)
ADOPT_COLLECTORS = Step(
    "adopt-collectors",
    "each source has a collector at either site again; the objects of the lost ones are enabled and used again",
    ("3", "14.3"),
    "both",
    _collectors_are_on,
    _adopt,
    about_ms=100,
)
COMPARE = Step(
    "compare-marts",
    "count and hash sum of every table are equal; otherwise this copy is not to be trusted",
    ("12",),
    "both",
    _is_compared,
    _compare,
    timeout_s=3600,
    about_ms=800,
)
# Its server may have died with its machine, or have fenced itself while neither the witness nor another site answered.
SERVE_ON = replace(
    START_SERVER,
    why="the mart server of the survivor works, so that what is recorded at both sites is loaded",
    original=("15",),
)

_TO_TWO_SITES: tuple[Step, ...] = (
    PREPARE_SITE,
    CLEAN_REPLICATION,
    HOLD_LOADS,
    COPY_MART,
    RELEASE_LOADS,
    ADOPT_COLLECTORS,
)

OPTION_1: tuple[Step, ...] = (
    *_TO_TWO_SITES,
    WAIT_FOR_STANDBY,
    *HAND_OVER,
    CHECK_FLOW,
    as_original(REQUEST_AGGREGATES, "19", "19.1"),
    as_original(RELEASE_AGGREGATION, "19.2"),
    OPEN_REPORTS,
)
OPTION_2: tuple[Step, ...] = (
    *_TO_TWO_SITES,
    FOLLOW,
    COMPARE,
    CHECK_FLOW,
    SERVE_ON,
)
