"""Row 78: the six propagation rules, each on calls with queues, transfers, consultations, conferences and no answer."""

import pytest

from tests.etl.story import Switch
from tests.support import Mart
from tests.userdata.calls import answer, mapped, offer, queue_call, words
from twinmart.model.events import Kind

RULES = ("CALL", "PARTY", "IRF", "IRF_FIRST_UPDATE", "IRF_INITIAL", "IRF_ROUTE")


@pytest.fixture
def switch(mart: Mart) -> Switch:
    made = Switch(mart)
    for number, rule in enumerate(RULES, 1):
        mapped(made, "Word", f"irf_user_data_cust_1.custom_data_{number}", rule)
    return made


def by_rule(switch: Switch, channel: str) -> dict[str, str | None]:
    """Return what each rule gives to a part."""
    return {rule: words(switch, f"custom_data_{number}").get(channel) for number, rule in enumerate(RULES, 1)}


def test_row_78_a_value_set_before_the_queue_is_there_from_the_first(switch: Switch) -> None:
    switch.attach(0.5, "c1", "Word", "early")
    queue_call(switch)
    switch.hear()
    assert by_rule(switch, "c2") == {
        "CALL": "early", "PARTY": None, "IRF": None, "IRF_FIRST_UPDATE": None, "IRF_INITIAL": "early",
        "IRF_ROUTE": "early",
    }  # fmt: skip


def test_row_78_each_rule_takes_another_of_many_values(switch: Switch) -> None:
    switch.attach(0.5, "c1", "Word", "before the queue")
    switch.attach(1.5, "c1", "Word", "while waiting")
    queue_call(switch)
    switch.attach(3, "c1", "Word", "while ringing", "c1")
    switch.attach(20, "c2", "Word", "by the agent", "c1")
    switch.attach(30, "c1", "Word", "by the caller's leg")
    switch.attach(90, "c2", "Word", "after the call", None)
    switch.hear()
    assert by_rule(switch, "c2") == {
        "CALL": "by the caller's leg", "PARTY": "after the call", "IRF": "by the caller's leg",
        "IRF_FIRST_UPDATE": "while ringing", "IRF_INITIAL": "while waiting", "IRF_ROUTE": "before the queue",
    }  # fmt: skip
    assert switch.rows("SELECT end_at - start_at AS took FROM mart.interaction_fact")[0]["took"].seconds == 65


def test_row_78_what_is_told_long_after_the_call_changes_its_rows(switch: Switch) -> None:
    queue_call(switch)
    switch.hear()
    assert words(switch) == {}
    switch.attach(7200, "c2", "Word", "late", None)
    assert switch.hear().interactions == 1
    assert by_rule(switch, "c2")["PARTY"] == "late"


def test_row_78_a_channel_that_is_handed_its_callers_values_has_set_nothing(switch: Switch) -> None:
    switch.attach(0.5, "c1", "Word", "early")
    switch.attach(2, "c2", "Word", "early", "c1")
    queue_call(switch)
    switch.hear()
    found = by_rule(switch, "c2")
    assert (found["PARTY"], found["IRF"], found["IRF_FIRST_UPDATE"]) == (None, None, None)


def test_row_78_a_first_update_counts_from_the_attempts_before_and_irf_does_not(switch: Switch) -> None:
    for phone in ("PJSIP/101", "PJSIP/102"):
        switch.member(-100, phone)
    switch.call(0, "c1", "PJSIP/trunk")
    switch.say(1, Kind.QUEUE_ENTER, channel_id="c1", linked_id="c1", queue="sales", value="1")
    offer(switch, Kind.AGENT_OFFER, 2, "c2", "PJSIP/101")
    switch.start(2, "c2", "PJSIP/101", linked="c1")
    switch.attach(4, "c1", "Word", "while the first rings")
    offer(switch, Kind.AGENT_NOANSWER, 12, "c2", "PJSIP/101")
    switch.end(12, "c2", "c1")
    offer(switch, Kind.AGENT_OFFER, 14, "c3", "PJSIP/102")
    switch.start(14, "c3", "PJSIP/102", linked="c1")
    answer(switch, 16, "c3", "PJSIP/102")
    switch.attach(20, "c1", "Word", "while the second talks")
    for channel in ("c3", "c1"):
        switch.end(60, channel, "c1")
    switch.hear()
    assert by_rule(switch, "c3") == {
        "CALL": "while the second talks", "PARTY": None, "IRF": "while the second talks",
        "IRF_FIRST_UPDATE": "while the first rings", "IRF_INITIAL": "while the first rings", "IRF_ROUTE": None,
    }  # fmt: skip
    assert by_rule(switch, "c2")["CALL"] == "while the first rings"


def test_row_78_who_transfers_a_call_does_not_see_what_comes_later(switch: Switch) -> None:
    queue_call(switch, until=65)
    switch.said = [event for event in switch.said if event.kind is not Kind.CHANNEL_END]
    switch.attach(10, "c2", "Word", "of the first", "c1")
    switch.say(30, Kind.TRANSFER_BLIND, channel_id="c2", linked_id="c1", other_id="c1", target="102", value="Success")
    switch.end(30, "c2", "c1")
    switch.dial(31, "c1", "c3", "PJSIP/102")
    switch.up(33, "c3", "c1")
    switch.attach(40, "c3", "Word", "of the second", "c1")
    for channel in ("c3", "c1"):
        switch.end(60, channel, "c1")
    switch.hear()
    assert by_rule(switch, "c2")["CALL"] == "of the first"
    assert by_rule(switch, "c2")["PARTY"] == "of the first"
    assert by_rule(switch, "c3") == {
        "CALL": "of the second", "PARTY": "of the second", "IRF": "of the second", "IRF_FIRST_UPDATE": "of the second",
        "IRF_INITIAL": "of the first", "IRF_ROUTE": "of the first",
    }  # fmt: skip


def test_row_78_a_consultation_carries_what_its_interaction_does_and_each_party_its_own(switch: Switch) -> None:
    queue_call(switch, until=65)
    switch.attach(0.5, "c1", "Word", "early")
    switch.say(10, Kind.HOLD_START, channel_id="c2", linked_id="c1")
    switch.call(11, "c3", "PJSIP/101")
    switch.dial(12, "c3", "c4", "PJSIP/102", "c3")
    for channel in ("c3", "c4"):
        switch.up(14, channel, "c3")
    switch.attach(20, "c4", "Word", "advice", "c3")
    for channel in ("c4", "c3"):
        switch.end(30, channel, "c3")
    switch.say(31, Kind.HOLD_END, channel_id="c2", linked_id="c1")
    switch.attach(50, "c2", "Word", "decision", "c1")
    switch.hear()
    kinds = {channel: part["attempt_kind"] for channel, part in switch.parts().items()}
    assert (kinds["c3"], kinds["c4"]) == ("consult_out", "consult")
    assert by_rule(switch, "c4")["PARTY"] == "advice"
    assert by_rule(switch, "c3")["CALL"] == "advice"
    assert by_rule(switch, "c2")["CALL"] == "decision"
    assert by_rule(switch, "c2")["IRF_FIRST_UPDATE"] == "advice"


def test_row_78_all_in_a_conference_share_the_values_while_they_are_in_it(switch: Switch) -> None:
    queue_call(switch, until=65)
    switch.dial(10, "c1", "c3", "PJSIP/102")
    switch.up(12, "c3", "c1")
    switch.bridge(20, "c3", linked="c1")
    switch.attach(25, "c2", "Word", "both", "c1")
    switch.say(40, Kind.BRIDGE_LEAVE, channel_id="c3", linked_id="c1", bridge_id="b1", value="basic")
    switch.end(40, "c3", "c1")
    switch.attach(50, "c2", "Word", "alone", "c1")
    switch.hear()
    assert by_rule(switch, "c3")["CALL"] == "both"
    assert by_rule(switch, "c3")["PARTY"] is None
    assert by_rule(switch, "c2")["CALL"] == "alone"


def test_row_78_what_ended_in_a_queue_has_values_and_no_party(switch: Switch) -> None:
    switch.attach(0.5, "c1", "Word", "early")
    switch.call(0, "c1", "PJSIP/trunk")
    switch.say(1, Kind.QUEUE_ENTER, channel_id="c1", linked_id="c1", queue="sales", value="1")
    switch.attach(5, "c1", "Word", "waiting")
    switch.say(9, Kind.QUEUE_ABANDON, channel_id="c1", linked_id="c1", queue="sales")
    switch.say(9, Kind.QUEUE_LEAVE, channel_id="c1", linked_id="c1", queue="sales")
    switch.end(9, "c1")
    switch.hear()
    assert by_rule(switch, "c1") == {
        "CALL": "waiting", "PARTY": None, "IRF": "waiting", "IRF_FIRST_UPDATE": "waiting", "IRF_INITIAL": "early",
        "IRF_ROUTE": "early",
    }  # fmt: skip


def test_row_78_a_value_that_is_cleared_is_gone(switch: Switch) -> None:
    switch.attach(0.5, "c1", "Word", "early")
    queue_call(switch)
    switch.attach(20, "c1", "Word", None)
    switch.hear()
    found = by_rule(switch, "c2")
    assert (found["CALL"], found["IRF_INITIAL"]) == (None, "early")


def test_row_78_a_call_without_values_gets_the_defaults_and_none_else(switch: Switch) -> None:
    mapped(switch, "Customer", "irf_user_data_gen_1.customer_id", "CALL", "nobody")
    queue_call(switch)
    switch.hear()
    assert words(switch) == {}
    assert switch.rows("SELECT customer_id FROM mart.irf_user_data_gen_1") == [{"customer_id": "nobody"}]
