"""A recording of a real switch, and what phones, callers and the dialplan did meanwhile, told by their own clocks.

Nothing here is read from the switch's own records of its queues. Times are seconds since the epoch.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tests.truth.legs import DIAL_S, Leg, Slip, read_leg, slip

# Kinds of members that are no phones: what they did, answers apart, was written down by the dialplan alone.
ROBOT, POOL = "robot", "pool"


class Call(NamedTuple):
    """A call to one of the queues' numbers."""

    number: int
    caller: str
    dialled: str
    is_sip: bool
    reached_the_switch: bool


class Visit(NamedTuple):
    """A caller's stay in a queue, with its result and who answered."""

    channel: str
    caller: str
    queue: str
    ordinal: int
    call: int | None
    how: str
    result: str
    agent: int | None
    enter: float
    answer: float | None
    end: float | None

    @property
    def left(self) -> float:
        """When the caller no longer waited."""
        return self.answer or self.end or float("inf")

    def is_open_at(self, moment: float | None) -> bool:
        """Whether the visit, or the talk that came of it, went on at a moment."""
        return moment is not None and self.enter < moment and (self.end is None or self.end >= moment - 0.01)


class Action(NamedTuple):
    """Something that was asked of the switch on behalf of an agent; whoever asked for a pause also said whether."""

    at: float
    name: str
    agent: int
    queue: str | None
    pause: bool
    reason: str | None


class Line(NamedTuple):
    """A line that the dialplan wrote."""

    at: float
    what: str
    number: str
    channel: str
    call: str
    about: str


@dataclass(frozen=True)
class Recording:
    """A folder with a recorded stream of the manager interface and the truth about the same time."""

    folder: Path

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def streams(self) -> list[Path]:
        """The recorded sessions in their order; a switch that died has a second one."""
        return [path for path in (self.folder / "ami.raw.gz", self.folder / "after" / "ami.raw.gz") if path.exists()]

    @cached_property
    def killed_at(self) -> float | None:
        """When the switch was killed, if it was."""
        file = self.folder / "crash.txt"
        return float(file.read_text().split()[1]) if file.exists() else None

    @cached_property
    def starts(self) -> list[float]:
        """When the switch was ready: at the latest when the recording began, and again after it was killed."""
        began: float = json.loads((self.folder / "run.json").read_text())["t_start"]
        file = self.folder / "crash.txt"
        return [began, float(file.read_text().split()[5])] if file.exists() else [began]

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The queues and agents of the run."""
        found: dict[str, Any] = json.loads((self.folder / "spec.json").read_text())
        return found

    @property
    def source(self) -> str:
        """Name of the switch."""
        return str(self.spec["site"])

    @cached_property
    def kinds(self) -> dict[int, str]:
        """What each agent is: sip, a phone; localsip, one behind a Local channel; robot; pool, one of an agent pool."""
        return {agent["num"]: agent["kind"] for agent in self.spec["agents"]}

    @cached_property
    def queues_of(self) -> dict[int, list[str]]:
        """The queues that each agent serves while logged in."""
        return {agent["num"]: [queue["q"] for queue in agent["queues"]] for agent in self.spec["agents"]}

    @cached_property
    def static(self) -> set[int]:
        """Members that stand in the switch's configuration."""
        return {agent["num"] for agent in self.spec["agents"] if agent.get("static")}

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The configuration of each queue."""
        return {queue["name"]: queue["conf"] for queue in self.spec["queues"]}

    @cached_property
    def calls(self) -> list[Call]:
        """Every call to a queue's number."""
        return [
            Call(row["call"], row["ani"], row["dnis"], row["kind"] == "sip", row.get("result") != ["none", None])
            for row in self._lines("calls.jsonl")
        ]

    @cached_property
    def legs(self) -> list[Leg]:
        """Every leg of a phone but those in which an agent of a pool waits for work, right where the truth slipped."""
        return [found.leg if isinstance(found, Slip) else found for found in self._examined]

    @cached_property
    def slips(self) -> list[Slip]:
        """Where the truth slipped."""
        return [found for found in self._examined if isinstance(found, Slip)]

    @cached_property
    def _examined(self) -> list[Leg | Slip]:
        told = [read_leg(row) for row in self._lines("legs.jsonl") if row["kind"] != "login"]
        return [slip(leg, told, self.killed_at, self.starts[-1]) or leg for leg in told]

    @cached_property
    def actions(self) -> list[Action]:
        """What the switch did when it was asked on behalf of an agent, in its order."""
        done = (row for row in self._lines("actions.jsonl") if row["agent"] is not None and row["result"] == "Success")
        found = [
            Action(
                row["t_done"],
                row["action"],
                row["agent"],
                row.get("Queue"),
                row.get("Paused") == "true",
                row.get("Reason") or None,
            )
            for row in done
        ]
        return sorted(found, key=lambda action: action.at)

    @cached_property
    def visits(self) -> list[Visit]:
        """Every visit to a queue, refused tries included, in the order of entry."""
        seen: dict[tuple[str, str], int] = {}
        found = []
        placed = [(str(slip.leg.agent), slip.leg.start) for slip in self.slips if slip.leg.kind == "internal-out"]
        for row in sorted(self._table("entries.csv"), key=lambda row: float(row["t_enter"])):
            key = row["uniqueid"], row["queue"]
            seen[key] = seen.get(key, 0) + 1
            visit = _visit(row, seen[key])
            # What was no consultation after all was a call of its own.
            is_own = any(visit.caller == caller and abs(visit.enter - at) < DIAL_S for caller, at in placed)
            found.append(visit._replace(how="did") if is_own else visit)
        return found

    @cached_property
    def dialplan(self) -> list[Line]:
        """What the dialplan wrote."""
        rows = (line.split(",", 5) for line in (self.folder / "dialplan.csv").read_text().splitlines())
        return [Line(float(at), what, number, channel, call, about) for at, what, number, channel, call, about in rows]

    def agent_totals(self) -> dict[int, dict[str, str]]:
        """The totals of each agent, as told."""
        return {int(row["agent"]): row for row in self._table("agents.csv")}

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        with (self.folder / name).open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    def _table(self, name: str) -> Iterator[dict[str, str]]:
        with (self.folder / name).open(encoding="utf-8", newline="") as rows:
            yield from csv.DictReader(rows)


def _visit(row: dict[str, str], ordinal: int) -> Visit:
    answered = row["result"] == "answered"
    return Visit(
        row["uniqueid"],
        row["caller"],
        row["queue"],
        ordinal,
        int(row["call"]) if row["call"] else None,
        row["how"],
        row["result"],
        int(row["agent"]) if row["agent"] else None,
        float(row["t_enter"]),
        float(row["t_answer"]) if answered else None,
        float(row["t_agent_end" if answered else "t_leave"] or 0) or None,
    )
