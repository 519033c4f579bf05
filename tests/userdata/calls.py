"""Calls made by hand that carry values, and what the mart says of them."""

from typing import Any

from tests.etl.story import Switch
from twinmart.config.attached import Rule
from twinmart.config.store import Store
from twinmart.config.userdata import add_key
from twinmart.model.events import Kind

KEYS = ("Word", "Segment", "Price", "Rate", "Customer")


def collect(switch: Switch, *keys: str) -> None:
    """Collect keys of every source."""
    for key in keys:
        add_key(Store(switch.mart, author="test"), key)


def mapped(switch: Switch, key: str, column: str, rule: str = "CALL", default: str | None = None) -> None:
    """Collect a key and bring it to a column, written ``table.column``."""
    add_key(Store(switch.mart, author="test"), key, to=column, rule=Rule(rule), default=default)


def queue_call(switch: Switch, *, until: float = 65) -> None:
    """555 calls in, waits from 1 to 5, and agent 101 talks until the end."""
    for phone in ("PJSIP/101", "PJSIP/102"):
        switch.member(-100, phone)
    switch.call(0, "c1", "PJSIP/trunk")
    switch.say(1, Kind.QUEUE_ENTER, channel_id="c1", linked_id="c1", queue="sales", value="1")
    offer(switch, Kind.AGENT_OFFER, 2, "c2", "PJSIP/101")
    switch.start(2, "c2", "PJSIP/101", linked="c1")
    answer(switch, 5, "c2", "PJSIP/101")
    for channel in ("c2", "c1"):
        switch.end(until, channel, "c1")


def offer(switch: Switch, kind: Kind, second: float, phone: str, member: str, caller: str = "c1") -> None:
    """A queue rings a member, or tells what came of it."""
    switch.say(
        second, kind, channel_id=caller, linked_id="c1", other_id=phone, queue="sales", member=member, target=member
    )


def answer(switch: Switch, second: float, phone: str, member: str, caller: str = "c1") -> None:
    """A member answers the caller."""
    switch.say(second, Kind.QUEUE_LEAVE, channel_id=caller, linked_id="c1", queue="sales")
    offer(switch, Kind.AGENT_CONNECT, second, phone, member, caller)
    for channel in (caller, phone):
        switch.up(second, channel, "c1")
        switch.bridge(second, channel, linked="c1")


def words(switch: Switch, column: str = "custom_data_1", table_no: int = 1) -> dict[str, Any]:
    """Return what stands in a column for each part, by its channel."""
    rows = switch.rows(
        "SELECT part.channel_id, data.* FROM mart.interaction_resource_fact AS part"
        " JOIN mart.irf_user_data_cust AS data"
        f" USING (tenant_key, start_date_time_key, interaction_resource_id) WHERE table_no = {table_no}"
    )
    return {row["channel_id"]: row[column] for row in rows}


def set_option(switch: Switch, section: str, name: str, value: str) -> None:
    """Set an option of the mart."""
    switch.mart.execute(
        "INSERT INTO cfg.option (object_key, section, name, value) SELECT object_key, %s, %s, %s FROM cfg.object"
        " WHERE kind = 'application' AND name = 'mart' ON CONFLICT (object_key, section, name) DO UPDATE"
        " SET value = excluded.value",
        (section, name, value),
    )
