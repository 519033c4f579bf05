"""What travels from a source to an interaction database, through the spool or past it.

A record is whole in itself and means the same whenever it is written: events as lines of COPY, and the few statements
about sessions and messages kept aside with their parameters.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple, Self
from uuid import UUID, uuid5

from twinmart.collect.asterisk.translate import BadMessage, Batch
from twinmart.collect.rows import copy_lines

MOST_KEPT_ASIDE = 10_000


class Tag(IntEnum):
    """What a record holds. The numbers stand in spools and are never given another meaning."""

    EVENTS = 1
    BAD_MESSAGE = 2
    SESSION_START = 3
    SESSION_HEARD = 4
    SESSION_END = 5
    RECORDING_START = 6
    RECORDING_END = 7


class Record(NamedTuple):
    """One thing to be written: a tag and, by the tag, COPY lines or the parameters of a statement as JSON."""

    tag: Tag
    payload: bytes

    @classmethod
    def of(cls, tag: Tag, **parameters: object) -> Self:
        """Make a record of the parameters of its statement; times become text, everything else is JSON's own."""
        return cls(tag, json.dumps(parameters, default=str).encode())

    def parameters(self) -> Mapping[str, object]:
        """Return the parameters of the statement."""
        found: Mapping[str, object] = json.loads(self.payload)
        return found


class SessionRecords:
    """Makes the records of one session; messages kept aside are numbered, so that each is one for ever.

    Beyond ``MOST_KEPT_ASIDE`` they are only counted: a switch gone mad must not fill the database.
    """

    def __init__(self, session_key: UUID) -> None:
        self.session_key = session_key
        self.kept_aside = 0
        self._text = str(session_key)

    def of_batch(self, batch: Batch, received_at: datetime | None = None) -> list[Record]:
        """Return what a batch of translated messages came to, as records."""
        at = received_at or datetime.now(UTC)
        records = [self._aside(bad, at) for bad in batch.bad[: max(0, MOST_KEPT_ASIDE - self.kept_aside)]]
        self.kept_aside += len(batch.bad) - len(records)
        if batch.events:
            records.append(Record(Tag.EVENTS, copy_lines(batch.events, self._text, at)))
        return records

    def _aside(self, bad: BadMessage, at: datetime) -> Record:
        self.kept_aside += 1
        return Record.of(
            Tag.BAD_MESSAGE,
            id=uuid5(self.session_key, str(self.kept_aside)),
            session_key=self._text,
            received_at=at,
            reason=bad.reason,
            raw=bad.raw.hex(),
        )


def payload_bytes(records: Iterable[Record]) -> int:
    """Return how much the records weigh."""
    return sum(len(record.payload) for record in records)
