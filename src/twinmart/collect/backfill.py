"""Loads a recorded stream of the manager interface into an interaction database, with the live collector's own code.

The same recording loaded twice adds nothing the second time, and neither does one of which a collector has heard a
part: the events have the same identities.
"""

import gzip
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from uuid import UUID

from twinmart.collect.ahead import ahead
from twinmart.collect.asterisk.translate import Batch, Translator
from twinmart.collect.asterisk.userdata import Keys
from twinmart.collect.asterisk.wire import Messages
from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, SessionRecords, Tag, payload_bytes
from twinmart.db.connect import Connection
from twinmart.errors import NoRecording, RecordingCutOff, SourceMisconfigured
from twinmart.model.events import Kind

CHUNK = 1 << 20

# Rows of a few megabytes a transaction: few commits, and little to repeat when one is lost.
BATCH_BYTES = 4 << 20

# So many events without a time of their own, and none with one, are no accident.
MOST_UNTIMED = 100


@dataclass(slots=True)
class Loaded:
    """What a recording held and what of it was new."""

    bytes: int = 0
    messages: int = 0
    events: int = 0
    new_events: int = 0
    kept_aside: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None
    seconds: float = 0.0


def backfill_file(
    connection: Connection, schema: str, source_name: str, path: Path, *, collector: str = "backfill"
) -> Loaded:
    """Load a recording, packed with gzip or not, and return what it held; memory is bounded whatever its length.

    Every few megabytes are committed, so that nothing of a long recording is lost when the load is stopped: load it
    again.

    Raises:
        NoRecording: there is no such file, or it cannot be read.
        RecordingCutOff: the file is damaged or ends too early; what stands before that was loaded.
        SourceMisconfigured: the events carry no time stamps; nothing was loaded.
    """
    started = time.monotonic()
    loaded = Loaded()
    idb = Idb.open(connection, schema)
    keys = Keys(idb.user_data_keys(source_name))
    for records in ahead(_batches(path, source_name, collector, loaded, keys)):
        loaded.new_events += idb.write(records)
    loaded.seconds = time.monotonic() - started
    return loaded


def _batches(path: Path, source_name: str, collector: str, loaded: Loaded, keys: Keys) -> Iterator[list[Record]]:
    """Yield the records of a recording, some megabytes at a time, and fill in what it held."""
    chunks = ahead(recorded_chunks(path))
    first = next(chunks, b"")
    translator = Translator(source_name, keys=keys)
    messages = Messages()
    session = SessionRecords(_session_key(source_name, first))
    about = {"session_key": session.session_key, "source": source_name, "collector": collector, "at": datetime.now(UTC)}
    told: dict[str, object] = {"switch_boot_at": None, "version": None, "system_name": None}
    damage: RecordingCutOff | None = None

    def records_of(batch: Batch) -> list[Record]:
        _count(batch, loaded, told)
        return session.of_batch(batch)

    waiting = [Record.of(Tag.RECORDING_START, **about)]
    try:
        for chunk in chain([first], chunks):
            loaded.bytes += len(chunk)
            waiting += records_of(translator.translate(messages.feed(chunk), time.time_ns() // 1000))
            _refuse_untimed(translator, path, MOST_UNTIMED)
            if payload_bytes(waiting) >= BATCH_BYTES:
                yield waiting
                waiting = []
    except RecordingCutOff as error:
        damage = error
    waiting += records_of(translator.finish(messages.rest))
    _refuse_untimed(translator, path, 1)
    loaded.messages, loaded.dropped = translator.messages, translator.dropped
    yield waiting
    # The session's span is known only when its events are in the table.
    yield [Record.of(Tag.RECORDING_END, session_key=session.session_key, **told)]
    if damage is not None:
        raise damage


def recorded_chunks(path: Path) -> Iterator[bytes]:
    """Yield what a recording holds, unpacked if it is packed.

    Raises:
        NoRecording: there is no such file, or it cannot be read.
        RecordingCutOff: the file is damaged or ends too early; what could be read was yielded.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if packed else raw as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RecordingCutOff(
            f'recording "{path}" is damaged or ends too early',
            detail=f"gzip: {error}",
            hint="What stands before the damage was loaded. Fetch the file again and load it once more; it is safe.",
        ) from error
    except OSError as error:
        raise NoRecording(
            f'recording "{path}" cannot be read', detail=error.strerror or str(error), hint="Nothing was loaded."
        ) from error


def _count(batch: Batch, loaded: Loaded, told: dict[str, object]) -> None:
    loaded.events += len(batch.events)
    loaded.kept_aside.update(bad.reason for bad in batch.bad)
    # The start of the switch lies before the session that tells of it.
    times = [event.at for event in batch.events if event.kind is not Kind.SWITCH_BOOT]
    if times:
        loaded.first_at = min(loaded.first_at or times[0], *times)
        loaded.last_at = max(loaded.last_at or times[0], *times)
    if len(times) < len(batch.events):
        told["switch_boot_at"] = next(event.at for event in batch.events if event.kind is Kind.SWITCH_BOOT)
    for answer in batch.answers:
        if "AsteriskVersion" in answer:
            told.update(version=answer["AsteriskVersion"], system_name=answer.get("SystemName") or None)


def _session_key(source_name: str, beginning: bytes) -> UUID:
    """The session of a recording: the same for the same recording, told apart by how its stream begins."""
    return UUID(bytes=blake2b(source_name.encode() + b"\0" + beginning, digest_size=16).digest(), version=5)


def _refuse_untimed(translator: Translator, path: Path, limit: int) -> None:
    if translator.timed == 0 and translator.untimed >= limit:
        raise SourceMisconfigured(
            f'the events of recording "{path}" carry no time stamps',
            detail=f"{translator.untimed} events without Timestamp, none with one",
            hint="Set timestampevents = yes in manager.conf of the telephony server, and record again.",
        )
