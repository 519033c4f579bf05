"""The durable store between a collector's socket and its interaction database: append-only files of checked records.

What ``append`` has returned from is accepted: it is on the disk and outlives the process and the machine, however long
the database is away. The database, and not the spool, knows up to where it was taken over, since that is committed with
the rows themselves.

A position is a byte offset that only grows; a segment is a file named by the position of its first byte. Whatever was
being written when the process or the machine died is found by its checksum and cut off when the spool is opened.
"""

import bisect
import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self
from uuid import UUID, uuid4

from twinmart.collect.records import Record, Tag
from twinmart.errors import SpoolDamaged, SpoolFull, SpoolTakenTwice

SEGMENT_BYTES = 16 << 20

# Length of the payload, checksum of tag and payload, tag.
_FRAME = struct.Struct(">IIB")
_TAGS = frozenset(Tag)


class Taken(NamedTuple):
    """Records read from a position, the position behind them, and what was in the way, if anything."""

    records: list[Record]
    position: int
    damage: SpoolDamaged | None = None


class Spool:
    """A spool in a folder of its own; one process at a time has it. One thread appends, another one takes."""

    def __init__(self, folder: Path, limit_bytes: int | None = None) -> None:
        """Use ``Spool.open``, which also checks what is there."""
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._changed = threading.Condition()
        self._starts: list[int] = []
        self._damaged: set[int] = set()
        self._end = 0
        self._taken = 0
        self._soiled = False
        self._file = -1
        self._lock_file = -1
        self.spool_id = UUID(int=0)

    @classmethod
    def open(cls, folder: Path, *, limit_bytes: int | None = None) -> Self:
        """Return the spool in the folder, made if there is none; once ``limit_bytes`` wait in it, no more are accepted.

        Raises:
            SpoolTakenTwice: another process has it.
            SpoolFull: there is no room even for an empty one.
        """
        spool = cls(folder, limit_bytes)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            spool._lock()
            spool.spool_id = spool._identity()
            spool._find_segments()
        except OSError as error:
            raise _full(folder, error) from error
        return spool

    @property
    def oldest(self) -> int:
        """The position of the oldest record that is still there."""
        return self._starts[0]

    @property
    def end(self) -> int:
        """The position behind the newest accepted record."""
        return self._end

    def append(self, records: Sequence[Record]) -> None:
        """Accept the records, all or none; when this returns they are on the disk.

        Raises:
            SpoolFull: there is no room; nothing was accepted, and it can be tried again at any time.
        """
        data = b"".join(map(_framed, records))
        waiting = self._end - max(self._taken, self.oldest)
        if self._limit_bytes is not None and waiting >= self._limit_bytes:
            raise SpoolFull(
                f'the spool in "{self._folder}" has reached its limit',
                detail=f"{waiting} bytes wait for the interaction database, limit {self._limit_bytes}",
                hint="The source is not read until there is room. See why the database takes nothing: twinmart status.",
            )
        try:
            if self._soiled or self._end - self._starts[-1] >= SEGMENT_BYTES:
                self._begin_segment(self._end)
            _write_all(self._file, data)
            _sync(self._file)
        except OSError as error:
            self._cut_back()
            raise _full(self._folder, error) from error
        with self._changed:
            self._end += len(data)
            self._changed.notify_all()

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """Wait until there is something behind the position, and return whether there is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._end > position, timeout_s)

    def take(self, position: int, most_bytes: int) -> Taken:
        """Return the records from a position on, some ``most_bytes`` of them; they stay where they are.

        A segment that is damaged is read up to the damage; then taking goes on behind that segment.
        """
        with self._changed:
            place = bisect.bisect_right(self._starts, position) - 1
            start = self._starts[max(place, 0)]
            next_start = self._starts[place + 1] if place + 1 < len(self._starts) else self._end
        position = max(position, start)
        with self._path(start).open("rb") as file:
            file.seek(position - start)
            records, length = _whole_records(file.read(min(next_start - position, most_bytes)))
            if not length and position < next_start:
                # One record alone may be longer than what was asked for.
                file.seek(position - start)
                records, length = _whole_records(file.read(next_start - position))
        if length or position >= next_start:
            return Taken(records, position + length)
        self._damaged.add(start)
        return Taken([], next_start, self._damage(start, position, next_start))

    def forget(self, position: int) -> None:
        """Remove the segments that lie before the position as a whole; damaged ones are put aside instead."""
        self._taken = position
        while len(self._starts) > 1 and self._starts[1] <= position:
            path = self._path(self._starts[0])
            if self._starts[0] in self._damaged:
                path.rename(path.with_suffix(".damaged"))
            else:
                path.unlink(missing_ok=True)
            with self._changed:
                del self._starts[0]

    def go_to(self, position: int) -> None:
        """Go on at a position that lies behind the end: what the database already took must not be given out again."""
        if position > self._end:
            self._begin_segment(position)

    def close(self) -> None:
        """Give the spool free for another process."""
        for file in (self._file, self._lock_file):
            if file >= 0:
                os.close(file)
        self._file = self._lock_file = -1

    def _lock(self) -> None:
        self._lock_file = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_file)
            raise SpoolTakenTwice(
                f'the spool in "{self._folder}" is in use by another process',
                hint="Nothing was changed. Look for a second collector process of this name and stop it.",
            ) from None

    def _identity(self) -> UUID:
        path = self._folder / "id"
        try:
            return UUID(path.read_text().strip())
        except FileNotFoundError:
            identity = uuid4()
            new = path.with_suffix(".new")
            with new.open("w") as file:
                file.write(f"{identity}\n")
                file.flush()
                os.fsync(file.fileno())
            new.rename(path)
            self._sync_folder()
            return identity

    def _find_segments(self) -> None:
        self._starts = sorted(int(path.stem) for path in self._folder.glob("*.seg"))
        if not self._starts:
            self._begin_segment(0)
            return
        last = self._starts[-1]
        data = self._path(last).read_bytes()
        _, length = _whole_records(data)
        if not _is_torn(data[length:]):
            # Not the trace of a sudden end but damage: it stays as it is, and will be told of when it is reached.
            self._begin_segment(last + len(data))
            return
        self._end = last + length
        self._file = os.open(self._path(last), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.ftruncate(self._file, length)
        _sync(self._file)

    def _begin_segment(self, start: int) -> None:
        file = os.open(self._path(start), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._sync_folder()
        if self._file >= 0:
            os.close(self._file)
        self._file, self._soiled = file, False
        with self._changed:
            if start not in self._starts:
                self._starts.append(start)
            self._end = start

    def _cut_back(self) -> None:
        """Take back what a failed write left behind; should even that fail, the next write begins a segment."""
        try:
            os.ftruncate(self._file, self._end - self._starts[-1])
        except OSError:
            self._soiled = True

    def _damage(self, start: int, position: int, next_start: int) -> SpoolDamaged:
        return SpoolDamaged(
            f'a segment of the spool in "{self._folder}" is damaged',
            detail=f"{self._path(start).name}: no record at {position}; {next_start - position} bytes were skipped",
            hint="The file is kept with the suffix .damaged. Check the disk; the twin collector has the same events.",
        )

    def _path(self, start: int) -> Path:
        return self._folder / f"{start:020d}.seg"

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _framed(record: Record) -> bytes:
    checksum = zlib.crc32(record.payload, zlib.crc32(bytes([record.tag])))
    return _FRAME.pack(len(record.payload), checksum, record.tag) + record.payload


def _whole_records(data: bytes) -> tuple[list[Record], int]:
    """Return the whole and sound records at the beginning of the data, and how many bytes they take."""
    records: list[Record] = []
    place = 0
    while place + _FRAME.size <= len(data):
        length, checksum, tag = _FRAME.unpack_from(data, place)
        begin = place + _FRAME.size
        payload = data[begin : begin + length]
        sound = zlib.crc32(payload, zlib.crc32(bytes([tag]))) == checksum
        if len(payload) < length or not sound or tag not in _TAGS:
            break
        records.append(Record(Tag(tag), payload))
        place = begin + length
    return records, place


def _is_torn(rest: bytes) -> bool:
    """Whether the bytes behind the last sound record are what a sudden end leaves: a part of a record, or zeros."""
    if len(rest) < _FRAME.size or not rest.strip(b"\0"):
        return True
    length, _, _ = _FRAME.unpack_from(rest)
    return bool(_FRAME.size + length > len(rest))


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync(file: int) -> None:
    # The length of the file is synced with the data; only times are not, and nobody reads those.
    getattr(os, "fdatasync", os.fsync)(file)


def _full(folder: Path, error: OSError) -> SpoolFull:
    return SpoolFull(
        f'the spool in "{folder}" cannot be written',
        detail=error.strerror or str(error),
        hint="Make room on that disk; nothing that was accepted is lost, and the collector goes on by itself.",
    )
