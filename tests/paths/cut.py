"""Cuts a small recording out of a large one: a span of time, in it all that is told of members, and some of the calls.

    python -m tests.paths.cut FROM.raw.gz TO.raw.gz --until 09:00:20 --calls 40

Calls with transfers, Local channels, agents of a pool and exits of every kind come first; a call is taken with all that
it was joined with, so that nothing in the cut begins or ends in the air that did not do so in the recording.
"""

import argparse
import gzip
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from twinmart.collect.asterisk.translate import LIST_ENDS, Translator
from twinmart.collect.asterisk.wire import BANNER, Messages
from twinmart.collect.backfill import recorded_chunks
from twinmart.model.events import Event, Kind

RARE = {
    Kind.CHANNEL_SEEN: 0,
    Kind.TRANSFER_ATTENDED: 1,
    Kind.AGENT_LOGIN: 1,
    Kind.AGENT_DUMP: 1,
    Kind.PICKUP: 1,
    Kind.TRANSFER_BLIND: 2,
    Kind.LOCAL_PAIR: 3,
    Kind.QUEUE_CALLER_SEEN: 3,
    Kind.AGENT_NOANSWER: 4,
    Kind.HOLD_START: 5,
    Kind.QUEUE_STATUS: 6,
    Kind.QUEUE_ABANDON: 7,
}


# Rows of lists; a list of which one is missing is no whole one.
ROWS = {Kind.MEMBER_SEEN, Kind.QUEUE_SEEN, Kind.QUEUE_CALLER_SEEN, Kind.AGENT_SEEN, Kind.CHANNEL_SEEN}


class Said(NamedTuple):
    """A message and what it came to."""

    message: bytes
    events: list[Event]


def said(path: Path) -> Iterator[Said]:
    """Yield the messages of a recording that mean something to us, and those that tell the time before an answer."""
    translator, messages = Translator("cut"), Messages()
    clock = b""
    for chunk in recorded_chunks(path):
        for message in messages.feed(chunk):
            events = translator.translate([message], time.time_ns() // 1000).events
            name = message[7:].partition(b"\r\n")[0]
            if message.startswith(b"Response: ") and clock:
                yield Said(clock, [])
                clock = b""
            if events or message.startswith((BANNER, b"Response: ", b"Event: FullyBooted")) or name in LIST_ENDS:
                yield Said(message, events)
            elif b"\r\nTimestamp: " in message:
                clock = message


def groups(events: list[Event]) -> list[list[Event]]:
    """Return the events of calls that have to do with each other."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            name = root[name]
        return name

    def names(event: Event) -> list[str]:
        return [name for name in (event.channel_id, event.linked_id, event.other_id) if name]

    for event in events:
        for name in names(event)[1:]:
            root[find(name)] = find(names(event)[0])
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.channel_id:
            found[find(event.channel_id)].append(event)
    return list(found.values())


def cut(source: Path, target: Path, *, since: str, until: str, calls: int, seed: int) -> None:
    """Write the cut; times are of the day, in UTC."""
    lines = list(said(source))
    inside = [line for line in lines if not line.events or since <= f"{line.events[-1].at:%H:%M:%S}" < until]
    chosen = groups([event for line in inside for event in line.events])
    random.Random(seed).shuffle(chosen)
    chosen.sort(key=lambda call: min(RARE.get(event.kind, 9) for event in call))
    rare, plain = chosen[: calls * 3 // 4], chosen[calls * 3 // 4 :]
    kept = {event.event_id for call in rare + plain[-(calls - len(rare)) :] for event in call}
    wanted = [
        line.message
        for line in inside
        if not line.events
        or any(event.kind in ROWS or not event.channel_id or event.event_id in kept for event in line.events)
    ]
    with target.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=9, mtime=0) as packed:
        packed.write(b"".join(message + b"\r\n\r\n" for message in wanted))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--since", default="00:00:00")
    parser.add_argument("--until", default="24:00:00")
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    cut(asked.source, asked.target, since=asked.since, until=asked.until, calls=asked.calls, seed=asked.seed)
