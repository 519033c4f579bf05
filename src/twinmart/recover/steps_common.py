"""Steps that several procedures share: a new active site is opened the same way, however the old one went away.

Each function answers one question about facts or does one thing to the world; the tables below name, explain and join
them. Names of steps are final once released; the texts are free.
"""

from dataclasses import replace
from datetime import timedelta

from twinmart.config.topology import next_epoch
from twinmart.recover.model import SERVING, Facts, SiteFacts, Wish
from twinmart.recover.procedure import Act, Step

# A new active site needs no more than to load today; the maintenance job keeps the usual reserve from then on.
PARTITIONS_NEEDED = timedelta(days=2)


def marked(mark: str, facts: Facts, wish: Wish) -> bool:
    """Whether the run has left this mark at the site that keeps its journal."""
    return mark in facts[wish.keeper].marks


def _is_behind(facts: Facts, wish: Wish) -> bool:
    target = facts[wish.target]
    return target.has_mart and target.version < target.latest


def _fences_are_down(facts: Facts, wish: Wish) -> bool:
    target = facts[wish.target]
    return target.replica_of is None and target.fenced_for is None


def _lower_fences(act: Act) -> None:
    act.world.configuration.lower_fences(act.target)


def _raise_fences_again(act: Act) -> None:
    if act.facts[act.target].active_site != act.target:
        act.world.configuration.raise_fences(act.target, act.other)


def _is_active(facts: Facts, wish: Wish) -> bool:
    target = facts[wish.target]
    return target.active_site == wish.target and target.epoch > wish.since_epoch


def epoch_to_come(act: Act) -> int:
    """Return the epoch that the target will take, by what both sites know."""
    return next_epoch(max(act.facts[site].highest_epoch for site in (act.target, act.other)), act.target)


def raise_epoch(act: Act) -> str:
    """Raise the epoch at the target, above all that it has seen or promised."""
    seen = act.facts[act.target]
    above = act.wish.since_epoch
    epoch = act.world.configuration.raise_epoch(act.target, expected=seen.epoch, active=act.target, above=above)
    act.note("epoch taken", epoch)
    return f"epoch {epoch}; it was {seen.epoch}"


def _mart_is_here(facts: Facts, wish: Wish) -> bool:
    return facts[wish.target].mart_site == wish.target


def _repoint(act: Act) -> None:
    act.world.configuration.repoint(act.target, act.target)


def _point_is_here(facts: Facts, wish: Wish) -> bool:
    return facts[wish.target].mart_point == wish.target


def _swap_point(act: Act) -> None:
    act.world.configuration.swap_point(act.target, act.target)


def _server_serves(facts: Facts, wish: Wish) -> bool:
    return facts[wish.target].server in SERVING


def _start_server(act: Act) -> str:
    return act.world.marts.start_server(act.target)


def _is_migrated(facts: Facts, wish: Wish) -> bool:
    return facts[wish.target].is_current


def _migrate(act: Act) -> None:
    act.world.marts.migrate(act.target)


def _has_partitions(facts: Facts, wish: Wish) -> bool:
    to = facts[wish.target].partitions_to
    return to is not None and to >= facts.at + PARTITIONS_NEEDED


def _make_partitions(act: Act) -> None:
    act.world.marts.make_partitions(act.target)


def _schedule_runs(facts: Facts, wish: Wish) -> bool:
    return facts[wish.target].runs_schedule


def _release_schedule(act: Act) -> None:
    act.world.configuration.run_schedule(act.target, on=True)


def _is_checked(facts: Facts, wish: Wish) -> bool:
    return marked("checked", facts, wish)


def _check(act: Act) -> str:
    return act.world.marts.check(act.target)


def _has_loaded(facts: Facts, wish: Wish) -> bool:
    return marked("loaded", facts, wish)


def _load(act: Act) -> str:
    return act.world.marts.load(act.target)


def _aggregates_run(facts: Facts, wish: Wish) -> bool:
    return facts[wish.target].runs_aggregates


def _release_aggregates(act: Act) -> None:
    act.world.configuration.run_aggregates(act.target, on=True)


def _has_requested(facts: Facts, wish: Wish) -> bool:
    return marked("aggregates", facts, wish)


def _request(act: Act) -> str:
    return act.world.marts.request_aggregates(act.target, act.wish.reaggregate_h)


def _reports_are_here(facts: Facts, wish: Wish) -> bool:
    return facts[wish.target].report_site == wish.target and marked("reports", facts, wish)


def _open_reports(act: Act) -> str:
    return act.world.marts.open_reports(act.target)


def all_on(site: SiteFacts, at: int) -> bool:
    """Whether every source has a collector and an access point in use at a site."""
    sources = {one.name for one in site.sources}
    return sources <= {one.source for one in site.collectors if one.site == at and one.is_on and one.point_is_on}


def deaf(site: SiteFacts, at: int) -> list[str]:
    """Return the sources that have collectors at a site, of which none is in use."""
    own = [one for one in site.collectors if one.site == at]
    heard = {one.source for one in own if one.is_on and one.point_is_on}
    return sorted({one.source for one in own} - heard)


LOWER_FENCES = Step(
    "lower-fences",
    "the mart was a read-only copy; nobody may load it yet all the same, since another site is the active one",
    (),
    "target",
    _fences_are_down,
    _lower_fences,
    undo=_raise_fences_again,
    about_ms=60,
    danger="disruptive",
)
MIGRATE_SCHEMA = Step(
    "migrate-schema",
    "replication carries rows and no schema: an upgrade made since at the other site is made here",
    ("7", "7.1", "7.2", "7.3"),
    "target",
    _is_migrated,
    _migrate,
    needed=_is_behind,
    timeout_s=3600,
    about_ms=2000,
)
RAISE_EPOCH = Step(
    "raise-epoch",
    "the one move that makes a site active; every load checks it, so from here on no other site can load",
    (),
    "target",
    _is_active,
    raise_epoch,
    about_ms=20,
    danger="irreversible",
)
REPOINT_MART = Step(
    "repoint-mart",
    "the one application object of the mart server names the host and the configuration of the new site",
    ("2", "2.1", "2.2"),
    "target",
    _mart_is_here,
    _repoint,
    about_ms=30,
)
SWAP_ACCESS_POINT = Step(
    "swap-access-point",
    "exactly one access point leads to the mart in use",
    ("3.3", "3.4"),
    "target",
    _point_is_here,
    _swap_point,
    about_ms=30,
)
START_SERVER = Step(
    "start-server",
    "the mart server of this site, which was a standby, works from now on",
    ("6",),
    "target",
    _server_serves,
    _start_server,
    about_ms=1200,
)
MAKE_PARTITIONS = Step(
    "make-partitions",
    "partitions are not replicated; without one for today no row can be loaded",
    ("8", "8.1", "8.2"),
    "target",
    _has_partitions,
    _make_partitions,
    timeout_s=600,
    about_ms=500,
)
CHECK_SERVER = Step(
    "check-server",
    "what was written is read back by the way that readers and loaders take",
    ("9",),
    "target",
    _is_checked,
    _check,
    about_ms=100,
)
LOAD = Step(
    "load",
    "everything that interaction databases hold and the mart does not; where the twin recorded it, nothing is lost",
    (),
    "target",
    _has_loaded,
    _load,
    timeout_s=3600,
    about_ms=800,
)
RELEASE_SCHEDULE = Step(
    "release-schedule",
    "partitions are there, so jobs may run by their schedule",
    ("8.3",),
    "target",
    _schedule_runs,
    _release_schedule,
    about_ms=20,
)
REQUEST_AGGREGATES = Step(
    "request-aggregates",
    "what was loaded asks for its own intervals; asked for here is what the lost site may have left half done",
    ("10", "10.1"),
    "target",
    _has_requested,
    _request,
    about_ms=100,
)
RELEASE_AGGREGATION = Step(
    "release-aggregation",
    "the requests are complete, so aggregation may work them off",
    ("10.2", "10.3"),
    "target",
    _aggregates_run,
    _release_aggregates,
    about_ms=20,
)
OPEN_REPORTS = Step(
    "open-reports",
    "reports are answered here; they say what is missing",
    (),
    "target",
    _reports_are_here,
    _open_reports,
    about_ms=50,
)


def as_original(step: Step, *numbers: str) -> Step:
    """Return the step as it stands in another procedure of the original, under other numbers."""
    return replace(step, original=numbers)
