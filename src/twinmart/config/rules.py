"""What may be written into the configuration, and what may not now: each refusal says what is allowed."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from twinmart import errors
from twinmart.config.declaration import Declaration, Level
from twinmart.config.declared import LEFT_OUT
from twinmart.config.kinds import CONNECTED, KINDS, LCA_PORT, LEAST_LCA_PORT, WITH_OPTIONS, Object
from twinmart.config.options import DECLARED, declaration
from twinmart.config.values import Type
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text

_UNCHANGED = "nothing was changed"


def known_kind(kind: str) -> str:
    """Return the kind as it is written; dashes and capitals are forgiven.

    Raises:
        WrongConfiguration: there is no such kind.
    """
    written = kind.lower().replace("-", "_")
    if written not in KINDS:
        raise errors.WrongConfiguration(
            f'there is no kind "{kind}" of object',
            detail=f"the kinds are {', '.join(KINDS)}; {_UNCHANGED}",
            hint=_did_you_mean(written, KINDS) or "See what there is with: twinmart config list.",
        )
    return written


def unknown_object(kind: str, name: str, names: Sequence[str]) -> errors.UnknownObject:
    """Return the error for an object that is not there."""
    return errors.UnknownObject(
        f'there is no {kind} "{name}"',
        detail=_UNCHANGED,
        hint=_did_you_mean(name, names) or f"List what there is with: twinmart config list {kind}.",
    )


def checked_properties(kind: str, name: str, told: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the properties of an object as they are kept, and notes on what was put right by itself.

    Raises:
        WrongConfiguration: the name or a property cannot be so; the detail names each fault.
    """
    _check_name(kind, name)
    told = {key: value for key, value in told.items() if value is not None}
    notes = []
    port = str(told.get("lca_port", ""))
    if kind == "host" and port.isdecimal() and 1 <= int(port) < LEAST_LCA_PORT:
        told["lca_port"] = LCA_PORT
        notes.append(f'lca_port of host "{name}" is {LCA_PORT}: {port} is below {LEAST_LCA_PORT}')
    try:
        checked = KINDS[kind].model_validate(told)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise errors.WrongConfiguration(
            f'{kind} "{name}" cannot be like this',
            detail="\n".join([*faults, _UNCHANGED]),
            hint=f"Its properties are {', '.join(KINDS[kind].model_fields)}; see docs/reference/configuration.md.",
        ) from None
    # Defaults are kept too where they are values, so that a later release does not change what an object is like.
    return checked.model_dump(mode="json", exclude_none=True), notes


def checked_option(kind: str, section: str, name: str, text: str, old: str | None) -> str:
    """Return the text of an option as it is kept.

    Raises:
        WrongConfiguration: there is no such option, not on this kind of object, or not with such a value.
    """
    known = declaration(section, name)
    if known is None:
        names = [f"[{one.section}] {one.name}" for one in DECLARED]
        why = LEFT_OUT.get((section, name))
        raise errors.WrongConfiguration(
            f'there is no option "[{section}] {name}"',
            detail=f"the original has it; here {why}; {_UNCHANGED}" if why else _UNCHANGED,
            hint=_did_you_mean(f"[{section}] {name}", names) or "They are listed in docs/reference/options.md.",
        )
    if kind not in WITH_OPTIONS or (kind in tuple(Level) and Level(kind) not in known.levels):
        where = ", ".join(["application", *(str(level) for level in known.levels if level is not Level.MEDIA)])
        raise errors.WrongConfiguration(
            f'option "[{section}] {name}" is not one of a {kind}',
            detail=f"it may be set on: {where}; {_UNCHANGED}",
            hint=f"Set it with: twinmart config set application mart {section}/{name}=VALUE.",
        )
    text = text.strip()
    try:
        known.parse(text)
    except ValueError as error:
        raise _wrong_value(known, section, name, text, old, error) from None
    return text


def named(kind: str, name: str, known: Mapping[str, Any], sources: Sequence[str]) -> dict[str, Any]:
    """Return what the name of a new queue or key says of it: the source before the first slash, if it is one."""
    word = {"queue": "queue", "user_data_key": "key"}.get(kind)
    if word is None or word in known:
        return {}
    source, _, own = name.partition("/")
    return {"source": source, word: own} if own and source in sources else {word: name}


def check_connection(kind: str, to_kind: str) -> None:
    """See that objects of these kinds may be connected.

    Raises:
        WrongConfiguration: they may not.
    """
    if to_kind not in CONNECTED.get(kind, ()):
        allowed = "; ".join(f"{one} to {', '.join(others)}" for one, others in CONNECTED.items())
        raise errors.WrongConfiguration(
            f"a {kind} is not connected to a {to_kind}",
            detail=f"connections lead from {allowed}; {_UNCHANGED}",
            hint="See what is connected with: twinmart config show application mart.",
        )


def guard(connection: Connection, before: "Object | None", after: "Object") -> None:
    """Refuse a change of an access point, or of a key of user data, that must not be made now.

    Raises:
        ConfigurationGuard: its role would change after extraction began, there would be two marts, or a column of user
            data would hold two keys, or one by two rules.
    """
    if after.kind == "user_data_key" and after.enabled:
        _guard_columns(connection, after)
    if after.kind != "access_point":
        return
    role = after.properties.get("role")
    if before is not None and before.properties.get("role") != role:
        began = connection.execute(sql_text("config/extraction_began"), {"name": after.name}).fetchone()
        if began is not None:
            raise errors.ConfigurationGuard(
                f'the role of access point "{after.name}" cannot be changed any more',
                detail=f"it is {before.properties.get('role')}, and its database has been extracted since"
                f" {began[0]:%Y-%m-%d %H:%M:%S} UTC; {_UNCHANGED}",
                hint="Make another: twinmart config set access_point NAME role=" + str(role),
            )
    if role == "INFO_MART" and after.enabled:
        others = connection.execute(sql_text("config/enabled_marts"), {"name": after.name}).fetchall()
        if others:
            raise errors.ConfigurationGuard(
                f'access point "{after.name}" cannot be enabled too with role INFO_MART',
                detail=f'"{others[0][0]}" has the role and is enabled, and exactly one may be; {_UNCHANGED}',
                hint=f"First: twinmart config disable access_point {others[0][0]}.",
            )


def _guard_columns(connection: Connection, after: "Object") -> None:
    taken = connection.execute(sql_text("config/column_taken"), {"name": after.name}).fetchall()
    for name, key, column, how in taken:
        wanted = after.properties["to"].get(column)
        if wanted is None or (key == after.properties["key"] and how == wanted):
            continue
        raise errors.ConfigurationGuard(
            f'column "{column}" holds the key "{key}"',
            detail=f"a column holds one key at a time, by one rule; it stands in user_data_key {name}; {_UNCHANGED}",
            hint=f"Choose another column, or end that one: twinmart userdata remove {key}",
        )


def _check_name(kind: str, name: str) -> None:
    if not name or len(name) > 255 or not name.isprintable() or name != name.strip():
        raise errors.WrongConfiguration(
            f'"{name}" cannot be the name of a {kind}',
            detail=f"a name is up to 255 characters that can be seen, without blanks at its ends; {_UNCHANGED}",
            hint="Choose another name.",
        )
    if kind == "site" and not (name.isdecimal() and 1 <= int(name) <= 99):
        raise errors.WrongConfiguration(
            f'"{name}" cannot be the name of a site', detail=f"it is a number from 1 to 99; {_UNCHANGED}"
        )
    if kind == "measure" and not re.fullmatch(r"own_[a-z0-9_]{1,40}", name):
        raise errors.WrongConfiguration(
            f'"{name}" cannot be the name of a measure',
            detail=f"it begins with own_, as no measure of a later release does; then a-z, 0-9 and _; {_UNCHANGED}",
            hint=f"Choose a name such as own_{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')[:40] or 'rate'}.",
        )


def _wrong_value(
    known: Declaration, section: str, name: str, text: str, old: str | None, error: ValueError
) -> errors.WrongConfiguration:
    stays = f'"{old}"' if old is not None else f"unset, so {known.default or 'none'}"
    # What was written for a reference may be the secret itself.
    told = "as it was written" if known.type is Type.REFERENCE else f'"{text}"'
    return errors.WrongConfiguration(
        f'option "[{section}] {name}" cannot be {told}',
        detail=f"allowed: {error}{f' (unit {known.unit})' if known.unit else ''}; it stays {stays}",
        hint=f"{known.sentence} See docs/reference/options.md.",
    )


def _did_you_mean(word: str, words: "Sequence[str] | Mapping[str, object]") -> str | None:
    near = get_close_matches(word, list(words), n=1)
    return f'Did you mean "{near[0]}"?' if near else None
