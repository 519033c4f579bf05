"""What agents served and when they were on the phone, told by what was asked of the switch and by their phones."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

from tests.oracle.agent_states import Served, Span
from tests.truth.legs import Leg
from tests.truth.recording import Action, Recording, Visit

AUTOPAUSE = "Auto-Pause"

# Calls that a phone places itself: it is busy while it dials, too.
PLACED = {"outbound", "internal-out", "consult-out"}

# Two clocks that tell of the same instant differ by less.
SAME_S = 0.3

# What the switch does at one moment reaches all phones within this time.
INSTANT_S = 0.05

# Results of a visit that end the ringing of every phone.
CALLED_OFF = {"answered", "abandoned", "exitkey"}


def served(recording: Recording) -> dict[int, list[Served]]:
    """Return for each agent how its service of each queue changed.

    Members that stand in the configuration serve whenever the switch runs; nobody's service outlives it.
    """
    book = _Book()
    told: list[tuple[float, Callable[[], None]]] = []
    for agent, queues in recording.queues_of.items():
        if agent in recording.static:
            told += [(at, partial(book.add, at, agent, queue)) for at in recording.starts for queue in queues]
    told += [(action.at, partial(book.obey, action)) for action in recording.actions]
    told += [(at, partial(book.pause, at, agent, queue, AUTOPAUSE)) for at, agent, queue in _autopauses(recording)]
    if recording.killed_at is not None:
        told.append((recording.killed_at, partial(book.end, recording.killed_at)))
    for _, happens in sorted(told, key=lambda one: one[0]):
        happens()
    return book.changes


def on_the_phone(recording: Recording, agent: int) -> list[Span]:
    """Return the spans in which an agent's phone was in a call: from the answer, or from dialling, to its end."""
    spans = [
        Span(begin, leg.end)
        for leg in recording.legs
        if leg.agent == agent and (begin := leg.start if leg.kind in PLACED else leg.answer) is not None
    ]
    # A consultation that a member without a phone answered is known by the dialplan alone.
    return spans + [
        Span(visit.answer, visit.end)
        for visit in recording.visits
        if visit.agent == agent
        and visit.answer is not None
        and not visit.is_open_at(recording.killed_at)
        and not any(abs(span.start - visit.answer) < SAME_S for span in spans)
    ]


def visit_of(recording: Recording, leg: Leg) -> Visit | None:
    """Return the visit to a queue for which a phone rang."""
    for visit in recording.visits:
        if visit.caller == leg.caller and visit.enter <= leg.start <= visit.left:
            return visit
    return None


def _autopauses(recording: Recording) -> Iterator[tuple[float, int, str | None]]:
    """Yield when the switch paused a member that let a call go: in which queue, or in all.

    It does so where the queue is set to, unless ringing ended because the caller had left or another had answered.
    """
    for leg in recording.legs:
        visit = visit_of(recording, leg)
        if leg.agent is None or leg.answer is not None or visit is None:
            continue
        setting = recording.settings[visit.queue]["autopause"]
        if setting != "no" and (visit.result not in CALLED_OFF or leg.end + INSTANT_S < visit.left):
            yield leg.end, leg.agent, None if setting == "all" else visit.queue


class _Book:
    """Who serves which queue at the moment, and everything that changed so far."""

    def __init__(self) -> None:
        self.changes: dict[int, list[Served]] = defaultdict(list)
        self._serving: dict[int, set[str]] = defaultdict(set)

    def obey(self, action: Action) -> None:
        if action.name == "QueueAdd" and action.queue is not None:
            self.add(action.at, action.agent, action.queue)
        elif action.name == "QueueRemove" and action.queue is not None:
            self.remove(action.at, action.agent, action.queue)
        elif action.name == "QueuePause" and action.pause:
            self.pause(action.at, action.agent, action.queue, action.reason)
        elif action.name == "QueuePause":
            self.unpause(action.at, action.agent, action.queue)

    def add(self, at: float, agent: int, queue: str) -> None:
        self._serving[agent].add(queue)
        self.changes[agent].append(Served(at, queue, serving=True))

    def remove(self, at: float, agent: int, queue: str) -> None:
        self._serving[agent].discard(queue)
        self.changes[agent].append(Served(at, queue, serving=False))

    def pause(self, at: float, agent: int, queue: str | None, reason: str | None) -> None:
        for one in self._concerned(agent, queue):
            self.changes[agent].append(Served(at, one, serving=True, paused=True, reason=reason))

    def unpause(self, at: float, agent: int, queue: str | None) -> None:
        for one in self._concerned(agent, queue):
            self.changes[agent].append(Served(at, one, serving=True))

    def end(self, at: float) -> None:
        for agent, queues in self._serving.items():
            for queue in sorted(queues):
                self.changes[agent].append(Served(at, queue, serving=False))
            queues.clear()

    def _concerned(self, agent: int, queue: str | None) -> list[str]:
        return sorted(one for one in self._serving[agent] if queue in (None, one))
