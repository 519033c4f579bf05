"""Follows the lists that a switch tells row by row, so that one that was seen whole can be called a snapshot.

Only a whole list says who is absent: a row says that something is there, and nothing about what it does not name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from twinmart.collect.asterisk.rules import Fields, is_integer
from twinmart.model.events import Kind

# A list that is longer keeps its rows and gets no snapshot; so many lists are told at once only by a broken stream.
LONGEST_LIST = 100_000
MOST_OPEN = 16


@dataclass(slots=True)
class OpenList:
    """A list that is being told: how many rows came so far, and what they named."""

    rows: int = 0
    broken: bool = False
    queues: set[str] = field(default_factory=set)
    members: list[tuple[str, str]] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)

    def is_whole(self, end: Fields) -> bool:
        """Whether every row that the end of the list speaks of was seen."""
        items = end.get("ListItems", "")
        return not self.broken and self.rows <= LONGEST_LIST and is_integer(items) and int(items) == self.rows


class Lists:
    """The lists of one session, by action id.

    Whether a list of queues was asked for all of them is not said in it. ``asked_for_all`` is the beginning of action
    ids that were; without it a list of a single queue counts only while no other queue is known.
    """

    def __init__(self, asked_for_all: str | None) -> None:
        self._asked_for_all = asked_for_all
        self._open: dict[str, OpenList] = {}
        self._queues: set[str] = set()

    def start(self, answer: Fields) -> None:
        """Note that a list begins."""
        action = answer.get("ActionID", "")
        if not action:
            return
        if len(self._open) >= MOST_OPEN:
            # The oldest is of a kind that we do not follow, or its end was lost.
            del self._open[next(iter(self._open))]
        self._open[action] = OpenList()

    def row(self, kind: Kind, fields: Fields, *, broken: bool) -> None:
        """Note a row; one that could not be understood spoils the list."""
        told = self._open.get(fields.get("ActionID", ""))
        if told is None:
            return
        told.rows += 1
        told.broken |= broken
        if broken or told.rows > LONGEST_LIST:
            return
        if kind is Kind.QUEUE_SEEN:
            told.queues.add(fields["Queue"])
        elif kind is Kind.MEMBER_SEEN:
            told.members.append((fields["Queue"], fields["Interface"]))
        elif kind is Kind.CHANNEL_SEEN:
            told.channels.append(fields["Uniqueid"])

    def end(self, name: bytes, end: Fields) -> tuple[Kind, Mapping[str, object]] | None:
        """Note the end of a list and return the snapshot that it came to, if it did."""
        action = end.get("ActionID", "")
        told = self._open.pop(action, None)
        if told is None or not told.is_whole(end):
            return None
        if name == b"CoreShowChannelsComplete":
            return Kind.CHANNEL_SNAPSHOT, {"channels": told.channels}
        if name == b"QueueStatusComplete" and self._is_of_all_queues(action, told.queues):
            return Kind.MEMBER_SNAPSHOT, {"members": told.members}
        return None

    def _is_of_all_queues(self, action: str, queues: set[str]) -> bool:
        if self._asked_for_all is not None:
            return action.startswith(self._asked_for_all)
        if len(queues) <= 1 and not self._queues <= queues:
            return False
        self._queues = queues
        return True
