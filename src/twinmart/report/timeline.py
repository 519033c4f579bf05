"""Tells the events of a call in words: short names for channels and bridges, a sentence for each event, what follows.

Pure: it reads a ``Trace`` and nothing else. Long runs of events that decide nothing are folded, so that the course of a
call with hundreds of unanswered tries can still be read.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from string import Formatter
from types import MappingProxyType

from twinmart.model.events import Kind
from twinmart.report.trace import Event, Trace

# So many events of noise in a row are still told one by one: a single try without an answer is eight.
LONGEST_RUN = 8

# Kinds that only confirm what another event said, or were told because somebody asked.
_CONFIRMING = frozenset({Kind.CHANNEL_SEEN, Kind.QUEUE_CALLER_SEEN, Kind.CEL_QUEUE_APP})

# Kinds that carry the name of the channel that they are about; in others it is that of the second channel.
_NAMING = frozenset({Kind.CHANNEL_START, Kind.CHANNEL_SEEN, Kind.CHANNEL_UP, Kind.CHANNEL_END, Kind.CHANNEL_RING})

# What an event says, in pieces; a piece of which a field is missing is left out.
_SAYS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        Kind.CHANNEL_START: ("begins", "from {number}", "to {target}", "state {value}"),
        Kind.CHANNEL_RING: ("rings",),
        Kind.CHANNEL_UP: ("is answered",),
        Kind.CHANNEL_END: ("hangs up", "cause {cause}"),
        Kind.DIAL_START: ("dials {other}", "number {target}"),
        Kind.DIAL_END: ("no longer dials {other}", "result {value}"),
        Kind.BRIDGE_ENTER: ("enters {bridge}", "in place of {other}"),
        Kind.BRIDGE_LEAVE: ("leaves {bridge}",),
        Kind.LOCAL_PAIR: ("is one half of a Local channel", "the other is {other}", "for {target}"),
        Kind.HOLD_START: ("puts the other side on hold",),
        Kind.HOLD_END: ("takes the other side off hold",),
        Kind.QUEUE_ENTER: ('enters queue "{queue}"', "at place {value}"),
        Kind.QUEUE_LEAVE: ('leaves queue "{queue}"',),
        Kind.QUEUE_ABANDON: ('has no answer from queue "{queue}"',),
        Kind.AGENT_OFFER: ('queue "{queue}" rings {who}', "channel {other}"),
        Kind.AGENT_CONNECT: ('queue "{queue}" is answered by {who}', "channel {other}"),
        Kind.AGENT_NOANSWER: ('queue "{queue}" has no answer from {who}', "channel {other}"),
        Kind.AGENT_COMPLETE: ('queue "{queue}" is done with {who}', "ended by {value}"),
        Kind.AGENT_DUMP: ('{who} hangs up before the caller of queue "{queue}" is there', "channel {other}"),
        Kind.TRANSFER_BLIND: ("sends {other} to {target}", "result {value}"),
        Kind.TRANSFER_ATTENDED: ("joins its call with that of {other}", "result {value}"),
        Kind.PICKUP: ("takes the call of {other}",),
        Kind.QUEUE_STATUS: ("the Queue application ended with {value}",),
        Kind.QUEUE_APP: ('is sent to queue "{queue}" by the dialplan', "extension {target}"),
        Kind.CEL_QUEUE_APP: ('was sent to queue "{queue}", says the call event log',),
        Kind.QUEUE_CALLER_SEEN: ('was seen waiting in queue "{queue}"', "for {value} s"),
        Kind.AGENT_LOGIN: ("{member} logs in and stays on the line",),
        Kind.AGENT_LOGOFF: ("{member} logs off", "after {value} s"),
        Kind.CHANNEL_SEEN: ("was seen", "state {value}"),
        Kind.USER_EVENT: ('the dialplan says "{target}"',),
        Kind.USER_DATA: ("carries {target}", "now {value}"),
    }
)

# The causes of a hang-up (ITU-T Q.850) that a call centre meets; others are told by number alone.
_CAUSES = {
    "0": "not told",
    "1": "no such number",
    "16": "normal",
    "17": "busy",
    "18": "no response",
    "19": "no answer",
    "21": "rejected",
    "26": "answered elsewhere",
    "27": "out of order",
    "34": "no line free",
    "38": "network out of order",
    "127": "not known",
}


@dataclass(frozen=True, slots=True)
class Line:
    """An event in words: the short name of its channel, what it says, and the facts that begin or end with it."""

    event: Event
    channel: str
    says: str
    facts: tuple[str, ...]
    is_noise: bool


@dataclass(frozen=True, slots=True)
class Fold:
    """Events of noise, too many in a row to be told one by one."""

    lines: tuple[Line, ...]

    @property
    def event(self) -> Event:
        """The first of the events."""
        return self.lines[0].event

    @property
    def says(self) -> str:
        """How many of which kind."""
        counts = Counter(line.event.kind for line in self.lines)
        return ", ".join(f"{count} {kind}" for kind, count in counts.most_common())

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that begin or end within."""
        return tuple(fact for line in self.lines for fact in line.facts)


@dataclass(slots=True)
class _Names:
    """Short names: the device for a channel, numbered where there are several of it; a number for a bridge."""

    channels: dict[str, str] = field(default_factory=dict)
    bridges: dict[str, str] = field(default_factory=dict)

    def of(self, channel_id: str | None) -> str | None:
        """Return the short name of a channel, which is its id where it has no other."""
        return self.channels.get(channel_id, channel_id) if channel_id else None


def timeline(whole: Trace) -> list[Line]:
    """Return every event of the trace in words."""
    names = _names(whole)
    quiet = _unanswered(whole)
    marks = _marks(whole)
    return [
        Line(
            event=event,
            channel=names.of(event.channel_id) or "",
            says=_says(event, names),
            facts=tuple(marks.get(number, ())),
            is_noise=event.kind in _CONFIRMING or event.channel_id in quiet or event.other_id in quiet,
        )
        for number, event in enumerate(whole.events)
    ]


def channel_names(whole: Trace) -> dict[str, str]:
    """Return the short name of each channel of the trace."""
    names = _names(whole)
    return {channel_id: names.of(channel_id) or channel_id for channel_id in whole.channels}


def folded(lines: Sequence[Line]) -> Iterator[Line | Fold]:
    """Yield the lines, with each run of noise that is longer than ``LONGEST_RUN`` as one."""
    for is_noise, run in groupby(lines, key=lambda line: line.is_noise):
        same = tuple(run)
        if is_noise and len(same) > LONGEST_RUN:
            yield Fold(same)
        else:
            yield from same


def _names(whole: Trace) -> _Names:
    names = _Names()
    seen: Counter[str] = Counter()
    full: dict[str, str] = {}
    for event in whole.events:
        about = event.channel_id if event.kind in _NAMING else None
        if about and event.channel and about not in full:
            full[about] = event.channel if event.source == whole.source else f"{event.source} {event.channel}"
        if event.bridge_id and event.kind in {Kind.BRIDGE_ENTER, Kind.BRIDGE_LEAVE}:
            names.bridges.setdefault(event.bridge_id, f"bridge {len(names.bridges) + 1}")
    for channel_id, name in full.items():
        # A channel is named DEVICE-0000002a; ;1 and ;2 are the halves of a Local channel.
        device = re.sub(r"-[0-9a-f]{8}(?=(;[12])?$)", "", name)
        seen[device] += 1
        names.channels[channel_id] = device if seen[device] == 1 else f"{device} #{seen[device]}"
    return names


def _says(event: Event, names: _Names) -> str:
    pieces = _SAYS.get(event.kind)
    if pieces is None:
        return event.kind.replace("_", " ")
    who = event.target if event.target in {None, event.member} else f"{event.target} ({event.member})"
    known = {
        "number": event.number,
        "target": event.target,
        "value": event.value,
        "queue": event.queue,
        "member": event.member,
        "who": who or event.member,
        "other": names.of(event.other_id),
        "bridge": names.bridges.get(event.bridge_id or ""),
        "cause": _cause(event.value),
    }
    told = [piece.format_map(known) for piece in pieces if all(known.get(name) for name in _fields(piece))]
    return ", ".join(told) or event.kind.replace("_", " ")


def _fields(piece: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(piece) if name]


def _cause(value: str | None) -> str | None:
    return f"{value} ({_CAUSES[value]})" if value in _CAUSES else value


def _unanswered(whole: Trace) -> set[str]:
    """Return the channels of tries without an answer: never up, and part of the call only because somebody dialled."""
    up = {
        event.channel_id
        for event in whole.events
        if event.kind in {Kind.CHANNEL_UP, Kind.BRIDGE_ENTER, Kind.QUEUE_ENTER}
        or (event.kind in {Kind.CHANNEL_START, Kind.CHANNEL_SEEN} and event.value == "Up")
    }
    dialled = {event.other_id for event in whole.events if event.kind in {Kind.DIAL_START, Kind.AGENT_OFFER}}
    ended = {event.channel_id for event in whole.events if event.kind == Kind.CHANNEL_END}
    return {channel for channel in dialled & ended if channel is not None} - up


def _marks(whole: Trace) -> dict[int, list[str]]:
    """Return for the number of an event which facts begin, are answered or end with it."""
    at: dict[datetime, list[int]] = {}
    for number, event in enumerate(whole.events):
        at.setdefault(event.at, []).append(number)
    marks: dict[int, list[str]] = {}
    for moment in _moments(whole):
        same = at.get(moment.at, []) if moment.at else []
        if same:
            best = max(same, key=lambda number: moment.fits(whole.events[number]))
            marks.setdefault(best, []).append(moment.told)
    return marks


@dataclass(frozen=True, slots=True)
class _Moment:
    """A moment of a fact, and which events are likely to have told it."""

    at: datetime | None
    told: str
    kinds: tuple[Kind, ...]
    channel_id: str | None = None

    def fits(self, event: Event) -> tuple[bool, bool]:
        """Return how well an event of the same moment fits; more is better."""
        about = self.channel_id is None or self.channel_id in {event.channel_id, event.other_id}
        return about, about and event.kind in self.kinds


def _moments(whole: Trace) -> Iterator[_Moment]:
    start, end = (Kind.CHANNEL_START, Kind.CHANNEL_SEEN), (Kind.CHANNEL_END,)
    left = (Kind.AGENT_CONNECT, Kind.QUEUE_ABANDON, Kind.QUEUE_LEAVE, Kind.QUEUE_STATUS)
    if whole.interaction is not None:
        yield _Moment(whole.interaction.start_at, "interaction begins", start)
    for number, visit in enumerate(whole.visits, start=1):
        yield _Moment(visit.start_at, f"visit {number} begins", (Kind.QUEUE_ENTER,), visit.channel_id)
        yield _Moment(visit.end_at, f"visit {number}: {visit.result}", left, visit.channel_id)
    for part in whole.parts:
        yield _Moment(part.start_at, f"part {part.ordinal} begins", start, part.channel_id)
        yield _Moment(part.answered_at, f"part {part.ordinal} answered", (Kind.CHANNEL_UP,), part.channel_id)
        yield _Moment(part.end_at, f"part {part.ordinal} ends", end, part.channel_id)
    if whole.interaction is not None:
        yield _Moment(whole.interaction.end_at, "interaction ends", end)
