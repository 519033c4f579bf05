"""A small day that is told by hand, so that the answer to any question about it can be computed by hand too.

Seconds count from 09:00. All in queue "sales", served by 101 and 102 since 08:58:20 and for as long as we look:

=====  ========================================================================================================
    0  5551 calls (C-1, gold, 10.50), waits from 1 to 5, is rung at 101 from 2; 101 talks from 5 to 65
 1000  5552 calls (C-2, silver), waits from 1001 and hangs up at 1009
 2000  5553 calls (gold, revenue "much"), waits from 2001 to 2011, is rung at 102 from 2003; 102 talks to 2041 and
       sends the caller to 101, who is rung at 2042 and talks from 2044 to 2100
 2500  102 pauses for lunch until 2800
 3000  101 calls out, is answered at 3010, and talks until 3100
=====  ========================================================================================================
"""

from tests.etl.story import Switch
from tests.userdata.calls import mapped
from twinmart.model.events import Kind

CALLERS = {"c1": "5551", "c11": "5552", "c21": "5553"}


def tell(switch: Switch) -> None:
    """Tell the day."""
    mapped(switch, "CustomerId", "irf_user_data_gen_1.customer_id")
    mapped(switch, "Revenue", "irf_user_data_gen_1.revenue")
    mapped(switch, "Segment", "interaction_descriptor.customer_segment")
    mapped(switch, "Colour", "user_data_cust_dim_1.dim_attribute_1", "IRF_INITIAL", "white")
    mapped(switch, "Note", "irf_user_data_cust_1.custom_data_3", "PARTY")
    for phone in ("PJSIP/101", "PJSIP/102"):
        switch.member(-100, phone)
    _arrive(switch, 0, "c1", CustomerId="C-1", Segment="gold", Revenue="10.5", Colour="red")
    _ring(switch, 2, "c1", "c2", "PJSIP/101")
    _answer(switch, 5, "c1", "c2", "PJSIP/101")
    switch.attach(80, "c2", "Note", "after the call", None)
    _end(switch, 65, "c1", "c2", "c1")
    _arrive(switch, 1000, "c11", CustomerId="C-2", Segment="silver")
    switch.say(1009, Kind.QUEUE_ABANDON, channel_id="c11", linked_id="c11", queue="sales")
    switch.say(1009, Kind.QUEUE_LEAVE, channel_id="c11", linked_id="c11", queue="sales")
    _end(switch, 1009, "c11", "c11")
    _arrive(switch, 2000, "c21", Segment="gold", Revenue="much")
    _ring(switch, 2003, "c21", "c22", "PJSIP/102")
    _answer(switch, 2011, "c21", "c22", "PJSIP/102")
    switch.say(
        2041, Kind.TRANSFER_BLIND, channel_id="c22", linked_id="c21", other_id="c21", target="101", value="Success"
    )
    _end(switch, 2041, "c21", "c22")
    switch.dial(2042, "c21", "c23", "PJSIP/101")
    switch.up(2044, "c23", "c21")
    _end(switch, 2100, "c21", "c23", "c21")
    switch.member(2500, "PJSIP/102", kind=Kind.MEMBER_PAUSE, value="1", reason="Lunch")
    switch.member(2800, "PJSIP/102", kind=Kind.MEMBER_PAUSE)
    switch.call(3000, "c31", "PJSIP/101", number="101")
    switch.dial(3001, "c31", "c32", "PJSIP/trunk")
    for channel in ("c31", "c32"):
        switch.up(3010, channel, "c31")
    _end(switch, 3100, "c31", "c32", "c31")
    switch.hear()


def _arrive(switch: Switch, second: float, channel: str, **values: str) -> None:
    switch.call(second, channel, "PJSIP/trunk", number=CALLERS[channel])
    for key, value in values.items():
        switch.attach(second + 0.5, channel, key, value)
    switch.say(second + 1, Kind.QUEUE_ENTER, channel_id=channel, linked_id=channel, queue="sales", value="1")


def _offer(switch: Switch, kind: Kind, second: float, caller: str, phone: str, member: str) -> None:
    switch.say(
        second, kind, channel_id=caller, linked_id=caller, other_id=phone, queue="sales", member=member, target=member
    )


def _ring(switch: Switch, second: float, caller: str, phone: str, member: str) -> None:
    _offer(switch, Kind.AGENT_OFFER, second, caller, phone, member)
    switch.start(second, phone, member, linked=caller)


def _answer(switch: Switch, second: float, caller: str, phone: str, member: str) -> None:
    switch.say(second, Kind.QUEUE_LEAVE, channel_id=caller, linked_id=caller, queue="sales")
    _offer(switch, Kind.AGENT_CONNECT, second, caller, phone, member)
    for channel in (caller, phone):
        switch.up(second, channel, caller)


def _end(switch: Switch, second: float, call: str, *channels: str) -> None:
    for channel in channels:
        switch.end(second, channel, call)
