"""User data: which values that channels carry are collected, and where the messages of the manager interface hold them.

A channel carries values under names: variables that the dialplan sets (VarSet), variables that ``channelvars`` of
manager.conf adds to every event (ChanVariable), and the keys of events of the user's own (UserEvent). Only names that
are configured are collected, everything else is dropped unread.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

MASK = "********"

# The columns that values end in hold so many characters.
LONGEST_VALUE = 1024

# Messages of which the variables that ``channelvars`` adds are read: what a channel carries at the turns of a call.
# The same value told at each of them is one value; the transformation sees to that.
TURNS = frozenset(
    {b"Newstate", b"Hangup", b"QueueCallerJoin", b"QueueCallerLeave", b"AgentConnect", b"AgentComplete", b"BridgeEnter"}
)


class Keys:
    """The keys that are collected of one source; may be replaced at any time while a translator uses them."""

    __slots__ = ("wanted",)

    def __init__(self, wanted: Mapping[str, bool] | None = None) -> None:
        # Key, and whether its value is hidden.
        self.wanted: Mapping[str, bool] = dict(wanted or {})

    def replace(self, wanted: Mapping[str, bool]) -> None:
        """Collect these from the next message on."""
        self.wanted = dict(wanted)


class Attached(NamedTuple):
    """A value that a channel carries; None: it was cleared."""

    key: str
    value: str | None
    channel_id: str
    linked_id: str | None
    channel: str | None
    origin: str


def attached(name: bytes, message: bytes, keys: Keys) -> list[Attached]:
    """Return the values under keys that are collected which a message attaches to a channel.

    Of one key that stands twice in a message the first counts.
    """
    if name == b"VarSet":
        start = message.find(b"\r\nVariable: ")
        end = message.find(b"\r\n", start + 2)
        key = message[start + 12 : end if end > 0 else None].decode(errors="replace")
        if start < 0 or _plain(key) not in keys.wanted:
            return []
        return _told(message, keys, "variable")
    if name == b"UserEvent":
        return _told(message, keys, "user-event")
    if name in TURNS and b"ChanVariable: " in message:
        return _told(message, keys, "channelvars")
    return []


def masked(fields: Mapping[str, str], keys: Keys) -> dict[str, str]:
    """Return the fields of a message with the values of hidden keys taken out."""
    return {key: MASK if keys.wanted.get(key) and value else value for key, value in fields.items()}


def _told(message: bytes, keys: Keys, origin: str) -> list[Attached]:
    lines = message.decode(errors="replace").replace("\0", "\ufffd").split("\r\n")
    pairs = [(key, value) for key, _, value in (line.partition(": ") for line in lines)]
    fields = dict(reversed(pairs))
    if origin == "variable":
        return _on(fields, "", [(_plain(fields.get("Variable", "")), fields.get("Value", ""))], keys, origin)
    if origin == "user-event":
        return _on(fields, "", pairs, keys, origin)
    found: list[Attached] = []
    for prefix in ("", "Dest"):
        carried = [value.partition("=") for key, value in pairs if key == f"{prefix}ChanVariable"]
        found += _on(fields, prefix, [(key, value) for key, _, value in carried], keys, origin)
    return found


def _on(
    fields: Mapping[str, str], prefix: str, values: Iterable[tuple[str, str]], keys: Keys, origin: str
) -> list[Attached]:
    channel_id = fields.get(f"{prefix}Uniqueid")
    if not channel_id:
        return []
    found: dict[str, Attached] = {}
    for key, value in values:
        if key in keys.wanted and key not in found:
            told = (MASK if keys.wanted[key] else value[:LONGEST_VALUE]) if value else None
            linked_id, channel = fields.get(f"{prefix}Linkedid") or None, fields.get(f"{prefix}Channel") or None
            found[key] = Attached(key, told, channel_id, linked_id, channel, origin)
    return list(found.values())


def _plain(name: str) -> str:
    """Return the name of a variable without the marks by which Asterisk hands it on to channels that are dialled.

    >>> _plain("__CALL_UUID")
    'CALL_UUID'
    """
    return name[2:] if name.startswith("__") else name.removeprefix("_")
