"""From facts and a wish to a plan: which steps, what changes, what may be lost, how long. Nothing is asked or done.

The id of a plan is a hash of the facts that matter to it. A plan is carried out only while they are as they were, and
is spent by the run that carries it out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from twinmart import errors
from twinmart.config.topology import next_epoch
from twinmart.recover.model import Facts, SiteFacts, Wish, digest
from twinmart.recover.procedure import Change, Plan, PlannedStep, Step
from twinmart.recover.steps import steps_for
from twinmart.recover.steps_common import deaf
from twinmart.recover.steps_return import ADOPT_COLLECTORS

# Facts of a site that make a plan another plan. Times, lags and backlogs move by themselves and do not.
_MATTER = (
    "answers",
    "has_mart",
    "version",
    "latest",
    "epoch",
    "active_site",
    "promised_epoch",
    "fenced_for",
    "replica_of",
    "mart_site",
    "mart_point",
    "report_site",
)

# A standby that is further behind, by the clocks of two sites, is told of; what is waited for is a position.
MOST_LAG = timedelta(minutes=5)

PARTITIONS_WANTED = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer to "may I": it says no, it warns, or all is well."""

    level: Literal["no", "!", "ok"]
    text: str


def make_plan(facts: Facts, wish: Wish, timings: Mapping[str, int] | None = None, *, runs: int = 0) -> Plan:
    """Return what carrying out the wish would do.

    ``timings`` are how long steps took before, milliseconds; ``runs`` is how many there were, each of which spent its
    plan.
    """
    known = timings or {}
    wish = replace(wish, since_epoch=_since_epoch(facts, wish))
    table = steps_for(wish)
    states = {step.name: _state(step, facts, wish) for step in table}
    for step in table:
        # What a step to do brings about, and a later one ends, is not there yet to be found ended.
        if step.until and states[step.name] == "to do" and states.get(step.until) == "as is":
            states[step.until] = "to do"
    steps = tuple(
        PlannedStep(step.name, states[step.name], known.get(step.name, step.about_ms)) for step in table
    )  # fmt: skip
    matter = what_matters(facts, wish, runs)
    return Plan(
        id=digest(matter),
        wish=wish,
        at=facts.at,
        epoch=wish.since_epoch,
        steps=steps,
        changes=tuple(_changes(facts, wish)),
        may_be_lost=tuple(_may_be_lost(facts, wish)),
        matter=matter,
    )


def _since_epoch(facts: Facts, wish: Wish) -> int:
    """Return the epoch above which the target is to take one."""
    known, target = max(one.highest_epoch for one in facts.sites.values()), facts[wish.target]
    if wish.command != "failover" or target.replica_of is not None or target.active_site == wish.target:
        return known
    # A hand-over that broke off has opened the target, and would hold the next epoch for the one that it took itself.
    return next_epoch(known, wish.target) if target.has_candidate else known


def what_matters(facts: Facts, wish: Wish, runs: int = 0) -> dict[str, object]:
    """Return the facts on which a plan for the wish rests, as data."""
    return {
        "number of runs": runs,
        "wish": {**wish.to_json(), "since_epoch": 0},
        **{f"site {one.site}": _matter(one, wish) for one in facts.sites.values()},
    }


def moved(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Return in words which facts that matter are no longer what they were."""
    told = []
    for place in sorted({*before, *now}):
        old, new = before.get(place), now.get(place)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            told += [
                f"{place}: {name} was {old.get(name)}, is {new.get(name)}"
                for name in sorted({*old, *new})
                if old.get(name) != new.get(name)
            ]
        elif old != new:
            told.append(f"{place} was {old}, is {new}")
    return told


def findings(facts: Facts, wish: Wish) -> list[Finding]:
    """Return everything that speaks for or against carrying out the wish now, what says no first."""
    look = {
        "failover": _failover_findings,
        "drill": _drill_findings,
        "switchover": _switchover_findings,
        "return": _return_findings,
    }[wish.command]
    return in_order(look(facts, wish))


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Return findings with what says no first."""
    order = {"no": 0, "!": 1, "ok": 2}
    return sorted(found, key=lambda one: order[one.level])


def refusal(facts: Facts, wish: Wish) -> errors.MartError | None:
    """Return why the wish must not be carried out, or None."""
    against = [one.text for one in findings(facts, wish) if one.level == "no"]
    if not against:
        return None
    return errors.NotReadyForIt(
        f"{_in_words(wish)} must not begin: {against[0]}",
        detail="\n".join(against[1:]) or None,
        hint=f"Nothing was changed. Look with: twinmart check {wish.command}.",
    )


def is_fulfilled(facts: Facts, wish: Wish) -> bool:
    """Whether the wish was fulfilled before and nothing is left to do, as far as the role of the site goes."""
    target, other = facts[wish.target], facts[wish.other]
    is_active = target.is_active and target.has_taken_over
    is_active = is_active and not is_replaced(target, other) and target.heard_epoch <= target.epoch
    is_active = is_active and not is_outdated(target, other)
    if wish.command == "failover":
        return is_active
    if wish.command == "drill":
        return False
    linked = other.link is not None and other.link.from_site == wish.target and other.link.is_on
    linked = linked and wish.other in target.feeds
    followed = is_active and linked and other.replica_of == wish.target
    return followed and (wish.command != "return" or (ADOPT_COLLECTORS.reached(facts, wish) and not other.feeds))


def choose(command: str, facts: Facts, *, active: int | None = None, new: int | None = None) -> tuple[int, int]:
    """Return target and other site of a command, from what the sites say.

    ``active`` is the site that a return is to make active, ``new`` the site that comes back; where they are left out
    there must be no choice.

    Raises:
        NotReadyForIt: no site can take the role.
    """
    now = facts.active
    if now is None:
        raise errors.NotReadyForIt(
            "no site that answers has a mart",
            detail="\n".join(f"site {one.site}: {one.why_not}" for one in facts.sites.values()),
            hint="Nothing was changed. Look with: twinmart status.",
        )
    others = [site for site in sorted(facts.sites) if site != now.site]
    if command == "return":
        return _choose_return(now.site, others, active, new)
    candidates = [site for site in others if facts[site].answers and facts[site].replica_of is not None]
    wanted = [site for site in candidates or others if active in (None, site)]
    unlinked = any(facts[site].answers and facts[site].epoch >= now.epoch for site in others)
    if active == now.site or (command == "failover" and not candidates and not unlinked and now.answers):
        # It is so already, or there is nobody else: the answer is the plan's to give.
        return now.site, others[0] if others else now.site
    if len(wanted) != 1:
        raise _no_choice(command, wanted)
    return wanted[0], now.site


def _choose_return(survivor: int, others: list[int], active: int | None, new: int | None) -> tuple[int, int]:
    back = [site for site in others if new in (None, site)]
    if active is not None and active != survivor:
        back = [active] if active in others else []
        new = active
    if len(back) != 1:
        raise _no_choice("return", back, new)
    return (survivor, back[0]) if active in (None, survivor) else (back[0], survivor)


def _no_choice(command: str, sites: list[int], new: int | None = None) -> errors.MartError:
    if sites:
        listed = ", ".join(map(str, sites))
        return errors.UsageError(
            f"{command} has a choice of sites: {listed}", hint="Nothing was changed. Name one with --active or --new."
        )
    return errors.NotReadyForIt(
        f"there is no {f'site {new}' if new else 'other site'} for {command}",
        hint=f"Nothing was changed. Make it with: twinmart init --sites {new or 2}.",
    )


def _state(step: Step, facts: Facts, wish: Wish) -> Literal["to do", "as is", "not needed"]:
    if not step.needed(facts, wish):
        return "not needed"
    return "as is" if step.reached(facts, wish) else "to do"


def _matter(site: SiteFacts, wish: Wish) -> dict[str, object]:
    link = site.link
    told: dict[str, object] = {name: getattr(site, name) for name in _MATTER}
    told["link"] = None if link is None else f"from {link.from_site}, {'on' if link.is_on else 'off'}"
    told["collectors"] = {one.name: [one.site, one.is_on, one.point_is_on] for one in site.collectors}
    told["unsafe sources"] = sorted(one.name for one in site.sources if not one.has_twin_here)
    if site.site == wish.target:
        told["leftovers"] = sorted(site.leftovers)
    return told if site.answers else {"answers": False}


def _changes(facts: Facts, wish: Wish) -> Iterator[Change]:
    target = facts[wish.keeper]
    for what, before, after in (
        ("active site", target.active_site, wish.target),
        ("mart server", f"site {target.mart_site}", f"site {wish.target}"),
        ("mart in use", f"mart@{target.mart_point}", f"mart@{wish.target}"),
        ("reports", f"site {target.report_site}" if target.report_site else "none", f"site {wish.target}"),
    ):
        if before != after:
            yield Change(what, str(before), str(after))
    on = [one.name for one in target.collectors if one.is_on]
    if wish.command == "return":
        back = [one.name for one in target.collectors if one.site == wish.newcomer or not one.is_on]
        if set(back) - set(on):
            yield Change("collectors in use", " ".join(on), " ".join(sorted({*on, *back})))
        link = facts[wish.other].link
        now = "none" if link is None else f"site {link.from_site} to site {wish.other}"
        if now != (then := f"site {wish.target} to site {wish.other}"):
            yield Change("replication", now, then)
    elif wish.command == "switchover":
        yield Change("replication", f"site {wish.other} to site {wish.target}", f"site {wish.target} to {wish.other}")
    else:
        left = [one.name for one in target.collectors if one.is_on and one.site != wish.other]
        if left != on:
            yield Change("collectors in use", " ".join(on), " ".join(left) or "none")
        if target.link is not None:
            yield Change("replication", f"site {target.link.from_site} to site {wish.target}", "none")


def _may_be_lost(facts: Facts, wish: Wish) -> Iterator[str]:
    if wish.command in ("switchover", "return"):
        if holds_unshipped(facts, wish):
            yield f"what site {wish.newcomer} alone holds; bring it first: twinmart salvage --site {wish.newcomer}"
            return
        yield (
            "nothing: the switch waits until the other site has everything"
            if wish.target != wish.survivor
            else ("nothing: the active site serves all the while")
        )
        return
    for source in facts[wish.target].sources:
        if source.has_twin_here:
            continue
        since = f"after {source.delivered_to:%d %b %H:%M:%S} UTC" if source.delivered_to else "of all times"
        yield f"events of {source.name} {since}: no collector of site {wish.target} recorded them"


def holds_unshipped(facts: Facts, wish: Wish) -> bool:
    """Whether the site that a return overwrites was lost with what never crossed, and nobody has fetched that."""
    old = facts[wish.newcomer]
    is_known_lost = wish.command == "return" and wish.newcomer in facts[wish.survivor].unsalvaged
    return is_known_lost and old.answers and old.has_mart and old.link is None


def unsafe_sources(facts: Facts, wish: Wish) -> list[str]:
    """Return the sources of which events may be lost, since no collector of the target hears them."""
    return [one.name for one in facts[wish.target].sources if not one.has_twin_here]


def _common(site: SiteFacts, wish: Wish) -> Iterator[Finding]:
    if not site.answers:
        yield Finding("no", f"site {site.site} does not answer: {site.why_not}")
    elif not site.has_mart:
        yield Finding("no", f"site {site.site} has no mart")
    elif site.version > site.latest:
        yield Finding("no", f"the mart of site {site.site} is newer than this program")
    elif site.version < site.latest:
        level: Literal["no", "!"] = "!" if wish.command in ("failover", "drill") else "no"
        yield Finding(level, f"the mart of site {site.site} is {site.latest - site.version} migrations behind")
    else:
        yield Finding("ok", f"site {site.site} answers and its mart is of this program's version")


def _failover_findings(facts: Facts, wish: Wish) -> Iterator[Finding]:
    target, other = facts[wish.target], facts[wish.other]
    yield from _common(target, wish)
    if not target.answers or not target.has_mart:
        return
    is_in_charge = other.is_active and other.epoch >= target.epoch and not is_replaced(other, target)
    if is_in_charge and not wish.even_if_alive and wish.command == "failover":
        yield Finding(
            "no",
            f"site {wish.other} answers and is active; hand over with twinmart switchover, or say --even-if-alive",
        )
    if target.replica_of is None and target.active_site != wish.target and target.fenced_for is not None:
        yield Finding("no", f"site {wish.target} is fenced: its copy is older than what site {target.fenced_for} has")
    elif target.is_no_copy:
        yield Finding(
            "no",
            f"site {wish.target} is no copy of the active site; nothing was ever replicated to it"
            " (twinmart replication setup)",
        )
    if is_replaced(target, other):
        yield _made_anew(target, other)
    if is_outdated(target, other):
        comes_back = f"make it a copy again: twinmart return --active {wish.other}"
        yield Finding("no", f"site {wish.other} has been active since site {wish.target} was; {comes_back}")
    if target.is_half_copied:
        yield Finding("no", f"site {wish.target} holds half a copy only; go on with it: twinmart return")
    yield from _readiness(facts, wish)
    unsafe = [name for name in unsafe_sources(facts, wish) if not {name, "all"} & wish.accept_loss]
    for name in unsafe:
        level: Literal["no", "!"] = "no" if wish.command == "failover" else "!"
        yield Finding(
            level, f"no collector of site {wish.target} hears source {name}; its latest events may be lost"
            f" (--accept-loss {name})",
        )  # fmt: skip
    if not unsafe:
        yield Finding("ok", "every source is heard at the site, or its loss is accepted")


def _made_anew(site: SiteFacts, other: SiteFacts) -> Finding:
    takes_over = f"let its copy take over: twinmart failover --active {other.site}"
    return Finding("no", f"the mart of site {site.site} was made anew or put back; {takes_over}")


def _drill_findings(facts: Facts, wish: Wish) -> Iterator[Finding]:
    yield from _failover_findings(facts, wish)


def _readiness(facts: Facts, wish: Wish) -> Iterator[Finding]:
    """Yield what makes a standby slower or poorer than it should be, long before it is needed."""
    target = facts[wish.target]
    link = target.link
    if link is None and target.active_site != wish.target:
        yield Finding("!", f"nothing is replicated to site {wish.target} (twinmart replication show)")
    elif link is not None and not link.is_on:
        yield Finding("!", f"replication to site {wish.target} is paused; what it misses is loaded from the twins")
    elif link is not None and link.reached_at is not None and facts.at - link.reached_at > timedelta(minutes=1):
        behind = int((facts.at - link.reached_at).total_seconds())
        yield Finding("!", f"replication is {behind} s behind")
    elif link is not None:
        yield Finding("ok", "replication runs")
    ahead = None if target.partitions_to is None else target.partitions_to - facts.at
    if ahead is None or ahead < PARTITIONS_WANTED:
        days = 0 if ahead is None else max(0, ahead.days)
        yield Finding("!", f"site {wish.target} has {days} days of partitions ahead, {PARTITIONS_WANTED.days} wanted")
    else:
        yield Finding("ok", f"partitions reach {ahead.days} days ahead")


def _switchover_findings(facts: Facts, wish: Wish) -> Iterator[Finding]:
    target, other = facts[wish.target], facts[wish.other]
    for site in (target, other):
        yield from _common(site, wish)
    if not (target.answers and other.answers and target.has_mart and other.has_mart):
        return
    if other.active_site != wish.other and target.active_site != wish.target:
        yield Finding("no", f"neither site {wish.target} nor site {wish.other} is active")
    if silent := deaf(other, wish.target):
        yield Finding(
            "no", f"collectors of {silent[0]} at site {wish.target} are disabled; begin with: twinmart return"
        )
    link = target.link
    if target.replica_of != wish.other or link is None or link.from_site != wish.other:
        yield Finding(
            "no", f"site {wish.target} is no standby of site {wish.other}; make it one with: twinmart replication setup"
        )
    elif not link.is_on:
        yield Finding("no", f"replication to site {wish.target} is paused; go on with: twinmart replication resume")
    elif link.reached_at is not None and facts.at - link.reached_at > MOST_LAG:
        told = f"site {wish.target} is more than {MOST_LAG.seconds // 60} min behind"
        yield Finding("!", f"{told}; loads stop only when it is near")
    else:
        yield Finding("ok", f"site {wish.target} follows site {wish.other}")


def _return_findings(facts: Facts, wish: Wish) -> Iterator[Finding]:
    survivor, newcomer = facts[wish.survivor], facts[wish.newcomer]
    yield from _common(survivor, wish)
    if wish.survivor == wish.newcomer:
        yield Finding("no", "a return takes two sites")
    if survivor.answers and survivor.has_mart and not survivor.is_active:
        yield Finding("no", f"site {wish.survivor} is not the active site")
    elif survivor.is_current and not survivor.has_taken_over:
        command = f"twinmart failover --active {wish.survivor}"
        yield Finding("no", f"site {wish.survivor} has not taken everything over; go on with: {command}")
    if is_replaced(survivor, newcomer):
        yield _made_anew(survivor, newcomer)
    elif newcomer.answers and newcomer.epoch > survivor.epoch:
        yield Finding("no", f"site {wish.newcomer} knows epoch {newcomer.epoch}; its mart must not be overwritten")
    elif not newcomer.answers:
        yield Finding("!", f"site {wish.newcomer} does not answer yet; the plan starts it")
    if holds_unshipped(facts, wish):
        site = wish.newcomer
        yield Finding("!", f"site {site} may hold what never crossed; bring it first: twinmart salvage --site {site}")
    if survivor.backlog > 0:
        yield Finding("!", f"site {wish.survivor} has still to load {survivor.backlog} events")


def _in_words(wish: Wish) -> str:
    return f"{wish.command} to site {wish.target}" if wish.command != "return" else f"return of site {wish.newcomer}"


def replan(facts: Facts, wish: Wish, before: Mapping[str, object], runs: int = 0) -> errors.MartError | None:
    """Return why a plan made of earlier facts no longer fits, or None."""
    told = moved(before, what_matters(facts, wish, runs))
    if not told:
        return None
    return errors.PlanStale(
        f"plan {digest(before)} no longer fits: the sites are not as they were",
        detail="\n".join(told),
        hint=f"Nothing was changed. Make a new one with: twinmart plan {wish.command}.",
    )


def overtaken(
    facts: Facts, wish: Wish, epoch: int, *, has_raised: bool, taken: int | None = None
) -> errors.MartError | None:  # fmt: skip
    """Return why a run must not go on, since an epoch was taken that is not its own, or None.

    ``epoch`` is the one at which it began; ``has_raised``: it may have taken one itself, which is ``taken``
    or, where it broke off before it wrote that down, the next one of its target.
    """
    newest = max((site for site in facts.sites.values() if site.answers), key=lambda site: site.epoch, default=None)
    if newest is None or newest.epoch <= epoch:
        return None
    target = facts[wish.target]
    if has_raised and newest.active_site == wish.target:
        if is_replaced(target, newest):
            return _replaced(target, newest)
        # A promise that is above it was made since.
        spent = target.spent_epoch if target.spent_epoch < newest.epoch else 0
        if newest.epoch <= (taken or next_epoch(max(epoch, spent), wish.target)):
            return None
    return errors.PlanStale(
        f"another run has made site {newest.active_site} active since this {wish.command} began",
        detail=f"site {newest.site} knows epoch {newest.epoch}; the run began at epoch {epoch}",
        hint=f"Nothing was changed, and the run is closed. Make a new plan with: twinmart plan {wish.command}.",
    )


def is_replaced(site: SiteFacts, other: SiteFacts) -> bool:
    """Whether a site is not what it was when the other one became its copy: that knows more of it than itself."""
    was_copied = other.replica_of == site.site and other.was_linked and not site.was_linked
    knows_more = other.epoch > site.epoch or was_copied
    return site.answers and other.answers and other.active_site == site.site and knows_more


def is_outdated(site: SiteFacts, other: SiteFacts) -> bool:
    """Whether a site calls itself active, and the other one answers and has been active since."""
    return site.is_active and other.answers and other.active_site == other.site and other.epoch > site.epoch


def _replaced(target: SiteFacts, newest: SiteFacts) -> errors.MartError:
    return errors.PlanStale(
        f"site {target.site} is no longer the one that became active: its mart was made anew or put back",
        detail=f"it knows epoch {target.epoch}; site {newest.site}, its copy, knows {newest.epoch}",
        hint="Nothing was changed, and the run is closed. Let the copy take over: twinmart failover.",
    )


def overdue(last_drill_at: datetime | None, now: datetime, allowed: timedelta = timedelta(days=30)) -> Finding:
    """Return whether the last drill is too long ago."""
    if last_drill_at is None:
        return Finding("!", f"there was never a drill; one every {allowed.days} days is wanted: twinmart drill")
    ago = now - last_drill_at
    text = f"the last drill was {ago.days} days ago, {allowed.days} allowed"
    return Finding("!" if ago > allowed else "ok", text)
