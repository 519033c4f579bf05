"""Reads and writes configuration objects, their options and connections, and keeps what was before.

Every write is one revision of one object, in the caller's transaction if there is one, else in its own. Writers of one
mart come one after another. What a write says twice changes nothing and makes no revision.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from twinmart import errors
from twinmart.config import rules
from twinmart.config.kinds import Object
from twinmart.db.connect import Connection, lock_key
from twinmart.db.sqlfiles import sql_text

LOCK = "configuration"

Aspect: TypeAlias = Literal["state", "property", "option", "connection"]


class Change(NamedTuple):
    """One difference between two states of an object; values as they stand in the history."""

    aspect: Aspect
    section: str
    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the history."""

    kind: str
    object: str
    revision: int
    aspect: Aspect
    section: str
    name: str
    old: str | None
    new: str | None
    at: datetime
    author: str
    reason: str | None


class Store:
    """The configuration of one mart, on a connection to it.

    ``notes`` gathers what a write put right by itself, ``written`` the objects that were changed and how. ``at`` is the
    time of the changes, so that two marts that are written together say the same.
    """

    def __init__(
        self, connection: Connection, *, author: str, reason: str | None = None, at: datetime | None = None
    ) -> None:
        self.connection = connection
        self.notes: list[str] = []
        self.written: list[tuple[Object, list[Change]]] = []
        self._author = author
        self._reason = reason
        self._at = at

    def find(self, kind: str, name: str) -> Object | None:
        """Return an object, or None when there is none of this kind and name."""
        return next(iter(self.all(kind, name)), None)

    def get(self, kind: str, name: str) -> Object:
        """Return an object.

        Raises:
            UnknownObject: there is none of this kind and name.
        """
        found = self.find(rules.known_kind(kind), name)
        if found is None:
            raise rules.unknown_object(kind, name, [one for (one,) in self._names(kind)])
        return found

    def all(self, kind: str | None = None, name: str | None = None) -> list[Object]:
        """Return the objects, of one kind if it is given, by kind and name."""
        with self.connection.cursor(row_factory=class_row(_Row)) as cursor:
            rows = cursor.execute(sql_text("config/objects"), {"kind": kind, "name": name}).fetchall()
        return [row.object() for row in rows]

    def put(
        self,
        kind: str,
        name: str,
        properties: Mapping[str, Any] | None = None,
        *,
        enabled: bool | None = None,
        discovered: bool = False,
        options: Mapping[tuple[str, str], str] | None = None,
        connections: Iterable[tuple[str, str]] | None = None,
        whole: bool = False,
    ) -> Object:
        """Make an object, or change one that is there; what is not told stays as it is, unless ``whole`` is asked for.

        A property that is told as None is taken away.

        Raises:
            WrongConfiguration: the kind, a property or an option is not one, or has a value that it cannot have.
            ConfigurationGuard: a rule forbids the change now, such as a new role after extraction began.
            UnknownObject: a connection leads to an object that is not there.
        """
        kind = rules.known_kind(kind)
        with writing(self.connection):
            before = self.find(kind, name)
            known = {} if whole or before is None else dict(before.properties)
            known.update(rules.named(kind, name, known, [one for (one,) in self._names("source")]))
            known.update(properties or {})
            checked, notes = rules.checked_properties(kind, name, known)
            wanted = Object(
                kind,
                name,
                enabled=enabled if enabled is not None else True if before is None or whole else before.enabled,
                discovered=discovered,
                properties=checked,
                options=self._checked_options(kind, options, None if whole else before),
                connections=self._checked_connections(kind, connections, None if whole else before),
            )
            self.notes += notes
            return self._change(before, wanted)

    def enable(self, kind: str, name: str) -> Object:
        """Let an object count again.

        Raises:
            UnknownObject: there is no such object.
            ConfigurationGuard: another mart's access point is enabled already.
        """
        return self._edit(kind, name, enabled=True)

    def disable(self, kind: str, name: str) -> Object:
        """Let an object be as if it were not there; what is known of it stays, for when it is enabled again.

        Raises:
            UnknownObject: there is no such object.
        """
        return self._edit(kind, name, enabled=False)

    def set_option(self, kind: str, name: str, section: str, option: str, value: str) -> Object:
        """Set an option on an object.

        Raises:
            UnknownObject: there is no such object.
            WrongConfiguration: there is no such option, not on this kind of object, or not with such a value.
        """
        return self._edit(kind, name, options={(section, option): value})

    def unset_option(self, kind: str, name: str, section: str, option: str) -> Object:
        """Take an option away, so that what is less specific holds, or the default.

        Raises:
            UnknownObject: there is no such object.
        """
        with writing(self.connection):
            before = self.get(kind, name)
            left = {key: value for key, value in before.options.items() if key != (section, option)}
            return self._change(before, _with(before, options=left, discovered=False))

    def connect(self, kind: str, name: str, to_kind: str, to_name: str) -> Object:
        """Make an application a client of another object.

        Raises:
            UnknownObject: one of the two is not there.
            WrongConfiguration: objects of these kinds are not connected.
        """
        with writing(self.connection):
            before = self.get(kind, name)
            return self.put(kind, name, connections={*before.connections, (rules.known_kind(to_kind), to_name)})

    def disconnect(self, kind: str, name: str, to_kind: str, to_name: str) -> Object:
        """Undo a connection; where there is none, nothing happens.

        Raises:
            UnknownObject: one of the two is not there.
        """
        with writing(self.connection):
            before, other = self.get(kind, name), self.get(to_kind, to_name)
            return self.put(kind, name, connections=before.connections - {(other.kind, other.name)})

    def history(
        self,
        kind: str | None = None,
        name: str | None = None,
        *,
        since: datetime | None = None,
        most: int | None = None,
    ) -> list[Entry]:
        """Return what was changed, the newest first; of one object if it is named."""
        with self.connection.cursor(row_factory=class_row(Entry)) as cursor:
            asked = {"kind": kind, "name": name, "since": since, "most": most}
            return cursor.execute(sql_text("config/history"), asked).fetchall()

    def as_of(self, kind: str, name: str, revision: int) -> Object:
        """Return an object as it was at a revision, from its history.

        Raises:
            UnknownObject: there is no such object, or it never had such a revision.
        """
        present = self.get(kind, name)
        if not 1 <= revision <= present.revision:
            raise errors.UnknownObject(
                f'{kind} "{name}" has no revision {revision}',
                detail=f"it has 1 to {present.revision}",
                hint=f"Look with: twinmart config history {kind} {name}.",
            )
        entries = sorted(self.history(kind, name), key=lambda one: one.revision)
        was = replay(kind, name, (one for one in entries if one.revision <= revision))
        return _with(was, created_at=present.created_at)

    def restore(self, kind: str, name: str, revision: int) -> Object:
        """Bring an object back to what it was at a revision, as a new revision.

        Raises:
            UnknownObject: there is no such object, or it never had such a revision.
            WrongConfiguration: what was valid then is not valid any more.
            ConfigurationGuard: a rule forbids the change now.
        """
        with writing(self.connection):
            was = self.as_of(kind, name, revision)
            return self.put(
                kind, name, was.properties, enabled=was.enabled, discovered=was.discovered, options=was.options,
                connections=was.connections, whole=True,
            )  # fmt: skip

    def _edit(
        self, kind: str, name: str, *, enabled: bool | None = None, options: Mapping[tuple[str, str], str] | None = None
    ) -> Object:
        with writing(self.connection):
            self.get(kind, name)
            return self.put(kind, name, enabled=enabled, options=options)

    def _names(self, kind: str) -> list[tuple[str]]:
        return self.connection.execute("SELECT name FROM cfg.object WHERE kind = %s", (kind,)).fetchall()

    def _checked_options(
        self, kind: str, told: Mapping[tuple[str, str], str] | None, before: Object | None
    ) -> dict[tuple[str, str], str]:
        known = dict(before.options) if before else {}
        for (section, name), text in (told or {}).items():
            if known.get((section, name)) != text:
                known[section, name] = rules.checked_option(kind, section, name, text, known.get((section, name)))
        return known

    def _checked_connections(
        self, kind: str, told: Iterable[tuple[str, str]] | None, before: Object | None
    ) -> frozenset[tuple[str, str]]:
        known = before.connections if before else frozenset()
        if told is None:
            return known
        wanted = frozenset(told)
        for to_kind, to_name in sorted(wanted - known):
            rules.check_connection(kind, self.get(to_kind, to_name).kind)
        return wanted

    def _change(self, before: Object | None, after: Object) -> Object:
        """Write the difference as one revision of the object."""
        changes = difference(before, after)
        if not changes:
            return before or after
        rules.guard(self.connection, before, after)
        written = {
            "kind": after.kind,
            "name": after.name,
            "enabled": after.enabled,
            "discovered": after.discovered,
            "revision": (before.revision if before else 0) + 1,
            "properties": Jsonb(dict(after.properties)),
            "at": self._at or datetime.now(UTC),
        }
        self.connection.execute(sql_text("config/put_object"), written)
        self._write_parts(changes, written)
        now = self.get(after.kind, after.name)
        self.written.append((now, changes))
        return now

    def _write_parts(self, changes: list[Change], written: Mapping[str, object]) -> None:
        told = {**written, "author": self._author, "reason": self._reason}
        for change in changes:
            values = {**told, **change._asdict(), "item": change.name, "name": written["name"]}
            self.connection.execute(sql_text("config/add_history"), values)
            if change.aspect == "option":
                verb = "unset_option" if change.new is None else "set_option"
                self.connection.execute(sql_text(f"config/{verb}"), values)
            elif change.aspect == "connection":
                verb = "disconnect" if change.new is None else "connect"
                self.connection.execute(sql_text(f"config/{verb}"), values)


@contextmanager
def writing(connection: Connection) -> Iterator[None]:
    """Open a transaction in which nobody else writes the configuration; within another, it is part of that."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(LOCK),))
        yield


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of ``config/objects``."""

    kind: str
    name: str
    enabled: bool
    discovered: bool
    revision: int
    properties: dict[str, Any]
    options: list[list[str]]
    connections: list[list[str]]
    created_at: datetime
    changed_at: datetime

    def object(self) -> Object:
        """Return it as an object."""
        return Object(
            self.kind, self.name, self.enabled, self.discovered, self.revision, self.properties,
            {(section, name): value for section, name, value in self.options},
            frozenset((kind, name) for kind, name in self.connections), self.created_at, self.changed_at,
        )  # fmt: skip


def difference(before: Object | None, after: Object) -> list[Change]:
    """Return what leads from one state of an object to another; from None: what makes it."""
    old, new = ({} if before is None else _flat(before)), _flat(after)
    return [
        Change(*key, old.get(key), new.get(key))
        for key in sorted({**old, **new}, key=lambda key: (_ORDER.index(key[0]), *key[1:]))
        if old.get(key) != new.get(key)
    ]


def replay(kind: str, name: str, entries: Iterable[Entry]) -> Object:
    """Return what an object is after these changes, the oldest first."""
    flat: dict[tuple[Aspect, str, str], str | None] = {}
    revision, changed_at = 0, None
    for one in entries:
        flat[one.aspect, one.section, one.name] = one.new
        revision, changed_at = one.revision, one.at
    left = {key: value for key, value in flat.items() if value is not None}
    return Object(
        kind,
        name,
        enabled=left.get(("state", "", "enabled")) != "false",
        discovered=left.get(("state", "", "discovered")) == "true",
        revision=revision,
        properties={key: json.loads(value) for (aspect, _, key), value in left.items() if aspect == "property"},
        options={(section, key): value for (aspect, section, key), value in left.items() if aspect == "option"},
        connections=frozenset(_pair(key) for aspect, _, key in left if aspect == "connection"),
        changed_at=changed_at,
    )


_ORDER: tuple[Aspect, ...] = ("state", "property", "option", "connection")


def _flat(one: Object) -> dict[tuple[Aspect, str, str], str]:
    found: dict[tuple[Aspect, str, str], str] = {
        ("state", "", "enabled"): str(one.enabled).lower(),
        ("state", "", "discovered"): str(one.discovered).lower(),
    }
    found.update(
        {("property", "", key): json.dumps(value, ensure_ascii=False) for key, value in one.properties.items()}
    )
    found.update({("option", *key): value for key, value in one.options.items()})
    found.update({("connection", "", f"{kind}/{name}"): "true" for kind, name in one.connections})
    return found


def _pair(label: str) -> tuple[str, str]:
    kind, _, name = label.partition("/")
    return kind, name


def _with(one: Object, **changed: Any) -> Object:
    fields = {name: getattr(one, name) for name in one.__dataclass_fields__}
    return Object(**{**fields, **changed})
