"""The configuration as one document in TOML: written from a mart, read and applied to one, all of it or nothing.

A table ``[KIND.NAME]`` is an object: its properties, ``enabled = false`` where it is disabled, ``connections`` as a
list of ``KIND/NAME``, and options in tables ``[KIND.NAME.options.SECTION]``. What a document does not tell of stays as
it is.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from twinmart import errors
from twinmart.config import rules
from twinmart.config.kinds import KINDS, Object
from twinmart.config.options import declaration
from twinmart.config.store import Store, writing
from twinmart.config.values import Type

# Written first, so that what others lead to is there: only applications and collectors are connected to others.
_ORDER = [kind for kind in KINDS if kind not in ("collector", "application")] + ["collector", "application"]


@dataclass(frozen=True, slots=True)
class Told:
    """What a document says of one object; None where it says nothing."""

    kind: str
    name: str
    properties: Mapping[str, Any]
    enabled: bool | None
    options: Mapping[tuple[str, str], str] | None
    connections: frozenset[tuple[str, str]] | None


def read(path: Path) -> list[Told]:
    """Return what a document says, in the order in which it is written to a mart.

    Raises:
        WrongConfiguration: it cannot be read, or is not a document of this kind.
    """
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f'"{path}" cannot be read', str(error)) from None


def parse(text: str) -> list[Told]:
    """Return what the text of a document says; see ``read``."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _wrong("the document is no TOML", str(error)) from None
    found = []
    for written, objects in document.items():
        kind = rules.known_kind(written)
        if not isinstance(objects, dict) or not all(isinstance(table, dict) for table in objects.values()):
            raise _wrong(f'"{written}" is no table of objects', "an object is a table [KIND.NAME]")
        found += [_told(kind, name, table) for name, table in objects.items()]
    # What gives the role of the mart away comes before what takes it.
    return sorted(found, key=lambda one: (_ORDER.index(one.kind), one.enabled is not False, one.name))


def apply(store: Store, told: Iterable[Told], *, whole: bool = False) -> None:
    """Write what a document says, in one transaction. ``whole``: its objects have nothing that it does not tell of.

    Raises:
        MartError: something cannot be so; nothing was changed.
    """
    with writing(store.connection):
        for one in told:
            store.put(
                one.kind,
                one.name,
                one.properties,
                enabled=one.enabled,
                options=one.options,
                connections=one.connections,
                whole=whole,
            )


def export(objects: Iterable[Object], *, discovered: bool = False) -> str:
    """Return objects as a document; those that were only seen in events are left out unless asked for."""
    document = tomlkit.document()
    document.add(tomlkit.comment("The configuration; apply it with: twinmart config apply FILE"))
    for one in objects:
        if one.discovered and not discovered:
            continue
        kind = document.setdefault(one.kind, tomlkit.table(is_super_table=True))
        table = tomlkit.table()
        if not one.enabled:
            table["enabled"] = False
        if one.connections:
            names = tomlkit.array().multiline(len(one.connections) > 1)
            names.extend(sorted(f"{kind_}/{name}" for kind_, name in one.connections))
            table["connections"] = names
        for name, value in sorted(one.properties.items(), key=lambda item: isinstance(item[1], dict)):
            table[name] = value
        for (section, name), text in sorted(one.options.items()):
            sections = table.setdefault("options", tomlkit.table(is_super_table=True))
            sections.setdefault(section, tomlkit.table())[name] = _native(section, name, text)
        kind[one.name] = table
    return tomlkit.dumps(document)


def _told(kind: str, name: str, table: Mapping[str, Any]) -> Told:
    label = f'{kind} "{name}"'
    enabled, links, sections = (table.get(key) for key in ("enabled", "connections", "options"))
    if not isinstance(enabled, bool | None):
        raise _wrong(f"enabled of {label} is neither true nor false", repr(enabled))
    if links is not None and not (
        isinstance(links, list) and all(isinstance(one, str) and "/" in one for one in links)
    ):
        raise _wrong(f"connections of {label} are no list", 'they are written ["KIND/NAME"]')
    if sections is not None and not (
        isinstance(sections, dict) and all(isinstance(o, dict) for o in sections.values())
    ):
        raise _wrong(
            f"options of {label} stand in no section", f"they stand in a table [{kind}.{name}.options.SECTION]"
        )
    return Told(
        kind,
        name,
        {key: value for key, value in table.items() if key not in ("enabled", "connections", "options")},
        enabled,
        None if sections is None else {
            (section, option): _text(label, section, option, value)
            for section, options in sections.items()
            for option, value in options.items()
        },
        None if links is None else frozenset(map(_target, links)),
    )  # fmt: skip


def _target(label: str) -> tuple[str, str]:
    kind, _, name = label.partition("/")
    return rules.known_kind(kind), name


def _text(label: str, section: str, name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise _wrong(f'option "[{section}] {name}" of {label} is no single value', f"it is {value!r}")


def _native(section: str, name: str, text: str) -> str | int | bool:
    """Return an option's text as TOML knows such a value, where it comes back as the same text."""
    known = declaration(section, name)
    if known is not None and known.type is Type.BOOLEAN and text in ("true", "false"):
        return text == "true"
    if known is not None and known.type in (Type.INTEGER, Type.NUMBER) and text.isdecimal() and str(int(text)) == text:
        return int(text)
    return text


def _wrong(message: str, detail: str) -> errors.WrongConfiguration:
    return errors.WrongConfiguration(
        message,
        detail=f"{detail}; nothing was changed",
        hint="See what a document looks like with: twinmart config export.",
    )
