"""A switch that says anything: events drawn from small pools, so that whatever can collide does.

No real switch would say most of it. But what came in is in the database for good, so none of it may stop a load, nor
come to other facts in another order.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from twinmart.model.events import Event, Kind, event_id

DAWN = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
STEPS_MS = (1, 400, 1_000, 3_000, 600_000, 3_600_000)
LONGEST = 120

INTERFACES = ("PJSIP/101", "Local/101@home/n", "PJSIP/102", "Local/103@agents/n", "SIP/9")
STATES = {"Local/101@home/n": "PJSIP/101", "Local/103@agents/n": "Agent:103"}
QUEUES = ("sales", "help")
DEVICES = ("PJSIP/101", "PJSIP/102", "PJSIP/trunk", "Local/101@home", "Local/103@agents")
REASONS = (None, None, "Lunch", "ACW", "Auto-Pause")
NAMES = (None, "Ann", "Bea")
CHANNELS = tuple(f"c{number}" for number in range(12))
BRIDGES = ("b1", "b2")

MEMBER = (
    *(Kind.MEMBER_ADD, Kind.MEMBER_ADD, Kind.MEMBER_REMOVE, Kind.MEMBER_PAUSE, Kind.MEMBER_PENALTY),
    *(Kind.MEMBER_STATUS, Kind.MEMBER_STATUS, Kind.MEMBER_SEEN, Kind.MEMBER_SEEN),
)
CALL = (
    *(Kind.CHANNEL_START, Kind.CHANNEL_START, Kind.CHANNEL_UP, Kind.CHANNEL_END, Kind.CHANNEL_END, Kind.CHANNEL_SEEN),
    *(Kind.DIAL_START, Kind.BRIDGE_ENTER, Kind.BRIDGE_LEAVE, Kind.LOCAL_PAIR, Kind.HOLD_START, Kind.HOLD_END),
    *(Kind.QUEUE_ENTER, Kind.QUEUE_LEAVE, Kind.QUEUE_ABANDON, Kind.QUEUE_STATUS, Kind.QUEUE_APP, Kind.CEL_QUEUE_APP),
    *(Kind.QUEUE_CALLER_SEEN, Kind.AGENT_OFFER, Kind.AGENT_OFFER, Kind.AGENT_CONNECT, Kind.AGENT_NOANSWER),
    *(Kind.AGENT_COMPLETE, Kind.AGENT_LOGIN, Kind.TRANSFER_BLIND, Kind.TRANSFER_ATTENDED),
    *(Kind.USER_DATA, Kind.USER_DATA),
)
USER_DATA = (
    *(("Word", "one"), ("Word", "two"), ("Word", None)),
    *(("CALL_UUID", "identity-1"), ("CALL_UUID", "identity-2")),
)
STATUSES = ("FULL", "JOINEMPTY", "TIMEOUT", "LEAVEEMPTY", "CONTINUE", None)


class Switch:
    """Says events at random, each at a moment of a coarse grid."""

    def __init__(self, source: str, random: Random) -> None:
        self._source = source
        self._random = random
        self._step = timedelta(milliseconds=random.choice(STEPS_MS))
        self._names = {name: f"{random.choice(DEVICES)}-{number:08x}" for number, name in enumerate(CHANNELS)}

    def says(self, count: int) -> list[Event]:
        """Return so many events."""
        return [self._say(number) for number in range(count)]

    def _say(self, number: int) -> Event:
        random = self._random
        at = DAWN + random.randrange(LONGEST) * self._step
        draw = random.random()
        if draw < 0.40:
            event = self._of_member(at)
        elif draw < 0.44:
            event = Event("", at, Kind.SWITCH_BOOT)
        elif draw < 0.50:
            pairs = [[queue, one] for queue in QUEUES for one in INTERFACES if random.random() < 0.7]
            event = Event("", at, Kind.MEMBER_SNAPSHOT, detail=json.dumps({"members": pairs}))
        elif draw < 0.55:
            present = [name for name in CHANNELS if random.random() < 0.5]
            event = Event("", at, Kind.CHANNEL_SNAPSHOT, detail=json.dumps({"channels": present}))
        else:
            event = self._of_call(at)
        at_us = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        return event._replace(event_id=event_id(self._source, at_us, f"{random.random()} {number}".encode()))

    def _of_member(self, at: datetime) -> Event:
        random = self._random
        member = random.choice(INTERFACES)
        login = random.choice((0, 0, int(at.timestamp()), int((at - random.randrange(99) * self._step).timestamp())))
        return Event(
            "",
            at,
            random.choice(MEMBER),
            channel=STATES.get(member, member),
            queue=random.choice(QUEUES),
            member=member,
            target=random.choice(NAMES),
            value=random.choice(("0", "0", "0", "1", "1", None)),
            reason=random.choice(REASONS),
            detail=json.dumps({"login": login}),
        )

    def _of_call(self, at: datetime) -> Event:
        random = self._random
        kind = random.choice(CALL)
        channel = random.choice(CHANNELS)
        if kind is Kind.USER_DATA:
            linked = random.choice((channel, None))
            key, value = random.choice(USER_DATA)
            return Event("", at, kind, channel_id=channel, linked_id=linked, target=key, value=value)
        event = Event(
            "",
            at,
            kind,
            channel_id=channel,
            linked_id=random.choice((channel, CHANNELS[0], random.choice(CHANNELS), None)),
            channel=self._names[channel],
            number=random.choice((None, "5550001")),
            target=random.choice((None, "8001", "102")),
        )
        return event._replace(**self._more(kind, random.choice(CHANNELS)))

    def _more(self, kind: Kind, other: str) -> dict[str, Any]:
        random = self._random
        if kind in (Kind.CHANNEL_START, Kind.CHANNEL_SEEN):
            return {"value": random.choice(("Ring", "Down", "Up"))}
        if kind in (Kind.BRIDGE_ENTER, Kind.BRIDGE_LEAVE):
            return {"bridge_id": random.choice(BRIDGES), "value": "basic", "other_id": random.choice((None, other))}
        if kind in (Kind.DIAL_START, Kind.LOCAL_PAIR):
            return {"other_id": other, "channel": self._names[other]}
        if kind is Kind.AGENT_LOGIN:
            return {"member": "Agent:103"}
        if kind.startswith("agent_"):
            member = random.choice(INTERFACES)
            return {"other_id": other, "queue": random.choice(QUEUES), "member": member, "channel": self._names[other]}
        if kind is Kind.QUEUE_STATUS:
            return {"value": random.choice(STATUSES)}
        if "queue" in kind:
            return {"queue": random.choice(QUEUES), "value": random.choice(("1", "7", None))}
        if kind is Kind.TRANSFER_BLIND:
            return {"other_id": other, "value": random.choice(("Success", "Fail"))}
        if kind is Kind.TRANSFER_ATTENDED:
            detail = {"second_linked": random.choice(CHANNELS), "app": "Queue", "transferee": random.choice(CHANNELS)}
            return {
                "other_id": other,
                "value": "Success",
                "target": random.choice(("App", "Link")),
                "detail": json.dumps(detail),
            }
        return {}


def invented(source: str, random: Random) -> Sequence[Event]:
    """Return what a switch says in some dozens of events."""
    return Switch(source, random).says(random.choice((8, 20, 40, 80)))
