"""Decodes what a slot was about to send: transactions in PostgreSQL's logical replication protocol, version 1, as text.

Source of the format: PostgreSQL's documentation, "Logical Replication Message Formats".
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

# PostgreSQL counts time from here, in microseconds.
_DAWN = datetime(2000, 1, 1, tzinfo=UTC)

Operation = Literal["insert", "update", "delete", "truncate"]

_OPERATIONS: dict[bytes, Operation] = {b"I": "insert", b"U": "update", b"D": "delete"}

# A value that was not sent since it is large and unchanged.
UNCHANGED = "(unchanged)"


@dataclass(frozen=True, slots=True)
class Change:
    """One row changed. ``row`` is as it became, of a delete its key; values are PostgreSQL's text, None is NULL."""

    table: str
    operation: Operation
    row: dict[str, str | None]
    key: dict[str, str | None]
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class _Relation:
    table: str
    columns: tuple[tuple[str, bool], ...]


class _Reader:
    """Reads a message from its front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        part = self._data[self._at : self._at + length]
        self._at += length
        return part

    def number(self, form: str) -> int:
        found: int = struct.unpack_from(f">{form}", self._data, self._at)[0]
        self._at += struct.calcsize(f">{form}")
        return found

    def text(self) -> str:
        end = self._data.index(b"\0", self._at)
        found = self._data[self._at : end].decode()
        self._at = end + 1
        return found


def changes(messages: Iterable[bytes]) -> Iterator[Change]:
    """Yield the changes of the transactions that the messages tell of, in the order of their commits.

    Raises:
        ValueError: a message is of a kind that version 1 of the protocol has not; a mistake of ours.
    """
    relations: dict[int, _Relation] = {}
    committed_at = _DAWN
    for message in messages:
        kind, reader = message[:1], _Reader(message[1:])
        if kind == b"B":
            reader.take(8)
            committed_at = _DAWN + timedelta(microseconds=reader.number("q"))
        elif kind == b"R":
            number = reader.number("I")
            relations[number] = _relation(reader)
        elif kind in _OPERATIONS:
            yield _change(_OPERATIONS[kind], reader, relations, committed_at)
        elif kind == b"T":
            count = reader.number("I")
            reader.take(1)
            for _ in range(count):
                yield Change(relations[reader.number("I")].table, "truncate", {}, {}, committed_at)
        elif kind not in (b"C", b"O", b"Y", b"M"):
            raise ValueError(f"message of kind {kind!r} in a stream of version 1")


def _relation(reader: _Reader) -> _Relation:
    schema, name = reader.text(), reader.text()
    reader.take(1)
    columns = []
    for _ in range(reader.number("H")):
        is_key = bool(reader.number("B") & 1)
        columns.append((reader.text(), is_key))
        reader.take(8)
    return _Relation(f"{schema}.{name}", tuple(columns))


def _change(
    operation: Operation, reader: _Reader, relations: dict[int, _Relation], committed_at: datetime
) -> Change:  # fmt: skip
    relation = relations[reader.number("I")]
    mark = reader.take(1)
    row = _tuple(reader, relation)
    if operation == "update" and mark in (b"K", b"O"):
        # The row as it was comes first where its key has changed.
        reader.take(1)
        row = _tuple(reader, relation)
    key = {name: row[name] for name, is_key in relation.columns if is_key}
    return Change(relation.table, operation, key if operation == "delete" else row, key, committed_at)


def _tuple(reader: _Reader, relation: _Relation) -> dict[str, str | None]:
    reader.number("H")
    row: dict[str, str | None] = {}
    for name, _ in relation.columns:
        kind = reader.take(1)
        if kind == b"n":
            row[name] = None
        elif kind == b"u":
            row[name] = UNCHANGED
        else:
            row[name] = reader.take(reader.number("I")).decode()
    return row
