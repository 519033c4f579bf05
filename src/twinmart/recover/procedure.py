"""What a procedure is made of: steps, the world that they act upon, plans, and what happens on the way.

The world is a protocol, so that the same planner, steps and executor work on PostgreSQL and in a simulation of it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from twinmart.recover.model import Copy, Facts, Wish

# A step is dangerous when it interrupts loads or reports, or when there is no way back from it.
Danger = Literal["none", "disruptive", "irreversible"]

# Which of the two sites of a wish a step works on.
Place = Literal["target", "other", "both"]

# "failed" is known not to have reached its goal; "unknown" is not known, and the next run asks.
StepState = Literal["as is", "not needed", "done", "not reached", "failed", "unknown", "undone", "running"]


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
