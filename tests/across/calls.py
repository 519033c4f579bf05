"""A call that begins at one switch and is answered at another: both halves, linked by the value that both carry."""

from tests.etl.story import Switch
from tests.support import Mart
from twinmart.config.store import Store
from twinmart.config.userdata import add_key
from twinmart.model.events import Kind

VALUE = "7f1c6a52-1f0e-4b6e-9d0c-3a4f0f3f9b11"


def two_switches(mart: Mart) -> tuple[Switch, Switch]:
    """Return two switches that carry CALL_UUID over their trunk."""
    london, bristol = Switch(mart, "london"), Switch(mart, "bristol")
    add_key(Store(london.mart, author="test"), "CALL_UUID", link=True)
    return london, bristol


def begin(london: Switch, value: str = VALUE, *, at: float = 0) -> None:
    """555 calls London, agent 101 answers and sends the call on over the trunk, where somebody talks from 40 to 90."""
    for phone in ("PJSIP/101",):
        london.member(-100 + at, phone)
    london.call(at, "c1", "PJSIP/line")
    london.attach(at + 0.1, "c1", "CALL_UUID", value)
    london.say(at + 1, Kind.QUEUE_ENTER, channel_id="c1", linked_id="c1", queue="sales", value="1")
    queue(london, Kind.AGENT_OFFER, at + 2)
    london.start(at + 2, "c2", "PJSIP/101", linked="c1")
    london.say(at + 5, Kind.QUEUE_LEAVE, channel_id="c1", linked_id="c1", queue="sales")
    queue(london, Kind.AGENT_CONNECT, at + 5)
    for channel in ("c1", "c2"):
        london.up(at + 5, channel, "c1")
        london.bridge(at + 5, channel, linked="c1")
    london.say(
        at + 30, Kind.TRANSFER_BLIND, channel_id="c2", linked_id="c1", other_id="c1", target="2001", value="Success"
    )
    london.end(at + 30, "c2", "c1")
    london.dial(at + 31, "c1", "c3", "PJSIP/trunk")
    london.attach(at + 31, "c3", "CALL_UUID", value, "c1")
    london.up(at + 35, "c3", "c1")
    for channel in ("c3", "c1"):
        london.end(at + 90, channel, "c1")


def queue(switch: Switch, kind: Kind, second: float, agent: str = "PJSIP/101") -> None:
    switch.say(second, kind, channel_id="c1", linked_id="c1", other_id="c2", queue="sales", member=agent, target="Ann")


def go_on(bristol: Switch, value: str | None = VALUE, *, at: float = 32) -> None:
    """The trunk rings at Bristol, the caller waits in a queue there, and agent 201 talks until 90."""
    bristol.member(at - 100, "PJSIP/201")
    bristol.call(at, "c1", "PJSIP/trunk")
    if value is not None:
        bristol.attach(at + 0.1, "c1", "CALL_UUID", value)
    bristol.say(at + 3, Kind.QUEUE_ENTER, channel_id="c1", linked_id="c1", queue="sales", value="1")
    queue(bristol, Kind.AGENT_OFFER, at + 4, "PJSIP/201")
    bristol.start(at + 4, "c2", "PJSIP/201", linked="c1")
    bristol.say(at + 8, Kind.QUEUE_LEAVE, channel_id="c1", linked_id="c1", queue="sales")
    queue(bristol, Kind.AGENT_CONNECT, at + 8, "PJSIP/201")
    for channel in ("c1", "c2"):
        bristol.up(at + 8, channel, "c1")
        bristol.bridge(at + 8, channel, linked="c1")
        bristol.end(at + 58, channel, "c1")


def interactions(switch: Switch) -> list[dict[str, object]]:
    """Return the interactions, each with the sources of its parts in their order."""
    return switch.rows(
        "SELECT ixn.interaction_id, root.name AS root, ixn.call_count, ixn.status,"
        " extract(epoch FROM ixn.end_at - ixn.start_at)::integer AS seconds,"
        " (SELECT array_agg(source.name || ' ' || part.attempt_kind ORDER BY part.interaction_resource_ordinal)"
        " FROM mart.interaction_resource_fact AS part JOIN cfg.source USING (source_key)"
        " WHERE part.interaction_id = ixn.interaction_id) AS parts"
        " FROM mart.interaction_fact AS ixn JOIN cfg.source AS root USING (source_key) ORDER BY ixn.start_at"
    )
