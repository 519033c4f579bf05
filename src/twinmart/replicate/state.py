"""What state a link is in, told from facts alone: a table of states, the most urgent first, each with its mend.

Pure: no server is asked here. Health is told by a beat that crosses, never by a column that says "streaming".
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What one look found. None is "not known"."""

    source_site: int
    target_site: int
    source_answers: bool = True
    target_answers: bool = True
    is_recorded: bool = True
    is_seeded: bool = True
    is_between_these: bool = True
    has_slot: bool = True
    wal_status: str | None = "reserved"
    lost_why: str | None = None
    lag_bytes: int | None = 0
    kept_bytes: int | None = 0
    safe_bytes: int | None = None
    limit_bytes: int | None = None
    has_subscription: bool = True
    is_enabled: bool = True
    is_paused: bool = False
    was_line: bool = False
    has_worker: bool = True
    has_crossed: bool = True
    has_moved: bool = True
    silent_ms: int | None = 0
    lag_ms: int | None = 0
    beat: int | None = None
    beat_at: datetime | None = None
    apply_errors: int = 0
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a lag becomes a state, and how much of the log that may be kept may be used before an alarm."""

    stalled_after_ms: int = 10_000
    behind_ms: int = 5_000
    risky_share: float = 0.5


@dataclass(frozen=True, slots=True)
class State:
    """A state of a link: its name, what it means, and what to do; ``is_steady`` says that a switch may begin."""

    name: str
    meaning: str
    mend: str
    holds: Callable[[Facts, Limits], bool]
    is_steady: bool = False


def _at_risk(facts: Facts, limits: Limits) -> bool:
    if facts.wal_status == "unreserved":
        return True
    if facts.kept_bytes is None or not facts.limit_bytes or facts.limit_bytes < 0:
        return False
    return facts.kept_bytes > facts.limit_bytes * limits.risky_share


def _is_stalled(facts: Facts, limits: Limits) -> bool:
    if facts.has_crossed:
        return False
    if not facts.has_worker:
        return True
    return not facts.has_moved and (facts.silent_ms is None or facts.silent_ms > limits.stalled_after_ms)


STATES: tuple[State, ...] = (
    State(
        "unreachable",
        "one of the two sites gives no answer",
        "Look with: twinmart status. Start the sites of this folder with: twinmart up.",
        lambda facts, _: not (facts.source_answers and facts.target_answers),
    ),
    State(
        "not set up",
        "no link stands between the sites",
        "Set it up with: twinmart replication setup.",
        lambda facts, _: not facts.is_recorded,
    ),
    State(
        "foreign",
        "the link was made between other servers than these",
        "Take it down and set it up: twinmart replication teardown, then twinmart replication setup.",
        lambda facts, _: not facts.is_between_these,
    ),
    State(
        "copying",
        "the first copy goes on, or was broken off",
        "Wait for it, or run it again: twinmart replication setup.",
        lambda facts, _: not facts.is_seeded,
    ),
    State(
        "slot lost",
        "the active site no longer keeps what the standby lacks",
        "Copy the standby anew: twinmart replication rebuild.",
        lambda facts, _: not facts.has_slot or facts.wal_status == "lost" or facts.lost_why is not None,
    ),
    State(
        "broken",
        "the standby's subscription is missing",
        "Make it again: twinmart replication setup.",
        lambda facts, _: not facts.has_subscription,
    ),
    State(
        "slot at risk",
        "the active site keeps so much for the standby that it will soon let it go",
        "Bring the standby back: twinmart replication resume. If it stays away: twinmart replication teardown.",
        _at_risk,
    ),
    State(
        "paused",
        "somebody holds the link up",
        "Let it go on: twinmart replication resume.",
        lambda facts, _: facts.is_paused and not facts.is_enabled,
    ),
    State(
        "interrupted",
        "the line between the sites broke, and the standby stopped",
        "The mart servers let it go on within seconds; by hand: twinmart replication resume.",
        lambda facts, _: not facts.is_enabled and facts.was_line,
    ),
    State(
        "conflict",
        "a change could not be applied, and the standby stopped",
        "Take its cause away, then: twinmart replication resume. If it cannot be: twinmart replication rebuild.",
        lambda facts, _: not facts.is_enabled,
    ),
    State(
        "stalled",
        "nothing crosses, and nobody says why",
        "Look at the line between the sites and at the standby's log; it is tried again every few seconds.",
        _is_stalled,
    ),
    State(
        "catching up",
        "the standby is behind and takes in what it lacks",
        "Wait; look again with: twinmart replication show.",
        lambda facts, limits: not facts.has_crossed or (facts.lag_ms or 0) > limits.behind_ms,
    ),
    State(
        "streaming",
        "what is committed at the active site is at the standby within moments",
        "",
        lambda _facts, _limits: True,
        is_steady=True,
    ),
)


def classify(facts: Facts, limits: Limits | None = None) -> State:
    """Return the most urgent state that the facts show."""
    limits = limits or Limits()
    return next(state for state in STATES if state.holds(facts, limits))
