"""Where the nights have been: which command met which state with which outcome, and in which steps it was killed."""

from collections import Counter

from tests.recover.sim import SimWorld
from twinmart.recover.model import SiteFacts, Wish
from twinmart.recover.steps import PROCEDURES, steps_for

BEFORE = "before the first step"


class Census:
    """Counts over any number of nights."""

    def __init__(self) -> None:
        self.met: Counter[tuple[str, str, str]] = Counter()  # command, state, outcome
        self.deaths: Counter[tuple[str, str]] = Counter()  # procedure, step

    def count(self, wish: Wish, state: str, outcome: str) -> None:
        self.met[wish.command, state, outcome] += 1

    def count_death(self, wish: Wish, step: str) -> None:
        self.deaths[procedure(wish), step or BEFORE] += 1

    def never_died_in(self) -> list[tuple[str, str]]:
        """Return the steps in which no run was killed."""
        every = [(name, step.name) for name, steps in PROCEDURES.items() for step in steps]
        return [one for one in every if one not in self.deaths]

    def pairs(self) -> set[tuple[str, str]]:
        """Return which commands met which states."""
        return {(command, state) for command, state, _ in self.met}

    def told(self) -> str:
        """Return the counts as lines."""
        met = (f"{count:7} {' / '.join(key)}" for key, count in sorted(self.met.items()))
        deaths = (f"{count:7} killed in {' / '.join(key)}" for key, count in sorted(self.deaths.items()))
        return "\n".join([*met, *deaths])


def procedure(wish: Wish) -> str:
    """Return the name of the table of a wish."""
    return next(name for name, steps in PROCEDURES.items() if steps is steps_for(wish))


def state(world: SimWorld, wish: Wish) -> str:
    """Return in words how things stand for a wish: the role of its keeper's site, and of the other one."""
    keeper = wish.keeper
    other = wish.target + wish.other - keeper
    told = f"{role(world, keeper)} | {role(world, other)}"
    return told if world.line(keeper, other) or not world.sites[other].up else f"{told}, cut off"


def role(world: SimWorld, site: int) -> str:
    """Return what a site is, by what is so at it."""
    here = world.sites[site]
    if not here.up:
        return "lost"
    facts = world.facts(site, "")
    if not facts.has_mart:
        return "empty"
    if not facts.is_current:
        return "behind"
    newest = max(one.own.epoch for one in world.sites.values() if one.mart is not None)
    return _role(facts, is_newest=facts.epoch == newest)


def _role(facts: SiteFacts, *, is_newest: bool) -> str:
    if facts.is_half_copied:
        return "half a copy"
    if facts.is_active:
        return "active" if is_newest else "active of an older epoch"
    if facts.fenced_for is not None:
        return "fenced"
    if facts.replica_of is None:
        return "taken out of replication" if facts.has_candidate else "no copy"
    if facts.link is None:
        return "standby without a link"
    return "standby" if facts.link.is_on else "standby, paused"
