"""The steps of a failover: the active site is lost, and the survivor takes over by itself.

The numbers are those of the Disaster Recovery Procedure. Nothing but ``fence-lost-site`` and ``fence-returned-site``
speaks to the lost site, and they may miss their goal: a site that comes back later finds the higher epoch and stays
fenced.
"""

from collections.abc import Callable
from dataclasses import replace

from twinmart.recover.model import CollectorFacts, Facts, Wish
from twinmart.recover.procedure import Act, Step
from twinmart.recover.steps_common import (
    CHECK_SERVER,
    LOAD,
    LOWER_FENCES,
    MAKE_PARTITIONS,
    MIGRATE_SCHEMA,
    OPEN_REPORTS,
    RAISE_EPOCH,
    RELEASE_AGGREGATION,
    RELEASE_SCHEDULE,
    REPOINT_MART,
    REQUEST_AGGREGATES,
    START_SERVER,
    SWAP_ACCESS_POINT,
    epoch_to_come,
    marked,
)


def _link_is_off(facts: Facts, wish: Wish) -> bool:
    link = facts[wish.target].link
    return link is None or not link.is_on


def _note_reached(act: Act) -> str:
    """Write down how far replication came; PostgreSQL forgets it with the subscription."""
    link = act.facts[act.target].link
    at = None if link is None else link.reached_at
    lsn = None if link is None else link.reached_lsn
    act.note("replication reached", {"lsn": lsn, "at": None if at is None else at.isoformat()})
    return f"reached {lsn or 'nothing'}" + (f", {at:%H:%M:%S} UTC" if at else "")


def _pause_link(act: Act) -> str:
    reached = _note_reached(act)
    act.world.links.pause(act.target)
    return reached


def _resume_link(act: Act) -> None:
    if act.facts[act.target].link is not None:
        act.world.links.resume(act.target)


def _lost_site_has_mart(facts: Facts, wish: Wish) -> bool:
    return facts[wish.other].answers and facts[wish.other].has_mart


def _lost_site_is_fenced(facts: Facts, wish: Wish) -> bool:
    lost = facts[wish.other]
    return lost.answers and lost.replica_of is not None


def _fence_lost_site(act: Act) -> str:
    act.world.configuration.promise(act.other, epoch=epoch_to_come(act), active=act.target)
    return "it answers still and takes no loads from now on"


def _fence_returned_site(act: Act) -> str:
    act.world.configuration.promise(act.other, epoch=act.facts[act.target].epoch, active=act.target)
    return "it answers again and takes no loads from now on"


def _forgive(act: Act) -> None:
    if _lost_site_has_mart(act.facts, act.wish):
        act.world.configuration.forget_promise(act.other)


def _is_detached(facts: Facts, wish: Wish) -> bool:
    return facts[wish.target].link is None


def _detach(act: Act) -> str:
    # Also where PostgreSQL itself switched it off, since its source was lost.
    reached = _note_reached(act)
    act.world.links.detach(act.target)
    return reached


def _manifest_is_open(facts: Facts, wish: Wish) -> bool:
    return marked("manifest opened", facts, wish)


def _open_manifest(act: Act) -> str:
    delivered = {
        one.name: None if one.delivered_to is None else one.delivered_to.isoformat()
        for one in act.facts[act.target].sources
    }
    act.note("delivered", delivered)
    return act.world.marts.open_manifest(act.target, act.other)


def _manifest_is_written(facts: Facts, wish: Wish) -> bool:
    return marked("manifest", facts, wish)


def _write_manifest(act: Act) -> str:
    return act.world.marts.write_manifest(act.target, act.other)


def _schedule_is_held(facts: Facts, wish: Wish) -> bool:
    return not facts[wish.target].runs_schedule


def _hold_schedule(act: Act) -> None:
    act.world.configuration.run_schedule(act.target, on=False)


def _aggregation_is_held(facts: Facts, wish: Wish) -> bool:
    return not facts[wish.target].runs_aggregates


def _hold_aggregation(act: Act) -> None:
    act.world.configuration.run_aggregates(act.target, on=False)


def _only_own(facts: Facts, wish: Wish, is_on: Callable[[CollectorFacts], bool]) -> bool:
    """Whether nothing of the lost site is on, and every source that has something at this site has it on."""
    found = facts[wish.target].collectors
    own = [one for one in found if one.site == wish.target]
    heard = {one.source for one in own if is_on(one)}
    return heard == {one.source for one in own} and not any(is_on(one) for one in found if one.site == wish.other)


def _collectors_are_own(facts: Facts, wish: Wish) -> bool:
    return _only_own(facts, wish, lambda one: one.is_on)


def _switch_collectors(act: Act) -> None:
    act.world.configuration.switch_collectors(act.target, act.other, on=False)
    # Off are those that an earlier failover away from this site has left so.
    if not _collectors_are_own(act.world.facts({act.target}), act.wish):
        act.world.configuration.switch_collectors(act.target, act.target, on=True)


def _points_are_own(facts: Facts, wish: Wish) -> bool:
    return _only_own(facts, wish, lambda one: one.point_is_on)


def _switch_points(act: Act) -> None:
    act.world.configuration.switch_points(act.target, act.other, on=False)
    if not _points_are_own(act.world.facts({act.target}), act.wish):
        act.world.configuration.switch_points(act.target, act.target, on=True)


PAUSE_REPLICATION = Step(
    "pause-replication",
    "its source is gone; how far it came is written down first, for nothing else remembers it",
    ("1",),
    "target",
    _link_is_off,
    _pause_link,
    undo=_resume_link,
    about_ms=60,
)
FENCE_LOST_SITE = Step(
    "fence-lost-site",
    "should it be cut off rather than dead, it shall not load; if it cannot be told, it finds out when it comes back",
    (),
    "both",
    _lost_site_is_fenced,
    _fence_lost_site,
    needed=_lost_site_has_mart,
    undo=_forgive,
    timeout_s=3,
    about_ms=20,
    best_effort=True,
)
# Before anything is loaded here. A site that is back later asks for the epoch before its first load, and is refused.
FENCE_RETURNED_SITE = replace(
    FENCE_LOST_SITE,
    name="fence-returned-site",
    why="had it come back before the epoch was raised, it would load on until it asks for a higher one again",
    act=_fence_returned_site,
    undo=None,
)
DETACH_REPLICATION = Step(
    "detach-replication",
    "what the lost site would still send, had it come back, must not overwrite what is loaded here",
    ("1",),
    "target",
    _is_detached,
    _detach,
    about_ms=60,
)
# It is written into the mart, so only once this is the active one: in a copy that goes back to following it would be a
# row too many. A load that comes between takes from the lost site what that can still give, which is delivered then.
OPEN_MANIFEST = Step(
    "open-manifest",
    "how far each source was delivered, before anything is loaded here",
    (),
    "target",
    _manifest_is_open,
    _open_manifest,
    about_ms=30,
)
WRITE_MANIFEST = Step(
    "write-manifest",
    "for each source and span: delivered, recovered from the twin, partial or gone; so that reports can say so",
    (),
    "target",
    _manifest_is_written,
    _write_manifest,
    about_ms=100,
)
HOLD_SCHEDULE = Step(
    "hold-schedule",
    "no job may load a row before its partition is there",
    ("4",),
    "target",
    _schedule_is_held,
    _hold_schedule,
    until="release-schedule",
    about_ms=20,
)
HOLD_AGGREGATION = Step(
    "hold-aggregation",
    "nothing is aggregated while the requests for it are incomplete; a run that is going on is stopped",
    ("5", "5.1", "5.2"),
    "target",
    _aggregation_is_held,
    _hold_aggregation,
    until="release-aggregation",
    about_ms=20,
)
DISABLE_COLLECTORS = Step(
    "disable-collectors",
    "loads must not wait for collectors of the lost site; they are disabled and not removed, for the return",
    ("3.1",),
    "target",
    _collectors_are_own,
    _switch_collectors,
    about_ms=30,
)
DISABLE_ACCESS_POINTS = Step(
    "disable-access-points",
    "nor for its interaction databases",
    ("3.2",),
    "target",
    _points_are_own,
    _switch_points,
    about_ms=30,
)

FAILOVER: tuple[Step, ...] = (
    PAUSE_REPLICATION,
    FENCE_LOST_SITE,
    LOWER_FENCES,
    MIGRATE_SCHEMA,
    RAISE_EPOCH,
    FENCE_RETURNED_SITE,
    DETACH_REPLICATION,
    OPEN_MANIFEST,
    HOLD_SCHEDULE,
    HOLD_AGGREGATION,
    REPOINT_MART,
    DISABLE_COLLECTORS,
    DISABLE_ACCESS_POINTS,
    SWAP_ACCESS_POINT,
    MAKE_PARTITIONS,
    LOAD,
    START_SERVER,
    CHECK_SERVER,
    RELEASE_SCHEDULE,
    WRITE_MANIFEST,
    REQUEST_AGGREGATES,
    RELEASE_AGGREGATION,
    OPEN_REPORTS,
)
