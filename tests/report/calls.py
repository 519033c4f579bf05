"""Calls told by hand, for tests that follow them: one with tries without an answer, one that breaks a rule."""

from typing import Any

from tests.etl.story import Switch
from twinmart.model.events import Kind


def ring(switch: Switch, second: float, channel: str, caller: str = "c1", *, seconds: float = 4) -> None:
    """The queue rings agent 101 on a channel of its own, and has no answer."""
    offered: dict[str, Any] = {
        "channel_id": caller,
        "linked_id": caller,
        "other_id": channel,
        "queue": "sales",
        "member": "PJSIP/101",
    }
    name = f"PJSIP/101-{int(channel.strip('c')):08x}"
    end = second + seconds
    switch.start(second, channel, "PJSIP/101", linked=caller, number="101")
    switch.say(second + 0.001, Kind.AGENT_OFFER, target="Ann", channel=name, **offered)
    switch.say(second + 0.003, Kind.CHANNEL_RING, channel_id=channel, linked_id=caller, channel=name)
    switch.say(end, Kind.AGENT_NOANSWER, target="Ann", channel=name, **offered)
    switch.say(end + 0.001, Kind.CHANNEL_END, channel_id=channel, linked_id=caller, channel=name, value="19")


def answer(switch: Switch, second: float, channel: str, caller: str = "c1") -> None:
    """The queue rings agent 101, who answers 3 s later and talks."""
    offered: dict[str, Any] = {
        "channel_id": caller,
        "linked_id": caller,
        "other_id": channel,
        "queue": "sales",
        "member": "PJSIP/101",
    }
    up = second + 3
    switch.start(second, channel, "PJSIP/101", linked=caller, number="101")
    switch.say(second + 0.001, Kind.AGENT_OFFER, target="Ann", **offered)
    switch.up(up, channel, caller)
    switch.say(up + 0.001, Kind.QUEUE_LEAVE, channel_id=caller, linked_id=caller, queue="sales")
    switch.say(up + 0.002, Kind.AGENT_CONNECT, target="Ann", **offered)
    for number, one in enumerate((channel, caller)):
        switch.bridge(up + 0.003 + number / 1000, one, linked=caller)


def waiting_call(switch: Switch) -> None:
    """555 calls in at 0 and waits in queue sales from 1; agent 101 serves it."""
    switch.member(-100, "PJSIP/101")
    switch.call(0, "c1", "PJSIP/trunk")
    switch.up(0.2, "c1")
    switch.say(1, Kind.QUEUE_ENTER, channel_id="c1", linked_id="c1", queue="sales", value="1")


def hang_up(switch: Switch, second: float, *channels: str, linked: str = "c1") -> None:
    """The channels end one after the other."""
    for number, channel in enumerate(channels):
        switch.end(second + number / 1000, channel, linked)


def whole_call(switch: Switch) -> None:
    """555 waits in queue sales over two tries without an answer, and talks to Ann from 17 to 65."""
    waiting_call(switch)
    ring(switch, 2, "c2")
    ring(switch, 8, "c3")
    answer(switch, 14, "c4")
    switch.say(30, Kind.HOLD_START, channel_id="c4", linked_id="c1")
    switch.say(35, Kind.HOLD_END, channel_id="c4", linked_id="c1")
    hang_up(switch, 65, "c4", "c1")


def broken_call(switch: Switch) -> None:
    """A call whose clock jumped back: it ends ten minutes before it begins."""
    switch.call(10, "c9", "PJSIP/trunk")
    switch.end(-600, "c9")
