"""What tests of upkeep share: a small day of calls, and jobs run to their end at a moment of one's choosing."""

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.etl.story import Switch
from tests.support import Mart
from twinmart.model.events import Kind
from twinmart.upkeep.maintain import maintain

DAY_S = 86_400


def maintained(mart: Mart, now: datetime, *, site: int = 1) -> Mapping[str, Any]:
    """Run maintenance at a moment."""
    return maintain(site, {site: mart.dsn}, stop=threading.Event(), now=now)


def queue_call(switch: Switch, second: float, number: int, phone: str = "PJSIP/100") -> None:
    """Somebody calls the queue, is answered by a phone after five seconds, and hangs up after a minute."""
    caller, called = f"c{number}", f"c{number + 1}"
    switch.call(second, caller, f"PJSIP/trunk{number}")
    switch.say(second + 1, Kind.QUEUE_ENTER, channel_id=caller, linked_id=caller, queue="sales", value="1")
    switch.start(second + 2, called, phone, linked=caller)
    switch.say(
        second + 2, Kind.AGENT_OFFER, channel_id=caller, linked_id=caller, other_id=called, queue="sales", member=phone
    )
    switch.up(second + 5, called, caller)
    switch.say(
        second + 5,
        Kind.AGENT_CONNECT,
        channel_id=caller,
        linked_id=caller,
        other_id=called,
        queue="sales",
        member=phone,
    )
    switch.say(second + 5, Kind.QUEUE_LEAVE, channel_id=caller, linked_id=caller, queue="sales")
    switch.end(second + 60, called, caller)
    switch.end(second + 60, caller)
