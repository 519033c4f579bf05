"""Which messages of Asterisk's manager interface we keep, and which of their keys fills which column of an event.

A table and nothing else that decides: a message that is not in it is dropped. ``translate`` walks it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from twinmart.model.events import Kind

Fields = dict[str, str]

UNKNOWN = "<unknown>"


@dataclass(frozen=True, slots=True)
class Rule:
    """How one message becomes an event: the kind, and for each column the key whose value it takes."""

    kind: Kind
    channel_id: str | None = None
    linked_id: str | None = None
    other_id: str | None = None
    bridge_id: str | None = None
    channel: str | None = None
    queue: str | None = None
    member: str | None = None
    number: str | None = None
    target: str | None = None
    value: str | None = None
    reason: str | None = None
    detail: Callable[[Fields], Mapping[str, object] | None] | None = None
    # Keys without which the event would say nothing.
    needs: tuple[str, ...] = ()
    # Byte strings that all stand in a message worth keeping: a test that costs next to nothing, before any parsing.
    signs: tuple[bytes, ...] = ()
    # Where one message name has several kinds, the key that decides and the kind for each value; others are dropped.
    kind_by: tuple[str, Mapping[str, Kind]] | None = None
    # A key whose emptiness makes the message say nothing: it is dropped then.
    dropped_without: str | None = None
    # Brings keys into the shape that the columns want.
    prepare: Callable[[Fields], None] | None = None
    # Rows of a list that was asked for carry no time of their own.
    timed: bool = True


def _context(fields: Fields) -> Mapping[str, object] | None:
    return None if fields.get("Channel", "").startswith("Local/") else {"context": fields.get("Context", "")}


def _dial(fields: Fields) -> None:
    # Nobody dials when the switch itself places a call: the dialled channel then stands for both.
    for key in ("Uniqueid", "Linkedid"):
        if not fields.get(key):
            fields[key] = fields.get(f"Dest{key}", "")


def _local_pair(fields: Fields) -> None:
    fields["Number"] = f"{fields.get('Exten', '')}@{fields.get('Context', '')}"


def _queue_app(fields: Fields) -> None:
    fields["Queue"] = fields.get("AppData", "").partition(",")[0].strip()


def _queue_row(fields: Fields) -> None:
    # Rows of QueueStatus call the same things by other names than the events do.
    fields.setdefault("Interface", fields.get("Location", ""))
    fields.setdefault("MemberName", fields.get("Name", ""))


def _pool_agent(fields: Fields) -> None:
    fields["Agent"] = f"Agent:{fields['Agent']}" if fields.get("Agent") else ""
    fields.setdefault("AgentChannel", fields.get("LoggedInChan") or fields.get("AgentChan") or "")


_ATTENDED = {
    "second_linked": "SecondTransfererLinkedid",
    "second_bridge": "SecondBridgeUniqueid",
    "transferee": "TransfereeUniqueid",
    "target": "TransferTargetUniqueid",
    "app": "DestApp",
    "local_one": "LocalOneUniqueid",
    "local_two": "LocalTwoUniqueid",
}


def _attended(fields: Fields) -> Mapping[str, object]:
    return {name: fields[key] for name, key in _ATTENDED.items() if fields.get(key)}


_MEMBER = {
    "login": "LoginTime",
    "penalty": "Penalty",
    "status": "Status",
    "incall": "InCall",
    "lastcall": "LastCall",
    "lastpause": "LastPause",
    "wrapup": "Wrapuptime",
}

_QUEUE = {"max": "Max", "servicelevel": "ServiceLevel", "weight": "Weight"}


def _integers(names: Mapping[str, str]) -> Callable[[Fields], Mapping[str, object]]:
    pairs = tuple(names.items())

    def take(fields: Fields) -> Mapping[str, object]:
        return {name: int(text) for name, key in pairs if is_integer(text := fields.get(key, ""))}

    return take


def _queue_settings(fields: Fields) -> Mapping[str, object]:
    return {**_integers(_QUEUE)(fields), **({"strategy": fields["Strategy"]} if fields.get("Strategy") else {})}


def _channel_row(fields: Fields) -> Mapping[str, object]:
    names = {"context": "Context", "application": "Application", "data": "ApplicationData"}
    found: dict[str, object] = {name: fields[key] for name, key in names.items() if fields.get(key)}
    parts = fields.get("Duration", "").split(":")
    if len(parts) == 3 and all(is_integer(part) for part in parts):
        hours, minutes, seconds = map(int, parts)
        found["duration_s"] = hours * 3600 + minutes * 60 + seconds
    return found


def _restart(fields: Fields) -> Mapping[str, object]:
    return {"restart": fields.get("Restart", "").lower() in {"true", "yes", "1"}}


# What every event with a channel carries of it, and what belongs to the message rather than to the user's event.
_NOT_THE_USERS = frozenset(
    {"Event", "Privilege", "Timestamp", "SystemName", "ActionID", "UserEvent", "ChanVariable"}
    | {"Channel", "ChannelState", "ChannelStateDesc", "CallerIDNum", "CallerIDName", "ConnectedLineNum"}
    | {"ConnectedLineName", "Language", "AccountCode", "Context", "Exten", "Priority", "Uniqueid", "Linkedid"}
)


def _user_keys(fields: Fields) -> Mapping[str, object] | None:
    return {key: value for key, value in fields.items() if key not in _NOT_THE_USERS} or None


def is_integer(text: str) -> bool:
    """Whether the text is a whole number that a 64-bit integer holds; ``int`` itself takes more than that."""
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 18


def as_json(detail: Mapping[str, object] | None) -> str | None:
    """Return a detail as the text of its column; nothing to say is None."""
    return json.dumps(detail, ensure_ascii=False, separators=(",", ":")) if detail else None


def _on_channel(kind: Kind, *, value: str | None = None, bridge: bool = False) -> Rule:
    """Tell that something happened on a channel."""
    return Rule(
        kind,
        channel_id="Uniqueid",
        linked_id="Linkedid",
        channel="Channel",
        bridge_id="BridgeUniqueid" if bridge else None,
        other_id="SwapUniqueid" if bridge else None,
        value=value,
        needs=("Uniqueid", "BridgeUniqueid") if bridge else ("Uniqueid",),
    )


def _dialling(kind: Kind, value: str | None = None) -> Rule:
    return Rule(
        kind,
        channel_id="Uniqueid",
        linked_id="Linkedid",
        other_id="DestUniqueid",
        channel="DestChannel",
        target="DialString",
        value=value,
        needs=("DestUniqueid",),
        prepare=_dial,
    )


def _queue_call(kind: Kind) -> Rule:
    return Rule(kind, channel_id="Uniqueid", linked_id="Linkedid", queue="Queue", needs=("Uniqueid", "Queue"))


def _agent_call(kind: Kind, value: str | None = None) -> Rule:
    return Rule(
        kind,
        channel_id="Uniqueid",
        linked_id="Linkedid",
        other_id="DestUniqueid",
        channel="DestChannel",
        queue="Queue",
        member="Interface",
        target="MemberName",
        value=value,
        # A call that was transferred away may be completed when its caller's channel is gone: no Uniqueid then.
        needs=("Queue", "Interface") if kind is Kind.AGENT_COMPLETE else ("Uniqueid", "Queue", "Interface"),
    )


def _member(kind: Kind, *, timed: bool = True) -> Rule:
    return Rule(
        kind,
        queue="Queue",
        member="Interface",
        channel="StateInterface",
        target="MemberName",
        value="Paused",
        reason="PausedReason",
        number="Membership",
        detail=_integers(_MEMBER),
        needs=("Queue", "Interface"),
        prepare=None if timed else _queue_row,
        timed=timed,
    )


def _agent_login(kind: Kind, value: str | None = None) -> Rule:
    return Rule(
        kind,
        channel_id="Uniqueid",
        linked_id="Linkedid",
        channel="Channel",
        member="Agent",
        value=value,
        needs=("Agent",),
        prepare=_pool_agent,
    )


RULES: Mapping[bytes, Rule] = MappingProxyType(
    {
        b"Newchannel": Rule(
            Kind.CHANNEL_START,
            channel_id="Uniqueid",
            linked_id="Linkedid",
            channel="Channel",
            number="CallerIDNum",
            target="Exten",
            value="ChannelStateDesc",
            detail=_context,
            needs=("Uniqueid",),
        ),
        b"Newstate": Rule(
            Kind.CHANNEL_UP,
            channel_id="Uniqueid",
            linked_id="Linkedid",
            channel="Channel",
            needs=("Uniqueid",),
            kind_by=("ChannelStateDesc", {"Ringing": Kind.CHANNEL_RING, "Up": Kind.CHANNEL_UP}),
        ),
        b"Hangup": _on_channel(Kind.CHANNEL_END, value="Cause"),
        b"DialBegin": _dialling(Kind.DIAL_START),
        b"DialEnd": _dialling(Kind.DIAL_END, value="DialStatus"),
        b"BridgeEnter": _on_channel(Kind.BRIDGE_ENTER, value="BridgeType", bridge=True),
        b"BridgeLeave": _on_channel(Kind.BRIDGE_LEAVE, value="BridgeType", bridge=True),
        b"LocalBridge": Rule(
            Kind.LOCAL_PAIR,
            channel_id="LocalOneUniqueid",
            linked_id="LocalOneLinkedid",
            other_id="LocalTwoUniqueid",
            channel="LocalOneChannel",
            target="Number",
            needs=("LocalOneUniqueid", "LocalTwoUniqueid"),
            prepare=_local_pair,
        ),
        b"Hold": _on_channel(Kind.HOLD_START),
        b"Unhold": _on_channel(Kind.HOLD_END),
        b"QueueCallerJoin": Rule(
            Kind.QUEUE_ENTER,
            channel_id="Uniqueid",
            linked_id="Linkedid",
            channel="Channel",
            queue="Queue",
            number="CallerIDNum",
            target="Exten",
            value="Position",
            needs=("Uniqueid", "Queue"),
        ),
        b"QueueCallerLeave": _queue_call(Kind.QUEUE_LEAVE),
        b"QueueCallerAbandon": _queue_call(Kind.QUEUE_ABANDON),
        b"AgentCalled": _agent_call(Kind.AGENT_OFFER),
        b"AgentConnect": _agent_call(Kind.AGENT_CONNECT),
        b"AgentRingNoAnswer": _agent_call(Kind.AGENT_NOANSWER),
        b"AgentComplete": _agent_call(Kind.AGENT_COMPLETE, value="Reason"),
        b"AgentDump": _agent_call(Kind.AGENT_DUMP),
        b"BlindTransfer": Rule(
            Kind.TRANSFER_BLIND,
            channel_id="TransfererUniqueid",
            linked_id="TransfererLinkedid",
            channel="TransfererChannel",
            other_id="TransfereeUniqueid",
            bridge_id="BridgeUniqueid",
            target="Extension",
            value="Result",
            needs=("TransfererUniqueid",),
        ),
        b"AttendedTransfer": Rule(
            Kind.TRANSFER_ATTENDED,
            channel_id="OrigTransfererUniqueid",
            linked_id="OrigTransfererLinkedid",
            channel="OrigTransfererChannel",
            other_id="SecondTransfererUniqueid",
            bridge_id="OrigBridgeUniqueid",
            target="DestType",
            value="Result",
            detail=_attended,
            needs=("OrigTransfererUniqueid",),
        ),
        b"Pickup": Rule(
            Kind.PICKUP,
            channel_id="Uniqueid",
            linked_id="Linkedid",
            channel="Channel",
            other_id="TargetUniqueid",
            needs=("Uniqueid",),
        ),
        b"VarSet": Rule(
            Kind.QUEUE_STATUS,
            channel_id="Uniqueid",
            linked_id="Linkedid",
            channel="Channel",
            value="Value",
            needs=("Uniqueid",),
            signs=(b"\r\nVariable: QUEUESTATUS\r\n",),
            dropped_without="Value",
        ),
        b"Newexten": Rule(
            Kind.QUEUE_APP,
            channel_id="Uniqueid",
            linked_id="Linkedid",
            channel="Channel",
            queue="Queue",
            target="Extension",
            needs=("Uniqueid",),
            signs=(b"\r\nApplication: Queue\r\n",),
            prepare=_queue_app,
        ),
        b"CEL": Rule(
            Kind.CEL_QUEUE_APP,
            channel_id="UniqueID",
            linked_id="LinkedID",
            channel="Channel",
            queue="Queue",
            needs=("UniqueID",),
            signs=(b"\r\nEventName: APP_START\r\n", b"\r\nApplication: Queue\r\n"),
            prepare=_queue_app,
        ),
        b"QueueMemberAdded": _member(Kind.MEMBER_ADD),
        b"QueueMemberRemoved": _member(Kind.MEMBER_REMOVE),
        b"QueueMemberPause": _member(Kind.MEMBER_PAUSE),
        b"QueueMemberPenalty": _member(Kind.MEMBER_PENALTY),
        b"QueueMemberStatus": _member(Kind.MEMBER_STATUS),
        b"QueueMember": _member(Kind.MEMBER_SEEN, timed=False),
        b"QueueParams": Rule(Kind.QUEUE_SEEN, queue="Queue", detail=_queue_settings, needs=("Queue",), timed=False),
        b"QueueEntry": Rule(
            Kind.QUEUE_CALLER_SEEN,
            channel_id="Uniqueid",
            channel="Channel",
            queue="Queue",
            number="CallerIDNum",
            value="Wait",
            needs=("Uniqueid", "Queue"),
            timed=False,
        ),
        b"AgentLogin": _agent_login(Kind.AGENT_LOGIN),
        b"AgentLogoff": _agent_login(Kind.AGENT_LOGOFF, value="Logintime"),
        b"Agents": Rule(
            Kind.AGENT_SEEN,
            member="Agent",
            target="Name",
            value="Status",
            channel="AgentChannel",
            needs=("Agent",),
            prepare=_pool_agent,
            timed=False,
        ),
        b"CoreShowChannel": Rule(
            Kind.CHANNEL_SEEN,
            channel_id="Uniqueid",
            linked_id="Linkedid",
            channel="Channel",
            number="CallerIDNum",
            target="Exten",
            value="ChannelStateDesc",
            bridge_id="BridgeId",
            detail=_channel_row,
            needs=("Uniqueid",),
            timed=False,
        ),
        b"Shutdown": Rule(Kind.SWITCH_SHUTDOWN, value="Shutdown", detail=_restart),
        b"UserEvent": Rule(
            Kind.USER_EVENT,
            channel_id="Uniqueid",
            linked_id="Linkedid",
            channel="Channel",
            target="UserEvent",
            detail=_user_keys,
        ),
    }
)
