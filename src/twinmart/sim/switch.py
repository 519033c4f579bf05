"""What a replayed switch knows of itself at this moment of the recording, and how it answers when it is asked.

It follows the stream as the switch lived it: channels that came and went, members of queues and their states, callers
who wait, agents of the pool. So a client that comes in the middle is told what a real switch would tell it.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from twinmart.sim.recording import time_of

Fields = dict[str, str]

_MEMBER = (
    *("Queue", "Name", "Location", "StateInterface", "Membership", "Penalty", "CallsTaken", "LastCall", "LastPause"),
    *("LoginTime", "InCall", "Status", "Paused", "PausedReason", "Wrapuptime"),
)
_CHANNEL = (
    *("Channel", "ChannelState", "ChannelStateDesc", "CallerIDNum", "CallerIDName", "ConnectedLineNum"),
    *("ConnectedLineName", "Language", "AccountCode", "Context", "Exten", "Priority", "Uniqueid", "Linkedid"),
    *("Application", "ApplicationData"),
)
_CALLER = (
    *("Queue", "Position", "Channel", "Uniqueid", "CallerIDNum", "CallerIDName", "ConnectedLineNum"),
    "ConnectedLineName",
)
_AGENT = ("Agent", "Name", "Status", "Channel")


class Switch:
    """The state of a switch. It hears every message of the recording, and ``answer`` gives those for an action."""

    def __init__(self) -> None:
        self.now = 0.0
        self._settings: Fields = {"AMIversion": "11.0.0", "AsteriskVersion": "22.0.0", "SystemName": "replay"}
        self._status: Fields = {}
        self._started_at: float | None = None
        self._age_s: float | None = None
        self._queues: dict[str, Fields] = {}
        self._members: dict[tuple[str, str], Fields] = {}
        self._callers: dict[tuple[str, str], tuple[Fields, float]] = {}
        self._channels: dict[str, tuple[Fields, float]] = {}
        self._bridges: dict[str, str] = {}
        self._agents: dict[str, Fields] = {}
        self._actions: Mapping[str, Callable[[str, Fields], Iterable[str]]] = {
            "ping": self._ping,
            "coresettings": lambda action, _: [_reply(action, self._settings)],
            "corestatus": self._core_status,
            "queuestatus": self._queue_status,
            "coreshowchannels": self._show_channels,
            "agents": self._show_agents,
        }
        self._hears: Mapping[bytes, Callable[[Fields], None]] = {
            b"Newchannel": self._channel,
            b"Newstate": self._channel,
            b"Newexten": self._channel,
            b"Hangup": self._hangup,
            b"BridgeEnter": self._bridge,
            b"BridgeLeave": self._bridge,
            b"QueueParams": self._queue,
            b"QueueMember": self._member,
            b"QueueMemberAdded": self._member,
            b"QueueMemberStatus": self._member,
            b"QueueMemberPause": self._member,
            b"QueueMemberPenalty": self._member,
            b"QueueMemberRemoved": self._member_gone,
            b"QueueCallerJoin": self._join,
            b"QueueCallerLeave": self._leave,
            b"Agents": self._agent_row,
            b"AgentLogin": self._agent,
            b"AgentLogoff": self._agent,
            b"FullyBooted": self._booted,
        }

    def hear(self, message: bytes) -> None:
        """Take note of a message of the recording; one that cannot be understood is none of a switch's state."""
        at = time_of(message)
        if at is not None:
            self.now = max(self.now, at)
            self._started_at = self._started_at or (self.now - self._age_s if self._age_s is not None else None)
        name = message[7 : message.find(b"\r\n")] if message.startswith(b"Event: ") else b""
        if name in self._hears:
            with suppress(KeyError):
                self._hears[name](parse(message))
        elif b"CoreStartupTime: " in message:
            self._status = _without(parse(message), "Response", "ActionID")
        elif b"AsteriskVersion: " in message:
            self._settings = _without(parse(message), "Response", "ActionID")

    def answer(self, action: Fields) -> bytes:
        """Return what a switch answers to an action, all of its messages."""
        name, action_id = action.get("Action", ""), action.get("ActionID", "")
        found = self._actions.get(name.lower())
        if found is None:
            messages: Iterable[str] = [_reply(action_id, {"Message": "Invalid/unknown command"}, "Error")]
        else:
            messages = found(action_id, action)
        return "".join(messages).encode()

    def fully_booted(self) -> bytes:
        """Return the greeting at a login, with the age of the switch."""
        age_s = int(self.now - self._started_at) if self._started_at is not None else int(self._age_s or 0)
        fields = {"Privilege": "system,all", "Uptime": str(age_s), "LastReload": str(age_s), "Status": "Fully Booted"}
        return event("FullyBooted", fields).encode()

    def _ping(self, action: str, _: Fields) -> Iterable[str]:
        yield _reply(action, {"Ping": "Pong", "Timestamp": f"{self.now:.6f}"})

    def _core_status(self, action: str, _: Fields) -> Iterable[str]:
        yield (
            _reply(action, self._status) if self._status else _reply(action, {"Message": "Permission denied"}, "Error")
        )

    def _queue_status(self, action: str, asked: Fields) -> Iterable[str]:
        wanted = [asked["Queue"]] if asked.get("Queue") else sorted(self._queues)
        rows = []
        for queue in wanted:
            if queue not in self._queues:
                continue
            members = [fields for (name, _), fields in self._members.items() if name == queue]
            callers = [(fields, at) for (name, _), (fields, at) in self._callers.items() if name == queue]
            rows.append(event("QueueParams", {**self._queues[queue], "Calls": str(len(callers)), "ActionID": action}))
            rows += [event("QueueMember", {**_only(fields, _MEMBER), "ActionID": action}) for fields in members]
            for fields, at in callers:
                wait = str(max(0, int(self.now - at)))
                rows.append(event("QueueEntry", {**_only(fields, _CALLER), "Wait": wait, "ActionID": action}))
        return _list(action, "Queue status will follow", rows, "QueueStatusComplete")

    def _show_channels(self, action: str, _: Fields) -> Iterable[str]:
        rows = []
        for channel, (fields, at) in self._channels.items():
            age_s = max(0, int(self.now - at))
            last = {
                "Duration": f"{age_s // 3600:02}:{age_s // 60 % 60:02}:{age_s % 60:02}",
                "BridgeId": self._bridges.get(channel, ""),
            }
            rows.append(event("CoreShowChannel", {"ActionID": action, **_only(fields, _CHANNEL), **last}))
        return _list(action, "Channels will follow", rows, "CoreShowChannelsComplete")

    def _show_agents(self, action: str, _: Fields) -> Iterable[str]:
        rows = [event("Agents", {**_only(fields, _AGENT), "ActionID": action}) for fields in self._agents.values()]
        return _list(action, "Agents will follow", rows, "AgentsComplete")

    def _channel(self, fields: Fields) -> None:
        known, since = self._channels.get(fields["Uniqueid"], ({}, self.now))
        self._channels[fields["Uniqueid"]] = ({**known, **fields, "ApplicationData": fields.get("AppData", "")}, since)

    def _hangup(self, fields: Fields) -> None:
        self._channels.pop(fields["Uniqueid"], None)
        self._bridges.pop(fields["Uniqueid"], None)

    def _bridge(self, fields: Fields) -> None:
        self._bridges[fields["Uniqueid"]] = fields["BridgeUniqueid"] if fields["Event"] == "BridgeEnter" else ""

    def _queue(self, fields: Fields) -> None:
        self._queues[fields["Queue"]] = _without(fields, "Event", "ActionID")

    def _member(self, fields: Fields) -> None:
        fields["Location"] = fields.get("Location") or fields["Interface"]
        fields.setdefault("Name", fields.get("MemberName", ""))
        self._members[fields["Queue"], fields["Location"]] = fields
        self._queues.setdefault(fields["Queue"], {"Queue": fields["Queue"]})

    def _member_gone(self, fields: Fields) -> None:
        self._members.pop((fields["Queue"], fields["Interface"]), None)

    def _join(self, fields: Fields) -> None:
        self._callers[fields["Queue"], fields["Uniqueid"]] = (fields, self.now)
        self._queues.setdefault(fields["Queue"], {"Queue": fields["Queue"]})

    def _leave(self, fields: Fields) -> None:
        self._callers.pop((fields["Queue"], fields["Uniqueid"]), None)

    def _agent(self, fields: Fields) -> None:
        status = "AGENT_IDLE" if fields["Event"] == "AgentLogin" else "AGENT_LOGGEDOFF"
        told = {"Status": status, **_only(fields, ("Agent", "Channel"))}
        if status == "AGENT_LOGGEDOFF":
            del told["Channel"]
        known = _without(self._agents.get(fields["Agent"], {}), "Channel")
        self._agents[fields["Agent"]] = {**known, **told}

    def _agent_row(self, fields: Fields) -> None:
        self._agents[fields["Agent"]] = fields

    def _booted(self, fields: Fields) -> None:
        self._age_s, self._started_at = float(fields.get("Uptime") or 0), None


def parse(message: bytes) -> Fields:
    """Take a message apart."""
    lines = (line.partition(": ") for line in message.decode(errors="replace").split("\r\n"))
    return {key: value for key, _, value in lines}


def event(name: str, fields: Fields) -> str:
    """Return an event as it goes over the line."""
    return f"Event: {name}\r\n" + "".join(f"{key}: {value}\r\n" for key, value in fields.items()) + "\r\n"


def reply(action: Fields, response: str = "Success", **fields: str) -> bytes:
    """Return an answer to an action, in a single message."""
    return _reply(action.get("ActionID", ""), fields, response).encode()


def _reply(action_id: str, fields: Fields, response: str = "Success") -> str:
    head = {"Response": response, **({"ActionID": action_id} if action_id else {})}
    return "".join(f"{key}: {value}\r\n" for key, value in {**head, **fields}.items()) + "\r\n"


def _list(action: str, text: str, rows: list[str], end: str) -> Iterable[str]:
    yield _reply(action, {"EventList": "start", "Message": text})
    yield from rows
    yield event(end, {"ActionID": action, "EventList": "Complete", "ListItems": str(len(rows))})


def _only(fields: Fields, keys: Iterable[str]) -> Fields:
    return {key: fields[key] for key in keys if key in fields}


def _without(fields: Fields, *keys: str) -> Fields:
    return {key: value for key, value in fields.items() if key not in keys}
