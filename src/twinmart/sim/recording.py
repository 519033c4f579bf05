"""A recorded stream of a manager interface, taken apart for playing it to others.

What the switch said to the recorder alone (its banner, the answers to its actions) is not played to anybody, and told
apart as knowledge of the switch. What remains keeps its order and, where an index tells them, the pieces in which it
once came. All times can be moved by a constant: each is replaced by one of the same length, so that the pieces stay the
pieces they were.
"""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import NamedTuple

from twinmart.collect.asterisk.wire import BANNER, END
from twinmart.collect.backfill import recorded_chunks
from twinmart.errors import NoRecording

# A number that looks like a time stamp is one only if it is about as old as the recording.
NEAR_S = 30 * 86_400

_TIMESTAMP = re.compile(rb"\r\nTimestamp: (\d{10}\.\d{1,6})(?=\r\n|$)")
# Where whole seconds stand alone, only these keys say that they are a time.
_MORE = frozenset(b"%d" % digit for digit in range(10)) | {b"."}
_LONE = (b"LoginTime: ", b"LastCall: ", b"LastPause: ")
_CLOCK = re.compile(rb"(20\d\d-\d\d-\d\d)([T ])(\d\d:\d\d:\d\d)(?=\.\d|\r\n|$)")
_START = re.compile(rb"(20\d\d-\d\d-\d\d)(\r\nCore(?:Startup|Reload)Time: )(\d\d:\d\d:\d\d)")


class Arrival(NamedTuple):
    """A piece of a recording: its first byte, the first behind it, and when it came."""

    start: int
    end: float
    at: float


class Said(NamedTuple):
    """A message, the place of its first byte and of the first behind its end, and whether all clients were told."""

    message: bytes
    start: int
    end: int
    is_for_all: bool


@dataclass(slots=True)
class Piece:
    """What came at once: bytes for all clients, where in them a message begins first, and the messages that ended."""

    at: float
    data: bytearray = field(default_factory=bytearray)
    first_message: int | None = None
    ends_message: bool = True
    ended: list[bytes] = field(default_factory=list)


def pieces(path: Path, shift: "Shift") -> Iterator[Piece]:
    """Yield a recording piece by piece, as the index beside it says, or message by message, with its times moved."""
    arrivals = _arrivals(path)
    arrival = Arrival(0, 0, 0.0)
    piece = Piece(0.0)
    for said in _said(path):
        message = shift(said.message)
        place = said.start
        while place < said.end:
            if place >= arrival.end:
                if piece.ended or piece.data:
                    yield piece
                arrival = _arrival_of(said, arrivals, place, piece.at)
                piece = Piece(arrival.at, ends_message=piece.ends_message)
            stop = int(min(said.end, arrival.end))
            if said.is_for_all:
                if place == said.start and piece.first_message is None:
                    piece.first_message = len(piece.data)
                piece.data += (message + END)[place - said.start : stop - said.start]
                piece.ends_message = stop == said.end
            place = stop
        piece.ended.append(message)
    yield piece


def opening(path: Path) -> tuple[list[bytes], float]:
    """Return what the switch told the recorder alone before anything happened, and the first time in the recording.

    That is where it answers who it is and what it was like; only the logins are events by then.
    """
    told: list[bytes] = []
    first_at: float | None = None
    for said in _said(path):
        first_at = first_at or time_of(said.message)
        if not said.is_for_all:
            told.append(said.message)
        elif first_at is not None and not said.message.startswith(b"Event: SuccessfulAuth\r\n"):
            return told, first_at
    if first_at is not None:
        return told, first_at
    raise NoRecording(
        f'recording "{path}" holds no event with a time stamp',
        hint="It should be what a client of the manager interface received, with timestampevents = yes.",
    )


def time_of(message: bytes) -> float | None:
    """Return the time stamp of a message, if it has one."""
    found = _TIMESTAMP.search(message, 0, 200)
    return float(found[1]) if found else None


class Shift:
    """Moves all times of a recording by whole seconds; ``start`` tells what numbers can be times of it."""

    def __init__(self, seconds: int, start: float) -> None:
        self.seconds = seconds
        self._from, self._to = int(start) - NEAR_S, int(start) + NEAR_S
        # What all times of the recording begin with: a pattern that begins with plain text is found ten times faster.
        first, last = b"%d" % self._from, b"%d" % self._to
        common = next(first[:size] for size in range(10, -1, -1) if first[:size] == last[:size])
        self._seconds = re.compile(rb"%b\d{%d}(?=\.\d|\r\n|$)" % (common, 10 - len(common)))

    def __call__(self, data: bytes) -> bytes:
        r"""Return the data with its times moved; it keeps its length.

        >>> Shift(60, 1_795_336_708)(b"Timestamp: 1795336708.540231\r\nUniqueid: pbx-1795336708.2\r\nLastCall: 0")
        b'Timestamp: 1795336768.540231\r\nUniqueid: pbx-1795336768.2\r\nLastCall: 0'
        """
        if not self.seconds:
            return data
        data = _CLOCK.sub(self._moved_clock, self._seconds.sub(self._moved_seconds, data))
        return _START.sub(self._moved_clock, data) if b"CoreStartupDate: " in data else data

    def _moved_seconds(self, found: re.Match[bytes]) -> bytes:
        seconds, data = int(found[0]), found.string
        begin, end = found.span()
        # Before a point they are a time stamp or the first half of a channel's id, if nothing makes them longer.
        is_half = data[end : end + 1] == b"."
        is_time = data[begin - 1 : begin] not in _MORE if is_half else data.endswith(_LONE, 0, begin)
        return b"%d" % (seconds + self.seconds) if is_time and self._from <= seconds <= self._to else found[0]

    def _moved_clock(self, found: re.Match[bytes]) -> bytes:
        date, between, clock = found.groups()
        try:
            told = datetime.fromisoformat(f"{date.decode()} {clock.decode()}")
            moved = (told + timedelta(seconds=self.seconds)).isoformat(" ").encode()
        except (ValueError, OverflowError):
            return found[0]
        return bytes(moved[:10] + between + moved[11:])


def _said(path: Path) -> Iterator[Said]:
    rest, start = b"", 0
    for chunk in recorded_chunks(path):
        *whole, rest = (rest + chunk).split(END)
        for message in whole:
            end = start + len(message) + len(END)
            # The banner is a line of its own, without an empty one behind it; some messages have one too many.
            text = (message.partition(b"\r\n")[2] if message.startswith(BANNER) else message).lstrip(b"\r\n")
            yield Said(text, start + len(message) - len(text), end, _is_for_all(text))
            start = end


def _is_for_all(message: bytes) -> bool:
    """Whether every client was told: what a right to read is named for, but not the greeting at one's own login."""
    return (
        message.startswith(b"Event: ")
        and b"\r\nPrivilege: " in message
        and not message.startswith(b"Event: FullyBooted\r\n")
    )


def _arrivals(path: Path) -> Iterator[Arrival] | None:
    """Yield the lines "offset length time" of the index beside a recording: ``ami.idx.gz`` beside ``ami.raw.gz``."""
    index = path.with_name(path.name.replace(".raw", ".idx"))
    if index == path or not index.exists():
        return None

    def lines() -> Iterator[Arrival]:
        with gzip.open(index, "rt") if index.suffix == ".gz" else index.open() as file:
            for line in file:
                offset, length, at = line.split()
                yield Arrival(int(offset), int(offset) + int(length), float(at))

    return lines()


def _arrival_of(said: Said, arrivals: Iterator[Arrival] | None, place: int, last_at: float) -> Arrival:
    if arrivals is None:
        return Arrival(said.start, said.end, time_of(said.message) or last_at)
    for arrival in arrivals:
        if arrival.end > place:
            return arrival
    return Arrival(place, inf, last_at)
