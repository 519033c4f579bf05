"""The steps of a switchover: both sites are there, and the standby becomes the active one without losing anything.

The old active serves until the standby is near; then loads stop, the last changes pass, both are compared, replication
is turned round, and only then the epoch is raised. Whatever goes wrong before that is taken back, and the old active
loads on. The return uses the same steps; the numbers are those of the procedure to return to normal operation.
"""

from dataclasses import replace

from twinmart import errors
from twinmart.recover.model import Facts, Wish
from twinmart.recover.procedure import Act, Step
from twinmart.recover.steps_common import (
    CHECK_SERVER,
    LOAD,
    LOWER_FENCES,
    MAKE_PARTITIONS,
    OPEN_REPORTS,
    RAISE_EPOCH,
    RELEASE_SCHEDULE,
    REPOINT_MART,
    START_SERVER,
    SWAP_ACCESS_POINT,
    as_original,
    epoch_to_come,
    marked,
    raise_epoch,
)


def _is_near(facts: Facts, wish: Wish) -> bool:
    return marked("near", facts, wish)


def _wait_until_near(act: Act) -> str:
    return act.world.links.wait(act.target, act.other)


def _schedule_is_held(facts: Facts, wish: Wish) -> bool:
    return not facts[wish.other].runs_schedule


def _hold_schedule(act: Act) -> None:
    act.world.configuration.run_schedule(act.other, on=False)


def _release_at_old(act: Act) -> None:
    act.world.configuration.run_schedule(act.other, on=True)


def _is_drained(facts: Facts, wish: Wish) -> bool:
    return facts[wish.other].server not in SERVERS_AT_WORK


# A paused server has ended its loads; it stays, as that of the standby.
SERVERS_AT_WORK = ("running", "starting", "stopping")


def _stop_old(act: Act) -> None:
    act.world.marts.stop_server(act.other)


def _start_old(act: Act) -> None:
    if act.facts[act.other].is_active:
        act.world.marts.start_server(act.other)


def _old_is_fenced(facts: Facts, wish: Wish) -> bool:
    return facts[wish.other].replica_of == wish.target


def _fence_old(act: Act) -> str:
    epoch = epoch_to_come(act)
    act.world.configuration.promise(act.other, epoch=epoch, active=act.target)
    # Had it been fenced before and let go, it may have loaded since.
    act.world.forget("last", "compared")
    act.world.configuration.raise_fences(act.other, act.target)
    return f"for epoch {epoch}"


def _unfence_old(act: Act) -> None:
    act.world.configuration.lower_fences(act.other)
    act.world.configuration.forget_promise(act.other)


def _has_last(facts: Facts, wish: Wish) -> bool:
    return marked("last", facts, wish) or _is_turned(facts, wish)


def _wait_for_last(act: Act) -> str:
    reached = act.world.links.wait(act.target, act.other)
    act.note("hand-over", {"lsn": reached, "epoch": act.facts[act.other].epoch})
    return f"everything up to {reached}"


def _is_compared(facts: Facts, wish: Wish) -> bool:
    return marked("compared", facts, wish)


def _compare(act: Act) -> str:
    found = act.world.links.compare(act.other, act.target)
    act.note("compared", found)
    return found


def _is_turned(facts: Facts, wish: Wish) -> bool:
    link = facts[wish.other].link
    is_there = link is not None and link.from_site == wish.target and link.is_on and link.is_complete
    return facts[wish.target].link is None and is_there


def _turn(act: Act) -> None:
    act.world.links.turn(act.target, act.other)


def _turn_back(act: Act) -> None:
    act.world.links.turn(act.other, act.target)


def _raise_epoch(act: Act) -> str:
    if act.facts[act.other].replica_of != act.target:
        raise errors.PlanStale(
            f"site {act.other} is no longer fenced for site {act.target}",
            hint="The epoch was not raised. Look with: twinmart status.",
        )
    if not act.facts[act.target].has_candidate:
        raise errors.PlanStale(
            f"site {act.target} is no longer the copy that was compared: its mart was made anew or put back",
            hint=f"The epoch was not raised. Let site {act.other} go on: twinmart failover --active {act.other}.",
        )
    return raise_epoch(act)


def _flows(facts: Facts, wish: Wish) -> bool:
    return marked("flow", facts, wish)


def _check_flow(act: Act) -> str:
    return act.world.links.check_flow(act.target, act.other)


WAIT_FOR_STANDBY = Step(
    "wait-for-standby",
    "while the old active serves, so that the pause of loads is short",
    ("9",),
    "both",
    _is_near,
    _wait_until_near,
    timeout_s=600,
    about_ms=300,
)
HOLD_SCHEDULE = Step(
    "hold-schedule",
    "no new load begins at the old active",
    ("8",),
    "both",
    _schedule_is_held,
    _hold_schedule,
    undo=_release_at_old,
    until="release-schedule",
    about_ms=30,
    danger="disruptive",
)
STOP_OLD_SERVER = Step(
    "stop-old-server",
    "a load that is going on comes to its end and is committed",
    ("8",),
    "both",
    _is_drained,
    _stop_old,
    undo=_start_old,
    until="raise-epoch",
    timeout_s=120,
    about_ms=400,
    danger="disruptive",
)
FENCE_OLD_ACTIVE = Step(
    "fence-old-active",
    "its database takes no writes from now on but those of replication, whoever comes",
    ("8",),
    "both",
    _old_is_fenced,
    _fence_old,
    undo=_unfence_old,
    about_ms=60,
    danger="disruptive",
)
WAIT_FOR_LAST = Step(
    "wait-for-last",
    "the last changes of the old active arrive",
    ("12",),
    "both",
    _has_last,
    _wait_for_last,
    timeout_s=120,
    about_ms=200,
)
COMPARE_MARTS = Step(
    "compare-marts",
    "count and hash sum of every table are equal, or the switch does not take place",
    ("12",),
    "both",
    _is_compared,
    _compare,
    timeout_s=3600,
    about_ms=800,
)
TURN_REPLICATION = Step(
    "turn-replication",
    "the new source keeps every change from here on for the other site; the apply worker starts before the first one",
    ("10", "11"),
    "both",
    _is_turned,
    _turn,
    undo=_turn_back,
    timeout_s=120,
    about_ms=600,
    danger="disruptive",
)
CHECK_FLOW = Step(
    "check-flow",
    "a change made here is seen there",
    ("17", "18"),
    "both",
    _flows,
    _check_flow,
    timeout_s=60,
    about_ms=300,
)

# From the moment that loads stop at the old active until they may run at the new one.
HAND_OVER: tuple[Step, ...] = (
    HOLD_SCHEDULE,
    STOP_OLD_SERVER,
    FENCE_OLD_ACTIVE,
    WAIT_FOR_LAST,
    COMPARE_MARTS,
    TURN_REPLICATION,
    LOWER_FENCES,
    replace(RAISE_EPOCH, place="both", act=_raise_epoch),
    as_original(SWAP_ACCESS_POINT, "13", "14.4", "14.5"),
    as_original(REPOINT_MART, "14", "14.1", "14.2"),
    as_original(MAKE_PARTITIONS),
    as_original(LOAD, "15"),
    as_original(START_SERVER, "15"),
    as_original(CHECK_SERVER, "16"),
    RELEASE_SCHEDULE,
)

SWITCHOVER: tuple[Step, ...] = (
    WAIT_FOR_STANDBY,
    *HAND_OVER,
    CHECK_FLOW,
    OPEN_REPORTS,
)
