"""What recovery speaks of: facts about sites, a wish, the steps that lead there, what happens on the way. Pure data.

Facts are looked at once for each question and never remembered: a step that asks whether its goal is reached is given
what the sites say at that moment. The world that is looked at and acted upon is a protocol, so that the same planner,
steps and executor work on PostgreSQL and in a simulation of it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

Command = Literal["failover", "switchover", "return", "drill"]
COMMANDS: tuple[Command, ...] = ("failover", "switchover", "return", "drill")

Copy = Literal["online", "dump", "physical"]

# A step is dangerous when it interrupts loads or reports, or when there is no way back from it.
Danger = Literal["none", "disruptive", "irreversible"]

# Which of the two sites of a wish a step works on.
Place = Literal["target", "other", "both"]

# "failed" is known not to have reached its goal; "unknown" is not known, and the next run asks.
StepState = Literal["as is", "not needed", "done", "not reached", "failed", "unknown", "undone", "running"]

SERVING = ("running", "paused", "migration")


@dataclass(frozen=True, slots=True)
class Link:
    """The receiving end of a replication, as the receiving site shows it; complete once a first beat has crossed."""

    from_site: int
    is_on: bool
    reached_lsn: str | None = None
    reached_at: datetime | None = None
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class CollectorFacts:
    """A collector and its access point, as the site's copy of the configuration has them."""

    name: str
    source: str
    site: int
    is_on: bool
    point_is_on: bool


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """How far a site's mart has the events of a source, and whether a collector here hears it still."""

    name: str
    site: int
    delivered_to: datetime | None = None
    has_twin_here: bool = False


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What one site says of itself; all but the number is meaningless where it does not answer.

    ``was_linked``: the mart was an end of a link once, as the source or with a complete copy.
    """

    site: int
    answers: bool
    why_not: str | None = None
    has_mart: bool = False
    version: int = 0
    latest: int = 0
    epoch: int = 0
    active_site: int = 0
    promised_epoch: int = 0
    heard_epoch: int = 0
    fenced_for: int | None = None
    replica_of: int | None = None
    is_half_copied: bool = False
    was_linked: bool = False
    link: Link | None = None
    feeds: tuple[int, ...] = ()
    leftovers: tuple[str, ...] = ()
    unsalvaged: frozenset[int] = frozenset()
    mart_site: int = 0
    mart_point: int | None = None
    report_site: int = 0
    collectors: tuple[CollectorFacts, ...] = ()
    sources: tuple[SourceFacts, ...] = ()
    runs_schedule: bool = False
    is_held: bool = False
    runs_aggregates: bool = False
    server: str = "none"
    partitions_to: datetime | None = None
    backlog: int = 0
    marks: frozenset[str] = frozenset()

    @property
    def is_current(self) -> bool:
        """Whether the mart is of this program's version."""
        return self.has_mart and self.version == self.latest

    @property
    def highest_epoch(self) -> int:
        """The highest epoch of which the site knows, be it as a promise or by hearsay."""
        return max(self.epoch, self.spent_epoch)

    @property
    def spent_epoch(self) -> int:
        """The highest epoch that another site was promised or has taken, and this one never takes."""
        return max(self.promised_epoch, self.heard_epoch)

    @property
    def has_candidate(self) -> bool:
        """Whether the mart was a copy of the active site until recovery itself took it out of replication."""
        return "candidate" in self.marks

    @property
    def is_no_copy(self) -> bool:
        """Whether nothing was ever replicated to a mart that is not active; its fences alone make no copy of it."""
        if self.replica_of is not None:
            return not self.was_linked
        return self.active_site != self.site and not self.has_candidate

    @property
    def is_active(self) -> bool:
        """Whether the site may load, as far as it knows itself."""
        return self.answers and self.active_site == self.site and self.replica_of is None and self.fenced_for is None

    @property
    def has_taken_over(self) -> bool:
        """Whether nothing is left of a recovery that made the site the active one, and broke off behind that."""
        is_pointed_at = self.mart_site == self.mart_point == self.site and self.report_site in (0, self.site)
        return is_pointed_at and not self.is_held


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sites that matter said, at one moment."""

    at: datetime
    sites: Mapping[int, SiteFacts]

    def __getitem__(self, site: int) -> SiteFacts:
        return self.sites.get(site, SiteFacts(site, answers=False, why_not="not asked"))

    @property
    def active(self) -> SiteFacts | None:
        """The site that the newest word of all that answer names as active; it may not answer itself."""
        known = [one for one in self.sites.values() if one.answers and one.has_mart]
        if not known:
            return None
        return self[max(known, key=lambda one: (one.epoch, one.is_active)).active_site]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a command is to bring about: ``target`` shall be active when it is done.

    ``other`` is the site that is lost (failover, drill), that was active (switchover), or that comes back (return; then
    it may be the target too, and ``other`` the survivor).
    ``since_epoch`` is the highest epoch known when the wish was made.
    """

    command: Command
    target: int
    other: int
    copy: Copy = "online"
    reaggregate_h: int | None = None
    accept_loss: frozenset[str] = frozenset()
    even_if_alive: bool = False
    survivor: int = 0
    since_epoch: int = 0

    @property
    def keeper(self) -> int:
        """The site that keeps the journal and the lock: the one that is sure to be there until the end."""
        return self.survivor if self.command == "return" else self.target

    @property
    def newcomer(self) -> int:
        """Of a return, the site that comes back or is new."""
        return self.other if self.survivor == self.target else self.target

    def to_json(self) -> dict[str, object]:
        """Return the wish as data that ``from_json`` reads."""
        return {**asdict(self), "accept_loss": sorted(self.accept_loss)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Wish":
        """Return the wish that was written as data; what only a newer program knows is left out."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**{**known, "accept_loss": frozenset(data.get("accept_loss", ()))})


class Links(Protocol):
    """Replication between the sites, from the receiving end; each act may be repeated."""

    def pause(self, at: int) -> None:
        """Stop applying what is sent."""
        ...

    def resume(self, at: int) -> None:
        """Apply again."""
        ...

    def detach(self, at: int) -> None:
        """Take the receiving end away without the source."""
        ...

    def clean_up(self, at: int) -> None:
        """Remove slots, origins and subscriptions that belong to no link."""
        ...

    def copy(self, from_site: int, to: int, how: Copy) -> None:
        """Make the mart of a site a copy that follows."""
        ...

    def wait(self, at: int, source: int) -> str:
        """Wait until a site has everything that another one has now; say how far that is."""
        ...

    def turn(self, new_source: int, new_target: int) -> None:
        """Make the source the target and the target the source."""
        ...

    def compare(self, one: int, other: int) -> str:
        """Raise unless two marts hold the same; say what was compared."""
        ...

    def check_flow(self, source: int, target: int) -> str:
        """Raise unless a change at the source arrives at the target."""
        ...


class Configuration(Protocol):
    """Topology and configuration objects as one site's mart has them; each act may be repeated."""

    def raise_epoch(self, at: int, *, expected: int, active: int, above: int) -> int:
        """Make a site active, if the epoch is still the expected one; return the new one, above all known."""
        ...

    def promise(self, at: int, *, epoch: int, active: int) -> None:
        """Fence a site for another one that is to become active with an epoch."""
        ...

    def forget_promise(self, at: int) -> None:
        """Lift the fence of a promise; the epoch stays spent."""
        ...

    def lower_fences(self, at: int) -> None:
        """Let a mart that was a copy take writes."""
        ...

    def raise_fences(self, at: int, of_site: int) -> None:
        """Make a mart take no writes but those of replication."""
        ...

    def repoint(self, at: int, site: int) -> None:
        """Let the application object of the mart server name a site."""
        ...

    def swap_point(self, at: int, site: int) -> None:
        """Make the access point of a site the only one to the mart in use."""
        ...

    def switch_collectors(self, at: int, site: int, *, on: bool) -> None:
        """Enable or disable the collectors of a site."""
        ...

    def switch_points(self, at: int, site: int, *, on: bool) -> None:
        """Enable or disable the access points of a site."""
        ...

    def adopt_collectors(self, at: int, site: int) -> str:
        """Give each source a collector in use at a site, with the objects that are there."""
        ...

    def run_schedule(self, at: int, *, on: bool) -> None:
        """Set the option run-scheduler."""
        ...

    def run_aggregates(self, at: int, *, on: bool) -> None:
        """Set the option run-aggregates."""
        ...


class Marts(Protocol):
    """The mart of a site and the server that works on it; each act may be repeated."""

    def start_server(self, at: int) -> str:
        """See that the mart server of a site runs; say what it is."""
        ...

    def stop_server(self, at: int) -> None:
        """End the mart server of a site after its load."""
        ...

    def prepare(self, at: int) -> None:
        """See that the PostgreSQL of a site runs."""
        ...

    def migrate(self, at: int) -> None:
        """Bring the mart to this program's version."""
        ...

    def make_partitions(self, at: int) -> None:
        """Make partitions ahead."""
        ...

    def check(self, at: int) -> str:
        """Raise unless a site is set up to be the active one; say what was read."""
        ...

    def load(self, at: int) -> str:
        """Load until nothing is left; say how much that was."""
        ...

    def open_manifest(self, at: int, lost: int) -> str:
        """Note how far each source was delivered."""
        ...

    def write_manifest(self, at: int, lost: int) -> str:
        """Note for each source and span what became of it."""
        ...

    def request_aggregates(self, at: int, hours: int | None) -> str:
        """Ask for the aggregates that the lost site may have left half done."""
        ...

    def open_reports(self, at: int) -> str:
        """Let reports be answered here."""
        ...


class World(Protocol):
    """Everything that steps look at and act upon."""

    @property
    def links(self) -> Links:
        """Replication."""
        ...

    @property
    def configuration(self) -> Configuration:
        """Topology and configuration objects."""
        ...

    @property
    def marts(self) -> Marts:
        """Marts and their servers."""
        ...

    def facts(self, sites: Iterable[int]) -> Facts:
        """Ask these sites, each with a deadline; one that gives no answer is a fact as well."""
        ...

    def take(self, keeper: int, run: str) -> int:
        """Take the lock of recoveries at a site for a run and return its fencing number, higher than all before."""
        ...

    def forget(self, *marks: str) -> None:
        """Take marks of the run away: what they told is no longer so."""
        ...

    def check_hold(self) -> None:
        """Raise if the lock was lost or a run with a higher number has begun."""
        ...

    def release(self) -> None:
        """Let the lock go."""
        ...


Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Act:
    """What a step's act is given: the world, what is wished, what was so a moment ago, and a durable notebook."""

    world: World
    wish: Wish
    facts: Facts
    note: Callable[[str, object], None]

    @property
    def target(self) -> int:
        """The site that shall be active."""
        return self.wish.target

    @property
    def other(self) -> int:
        """The other site of the wish."""
        return self.wish.other


def _always(facts: Facts, wish: Wish) -> bool:
    del facts, wish
    return True


@dataclass(frozen=True, slots=True)
class Step:
    """One idempotent move of a procedure.

    ``reached`` asks facts whether the goal holds; ``act`` makes it hold and returns a remark or None. The executor asks
    before and after it acts, so a step that was broken off is simply asked again, and one that somebody did by hand is
    found done. ``until`` names a later step that ends what this one brought about. ``undo`` takes it back as long as no
    step without a way back was begun. A step that is ``best_effort`` may miss its goal and the run goes on.
    """

    name: str
    why: str
    original: tuple[str, ...]
    place: Place
    reached: Callable[[Facts, Wish], bool]
    act: Callable[[Act], str | None]
    needed: Callable[[Facts, Wish], bool] = _always
    undo: Callable[[Act], None] | None = None
    until: str | None = None
    timeout_s: float = 30.0
    about_ms: int = 100
    danger: Danger = "none"
    best_effort: bool = False

    def sites(self, wish: Wish) -> tuple[int, ...]:
        """Return the numbers of the sites that the step looks at."""
        of = {"target": (wish.target,), "other": (wish.other,), "both": (wish.target, wish.other)}
        return of[self.place]


@dataclass(frozen=True, slots=True)
class Change:
    """A thing that a plan changes, as it is and as it will be."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of a plan: whether it has something to do, and how long it takes as a rule."""

    name: str
    state: Literal["to do", "as is", "not needed"]
    about_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command would do, what it changes and what may be lost; ``id`` is a hash of the facts that matter."""

    id: str
    wish: Wish
    at: datetime
    epoch: int
    steps: tuple[PlannedStep, ...]
    changes: tuple[Change, ...]
    may_be_lost: tuple[str, ...]
    matter: Mapping[str, object] = field(default_factory=dict)

    @property
    def about_ms(self) -> int:
        """How long it takes as a rule, milliseconds."""
        return sum(step.about_ms for step in self.steps if step.state == "to do")

    @property
    def is_empty(self) -> bool:
        """Whether everything is as wished already."""
        return all(step.state != "to do" for step in self.steps)


@dataclass(frozen=True, slots=True)
class Event:
    """A change of state of a run, as it is told to people and written down."""

    number: int
    step: str
    state: StepState
    note: str | None = None
    spent_ms: int = 0


def digest(data: object) -> str:
    """Return a short hash of data that JSON can hold, the same for the same data.

    >>> digest({"b": 1, "a": [2]}) == digest({"a": [2], "b": 1})
    True
    """
    text = json.dumps(data, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
