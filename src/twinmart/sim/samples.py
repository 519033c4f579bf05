"""The recordings that come with the program, and what the phones in them noted: the truth to compare figures with."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from twinmart.report.totals import AgentTotal, QueueTotal

Total = TypeVar("Total", bound=QueueTotal | AgentTotal)

# A figure of seconds agrees when it is as close as this: phones and switch do not notice everything at the same moment.
NEAR_S = 0.5
NEAR_SHARE = 0.002

_FOLDER = Path(__file__).with_name("samples")


class TrueVisit(NamedTuple):
    """A queue visit as the phones saw it."""

    uniqueid: str
    queue: str
    nth: int
    result: str
    agent: str | None
    wait_s: float
    talk_s: float | None
    hold_s: float | None
    transferred: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One recording of a switch, with its truth."""

    name: str
    recording: Path
    length_s: float
    agents: dict[str, str]
    visits: list[TrueVisit]

    def queue_totals(self) -> list[QueueTotal]:
        """Return the true totals of its queues."""
        found: dict[str, list[TrueVisit]] = {}
        for visit in self.visits:
            found.setdefault(visit.queue, []).append(visit)
        return [_queue_total(self.name, queue, visits) for queue, visits in found.items()]

    def agent_totals(self) -> list[AgentTotal]:
        """Return the true totals of its agents who answered a call from a queue."""
        found: dict[str, list[TrueVisit]] = {}
        for visit in self.visits:
            if visit.agent is not None:
                found.setdefault(self.agents[visit.agent], []).append(visit)
        return [
            AgentTotal(self.name, agent, len(visits), _sum(v.talk_s for v in visits), _sum(v.hold_s for v in visits))
            for agent, visits in found.items()
        ]


@dataclass(frozen=True, slots=True)
class Pair(Generic[Total]):
    """A line of a comparison: what the mart says and what is true."""

    mart: Total
    truth: Total

    @property
    def agrees(self) -> bool:
        """Whether every count is the same and every figure of seconds is near."""
        columns = [field.name for field in fields(self.truth)]
        return all(_is_near(getattr(self.mart, name), getattr(self.truth, name)) for name in columns)


def sample(name: str) -> Sample:
    """Return the sample of this name."""
    folder = _FOLDER / name
    told = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    visits = [TrueVisit(*row) for row in told["visits"]]
    return Sample(name, folder / "ami.raw.gz", told["length_s"], told["agents"], visits)


def samples() -> list[Sample]:
    """Return all samples, by name."""
    return [sample(path.parent.name) for path in sorted(_FOLDER.glob("*/truth.json"))]


def pairs(mart: Iterable[Total], truth: Iterable[Total]) -> list[Pair[Total]]:
    """Return both sides of every queue or agent that one of them knows, by source and name."""
    known = {(total.source, total.name): total for total in mart}
    true = {(total.source, total.name): total for total in truth}
    return [
        Pair(known.get(key) or type(true[key])(*key), true.get(key) or type(known[key])(*key))
        for key in sorted(known.keys() | true.keys())
    ]


def _queue_total(source: str, queue: str, visits: list[TrueVisit]) -> QueueTotal:
    answered = [visit for visit in visits if visit.result == "answered"]
    abandoned = sum(visit.result == "abandoned" for visit in visits)
    return QueueTotal(
        source,
        queue,
        visits=len(visits),
        answered=len(answered),
        abandoned=abandoned,
        others=len(visits) - len(answered) - abandoned,
        wait_s=_sum(visit.wait_s for visit in answered),
        talk_s=_sum(visit.talk_s for visit in answered),
        hold_s=_sum(visit.hold_s for visit in answered),
    )


def _sum(seconds: Iterable[float | None]) -> float:
    return round(sum(value or 0.0 for value in seconds), 3)


def _is_near(found: object, true: object) -> bool:
    if isinstance(found, float) and isinstance(true, float):
        return abs(found - true) <= max(NEAR_S, NEAR_SHARE * abs(true))
    return found == true
