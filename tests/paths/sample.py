"""The recordings that are taken along every path, small ones cut from real ones, as events."""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from twinmart.collect.asterisk.translate import Translator
from twinmart.collect.asterisk.wire import Messages
from twinmart.collect.backfill import recorded_chunks
from twinmart.model.events import Event

FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True, slots=True)
class Sample:
    """Recordings of one switch, one for each session."""

    source: str
    recordings: tuple[Path, ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """What the recordings come to, in the order in which it was said."""
        return _events(self.source, self.recordings)


# A switch that is killed and comes back; agents of a pool and consultations; full and empty queues, keys, autopause.
CRASH = Sample("crash", (FOLDER / "before.raw.gz", FOLDER / "after.raw.gz"))
POOL = Sample("pool", (FOLDER / "pool.raw.gz",))
EDGES = Sample("edges", (FOLDER / "edges.raw.gz",))
SAMPLES = (CRASH, POOL, EDGES)


@cache
def _events(source: str, recordings: tuple[Path, ...]) -> tuple[Event, ...]:
    found: dict[str, Event] = {}
    for path in recordings:
        translator, messages = Translator(source), Messages()
        batches = [
            translator.translate(messages.feed(chunk), time.time_ns() // 1000) for chunk in recorded_chunks(path)
        ]
        for batch in [*batches, translator.finish(messages.rest)]:
            found.update((event.event_id, event) for event in batch.events)
    return tuple(found.values())
