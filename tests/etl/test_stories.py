"""What the recordings do not hold: conferences, dialling by a program, ends that nobody told, clocks that jump."""

import pytest

from tests.etl.story import DAWN, Switch
from tests.support import Mart
from twinmart.config.store import Store
from twinmart.model.events import Kind


@pytest.fixture
def switch(mart: Mart) -> Switch:
    return Switch(mart)


def answered_call(switch: Switch) -> None:
    """555 calls in, waits 4 s in the queue, and agent 101 talks from 5 to 65."""
    switch.member(-100, "PJSIP/101")
    switch.member(-100, "PJSIP/102")
    switch.call(0, "c1", "PJSIP/trunk")
    switch.say(1, Kind.QUEUE_ENTER, channel_id="c1", linked_id="c1", queue="sales", value="1")
    offer(switch, Kind.AGENT_OFFER, 2)
    switch.start(2, "c2", "PJSIP/101", linked="c1")
    switch.say(5, Kind.QUEUE_LEAVE, channel_id="c1", linked_id="c1", queue="sales")
    offer(switch, Kind.AGENT_CONNECT, 5)
    for channel in ("c1", "c2"):
        switch.up(5, channel, "c1")
        switch.bridge(5, channel, linked="c1")


def offer(switch: Switch, kind: Kind, second: float) -> None:
    switch.say(
        second, kind, channel_id="c1", linked_id="c1", other_id="c2", queue="sales", member="PJSIP/101", target="Ann"
    )


def test_a_third_phone_in_the_bridge_makes_a_conference_of_that_time(switch: Switch) -> None:
    answered_call(switch)
    switch.dial(10, "c1", "c3", "PJSIP/102")
    switch.up(12, "c3", "c1")
    switch.bridge(20, "c3", linked="c1")
    switch.say(50, Kind.BRIDGE_LEAVE, channel_id="c3", linked_id="c1", bridge_id="b1", value="basic")
    for channel in ("c3", "c2", "c1"):
        switch.end({"c3": 50}.get(channel, 65), channel, "c1")
    switch.hear()

    parts = switch.parts()
    assert parts["c2"]["conf_init_talk_duration_ms"] == 30_000
    assert parts["c2"]["customer_talk_duration_ms"] == 30_000
    assert parts["c2"]["conference_initiated_count"] == 1
    assert parts["c3"]["conf_join_talk_duration_ms"] == 30_000
    outcomes = switch.rows(
        "SELECT DISTINCT technical_result FROM mart.interaction_resource_fact JOIN mart.technical_descriptor"
        " USING (technical_descriptor_key)"
    )
    assert outcomes == [{"technical_result": "Conferenced"}]


def test_a_phone_that_a_program_dials_has_placed_the_call(switch: Switch) -> None:
    switch.member(-100, "PJSIP/101")
    switch.start(0, "c1", "PJSIP/101")
    switch.up(2, "c1")
    switch.dial(3, "c1", "c2", "PJSIP/trunk")
    switch.up(9, "c2", "c1")
    for channel in ("c1", "c2"):
        switch.end(20, channel, "c1")
    switch.hear()

    parts = switch.parts()
    assert parts["c1"]["attempt_kind"] == "outbound"
    assert parts["c1"]["customer_dial_duration_ms"] == 2_000
    assert parts["c1"]["customer_talk_duration_ms"] == 18_000
    assert parts["c2"]["attempt_kind"] == "external"
    assert switch.rows("SELECT interaction_type_key FROM mart.interaction_fact") == [{"interaction_type_key": 2}]


def test_a_call_that_goes_on_is_seen_as_it_stands_and_completed_later(switch: Switch) -> None:
    answered_call(switch)
    switch.hear()

    part = switch.parts()["c2"]
    assert (part["active_flag"], part["end_at"], part["customer_ring_duration_ms"]) == (1, None, 3_000)
    busy = "SELECT active_flag FROM mart.sm_res_state_fact WHERE resource_state_key = 5"
    assert switch.rows(busy) == [{"active_flag": 1}]

    for channel in ("c2", "c1"):
        switch.end(65, channel, "c1")
    switch.hear()
    part = switch.parts()["c2"]
    assert (part["active_flag"], part["customer_talk_duration_ms"]) == (0, 60_000)
    assert switch.rows(busy) == [{"active_flag": 0}]


def test_a_channel_that_a_later_list_does_not_name_ended_when_it_was_heard_last(switch: Switch) -> None:
    answered_call(switch)
    switch.say(300, Kind.CHANNEL_SNAPSHOT, detail={"channels": []})
    switch.hear()

    assert switch.parts()["c2"]["end_at"] is not None
    assert switch.rows("SELECT status, active_flag FROM mart.interaction_fact") == [{"status": 1, "active_flag": 0}]

    for channel in ("c2", "c1"):
        switch.end(65, channel, "c1")
    switch.hear()
    assert switch.parts()["c2"]["customer_talk_duration_ms"] == 60_000
    assert switch.rows("SELECT status FROM mart.interaction_fact") == [{"status": 0}]


def test_a_pause_while_talking_is_one_span_beside_the_busy_time(switch: Switch) -> None:
    answered_call(switch)
    switch.member(30, "PJSIP/101", kind=Kind.MEMBER_PAUSE, value="1", reason="Lunch")
    for channel in ("c2", "c1"):
        switch.end(65, channel, "c1")
    switch.member(100, "PJSIP/101", kind=Kind.MEMBER_PAUSE, value="0")
    switch.hear()

    pauses = switch.rows(
        "SELECT total_duration_ms, software_reason FROM mart.sm_res_state_reason_fact"
        " JOIN mart.resource_state_reason USING (resource_state_reason_key)"
    )
    assert pauses == [{"total_duration_ms": 70_000, "software_reason": "Lunch"}]
    states = switch.rows(
        "SELECT state_name_code AS state, total_duration_ms AS ms FROM mart.sm_res_state_fact"
        " JOIN mart.resource_state USING (resource_state_key)"
        " JOIN mart.resource_ USING (resource_key) WHERE employee_id = '101' ORDER BY start_at"
    )
    assert [(row["state"], row["ms"]) for row in states] == [
        ("READY", 105_000),
        ("BUSY", 60_000),
        ("NOT_READY", 35_000),
        ("READY", None),
    ]


def test_a_pause_in_one_of_two_queues_leaves_the_agent_ready(switch: Switch) -> None:
    for queue in ("sales", "support"):
        switch.member(0, "PJSIP/101", queue)
    switch.member(10, "PJSIP/101", "sales", Kind.MEMBER_PAUSE, value="1", reason="Focus")
    switch.member(20, "PJSIP/101", "support", Kind.MEMBER_PAUSE, value="1", reason="Lunch")
    switch.member(50, "PJSIP/101", "sales", Kind.MEMBER_PAUSE, value="0")
    switch.hear()

    pauses = switch.rows(
        "SELECT start_at, total_duration_ms, software_reason FROM mart.sm_res_state_reason_fact"
        " JOIN mart.resource_state_reason USING (resource_state_reason_key)"
    )
    assert [(row["total_duration_ms"], row["software_reason"]) for row in pauses] == [(30_000, "Lunch")]


def test_after_call_work_is_what_the_queue_grants(switch: Switch) -> None:
    Store(switch.mart, author="test").put("queue", "pbx/sales", options={("gim-etl", "wrap-up-time"): "15"})
    answered_call(switch)
    for channel in ("c2", "c1"):
        switch.end(65, channel, "c1")
    switch.hear()

    assert switch.parts()["c2"]["customer_acw_duration_ms"] == 15_000
    work = switch.rows("SELECT total_duration_ms AS ms FROM mart.sm_res_state_fact WHERE resource_state_key = 4")
    assert work == [{"ms": 15_000}]
    inside = switch.rows("SELECT total_duration_ms AS ms FROM mart.ixn_resource_state_fact ORDER BY start_at")
    assert [row["ms"] for row in inside] == [3_000, 60_000, 15_000]


def test_a_clock_that_jumped_back_breaks_one_interaction_and_no_other(switch: Switch) -> None:
    answered_call(switch)
    for channel in ("c2", "c1"):
        switch.end(65, channel, "c1")
    switch.call(10, "c9", "PJSIP/trunk")
    switch.end(-600, "c9")
    switch.hear()

    assert switch.rows("SELECT code FROM ctl.transform_discard") == [{"code": "ends-before-start"}]
    stati = switch.rows("SELECT status, media_server_root_ixn_guid AS root FROM mart.interaction_fact ORDER BY root")
    assert [(row["root"], row["status"]) for row in stati] == [("c1", 0), ("c9", 2)]
    assert "c9" not in switch.parts()


def test_an_interaction_over_midnight_is_one_and_lies_on_the_day_it_began(switch: Switch) -> None:
    night = 15 * 3600 - 30  # 23:59:30
    switch.member(night - 100, "PJSIP/101")
    switch.call(night, "c1", "PJSIP/trunk")
    switch.dial(night + 1, "c1", "c2", "PJSIP/101")
    switch.up(night + 5, "c2", "c1")
    for channel in ("c2", "c1"):
        switch.end(night + 95, channel, "c1")
    switch.hear()

    part = switch.parts()["c2"]
    assert part["customer_talk_duration_ms"] == 90_000
    assert part["start_date_time_key"] == int(DAWN.timestamp()) + 15 * 3600 - 900
    assert part["end_date_time_key"] == int(DAWN.timestamp()) + 15 * 3600


def test_a_phone_is_known_as_an_agents_whenever_its_membership_is_heard(switch: Switch) -> None:
    switch.call(0, "c1", "PJSIP/trunk")
    switch.dial(1, "c1", "c2", "PJSIP/101")
    switch.up(2, "c2", "c1")
    for channel in ("c2", "c1"):
        switch.end(10, channel, "c1")
    switch.hear()
    assert switch.parts()["c2"]["attempt_kind"] == "external"

    switch.member(20, "PJSIP/101")
    switch.hear()
    assert switch.parts()["c2"]["attempt_kind"] == "direct"
    names = switch.rows(
        "SELECT resource_type_code AS kind, resource_name AS name FROM mart.resource_ WHERE resource_key > 0"
    )
    assert sorted((row["kind"], row["name"]) for row in names) == [("AGENT", "Agent of PJSIP/101"), ("QUEUE", "sales")]


def test_a_call_that_cannot_be_stored_is_put_aside_alone_and_tried_again_with_its_next_news(switch: Switch) -> None:
    for number in range(1, 8):
        switch.call(number, f"c{number}", "PJSIP/trunk")
        switch.end(number + 10, f"c{number}")
    guard = "mart.interaction_resource_fact ADD CONSTRAINT no_c5 CHECK (channel_id <> 'c5')"
    switch.mart.execute(f"ALTER TABLE {guard}".encode())
    switch.hear()

    assert sorted(switch.parts()) == ["c1", "c2", "c3", "c4", "c6", "c7"]
    aside = switch.rows("SELECT root_id, code, reason FROM ctl.transform_discard")
    assert [(row["root_id"], row["code"]) for row in aside] == [("c5", "not-loadable")]
    assert "no_c5" in aside[0]["reason"]

    switch.mart.execute("ALTER TABLE mart.interaction_resource_fact DROP CONSTRAINT no_c5")
    switch.say(30, Kind.USER_EVENT, channel_id="c5", linked_id="c5", target="Survey")
    switch.hear()
    assert "c5" in switch.parts()
    assert switch.rows("SELECT FROM ctl.transform_discard") == []


@pytest.mark.parametrize("login", [0, -5, 10**17, 3_000_000_000])
def test_a_login_time_that_cannot_be_is_not_believed(switch: Switch, login: int) -> None:
    switch.member(0, "PJSIP/101", kind=Kind.MEMBER_STATUS, detail={"login": login})
    switch.hear()

    sessions = switch.rows("SELECT start_at FROM mart.sm_res_session_fact")
    assert [row["start_at"] for row in sessions] == [DAWN]
