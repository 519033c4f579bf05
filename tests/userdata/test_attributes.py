"""Business attributes: what an interaction was about, in the aggregates and in the reports that tell it apart."""

from datetime import timedelta
from typing import Any

import pytest

from tests.aggregate.facts import rebuild
from tests.etl.story import DAWN, Switch
from tests.report.asking import told
from tests.support import Mart
from tests.userdata.calls import answer, mapped, offer, queue_call, set_option
from twinmart.aggregate.audit import audit
from twinmart.aggregate.rebuild import Rebuilder
from twinmart.aggregate.requests import request
from twinmart.aggregate.sets import Shape
from twinmart.aggregate.work import Unit
from twinmart.model.events import Kind

NINE = int(DAWN.timestamp())
ABOUT = {
    "CustomerSegment": "customer_segment",
    "ServiceType": "service_type",
    "ServiceSubType": "service_subtype",
    "BusinessResult": "business_result",
}


@pytest.fixture
def switch(mart: Mart) -> Switch:
    made = Switch(mart)
    for key, column in ABOUT.items():
        mapped(made, key, f"interaction_descriptor.{column}")
    return made


def about(switch: Switch, relation: str, measure: str) -> dict[tuple[str, str], int]:
    """Return a measure of an aggregate by service and result, as the original's names have it."""
    rows = switch.rows(
        f"SELECT d.service_type, d.business_result, sum(a.{measure})::int AS told FROM gim.{relation} AS a"
        " JOIN gim.interaction_descriptor AS d USING (interaction_descriptor_key) GROUP BY 1, 2"
    )
    return {(row["service_type"], row["business_result"]): row["told"] for row in rows if row["told"]}


def transferred_call(switch: Switch) -> None:
    """555 asks for sales; 101 answers at 5 and sends the caller at 40 to 102, who sells at 50."""
    for phone in ("PJSIP/101", "PJSIP/102"):
        switch.member(-100, phone)
    switch.call(0, "c1", "PJSIP/trunk")
    switch.attach(0.5, "c1", "ServiceType", "sales")
    switch.say(1, Kind.QUEUE_ENTER, channel_id="c1", linked_id="c1", queue="sales", value="1")
    offer(switch, Kind.AGENT_OFFER, 2, "c2", "PJSIP/101")
    switch.start(2, "c2", "PJSIP/101", linked="c1")
    answer(switch, 5, "c2", "PJSIP/101")
    switch.attach(20, "c2", "BusinessResult", "undecided", "c1")
    switch.say(40, Kind.TRANSFER_BLIND, channel_id="c2", linked_id="c1", other_id="c1", target="102", value="Success")
    switch.end(40, "c2", "c1")
    switch.dial(41, "c1", "c3", "PJSIP/102")
    switch.up(43, "c3", "c1")
    switch.attach(50, "c3", "BusinessResult", "sold", "c1")
    for channel in ("c3", "c1"):
        switch.end(60, channel, "c1")


def test_each_set_has_the_attributes_of_its_grain(mart: Mart, switch: Switch) -> None:
    """ID those of the first attempt that handled the customer, agents those of each attempt, queues of the answer."""
    transferred_call(switch)
    switch.hear()
    rebuild(mart)
    first, second = ("sales", "undecided"), ("sales", "sold")
    for level in ("subhr", "hour", "day", "week", "month", "qrtr", "year"):
        assert about(switch, f"ag2_id_{level}", "entered") == {first: 1}
        assert about(switch, f"ag2_agent_{level}", "accepted") == {first: 1, second: 1}
        assert about(switch, f"ag2_agent_grp_{level}", "accepted") == {first: 1, second: 1}
        assert about(switch, f"ag2_agent_queue_{level}", "accepted") == {first: 1}
        assert about(switch, f"ag2_queue_{level}", "accepted") == {first: 1}
        assert about(switch, f"ag2_queue_acc_agent_{level}", "accepted_agent") == {first: 1}
        assert about(switch, f"ag2_queue_grp_{level}", "entered") == {first: 1}
    assert audit(switch.mart, from_at=DAWN, to_at=DAWN + timedelta(hours=1)) == []


def test_who_hangs_up_in_a_queue_is_told_apart_where_visits_carry_user_data(mart: Mart, switch: Switch) -> None:
    switch.member(-100, "PJSIP/101")
    switch.call(0, "c1", "PJSIP/trunk")
    switch.attach(0.5, "c1", "ServiceType", "support")
    switch.say(1, Kind.QUEUE_ENTER, channel_id="c1", linked_id="c1", queue="sales", value="1")
    for kind in (Kind.QUEUE_ABANDON, Kind.QUEUE_LEAVE):
        switch.say(9, kind, channel_id="c1", linked_id="c1", queue="sales")
    switch.end(9, "c1")
    switch.hear()
    rebuild(mart)
    support, nothing = ("support", "none"), ("NO_VALUE", "NO_VALUE")
    assert about(switch, "ag2_id_hour", "abandoned") == {support: 1}
    assert about(switch, "ag2_queue_hour", "abandoned") == {nothing: 1}
    set_option(switch, "gim-etl", "link-msf-userdata", "true")
    switch.attach(0.6, "c1", "ServiceSubType", "repair")
    switch.hear()
    rebuild(mart)
    for name in ("ag2_queue_hour", "ag2_queue_abn_day", "ag2_id_hour"):
        assert about(switch, name, "abandoned") == {support: 1}
    assert audit(switch.mart, from_at=DAWN, to_at=DAWN + timedelta(hours=1)) == []


def test_what_is_told_hours_after_the_call_moves_its_figures(mart: Mart, switch: Switch) -> None:
    """The facts stay as they are; only what the call was about becomes known."""
    switch.attach(0.5, "c1", "ServiceType", "sales")
    queue_call(switch)
    switch.hear()
    rebuild(mart)
    assert about(switch, "ag2_id_day", "entered") == {("sales", "none"): 1}
    switch.attach(30, "c1", "BusinessResult", "sold", None)
    switch.hear()
    asked = {row["set_name"] for row in switch.rows("SELECT set_name FROM ctl.aggregate_request")}
    assert asked >= {"id", "agent", "agent_grp", "agent_queue", "queue", "queue_acc_agent"}
    rebuild(mart)
    for name, measure in (("ag2_id_day", "entered"), ("ag2_agent_day", "accepted"), ("ag2_queue_month", "accepted")):
        assert about(switch, name, measure) == {("sales", "sold"): 1}
    assert audit(switch.mart, from_at=DAWN, to_at=DAWN + timedelta(hours=1)) == []


def test_the_first_attributes_of_a_mart_are_seen_by_a_rebuild_that_began_before(mart: Mart, switch: Switch) -> None:
    with mart.connect(autocommit=True) as connection:
        epoch = switch.rows("SELECT epoch FROM cfg.topology")[0]["epoch"]
        rebuilder = Rebuilder(connection, 1, epoch, Shape.read(connection))
        rebuilder.prepare()
        switch.attach(0.5, "c1", "ServiceType", "sales")
        queue_call(switch)
        switch.hear()
        span = (NINE, NINE + 900)
        assert rebuilder.rebuild(Unit(1, ("id",), "subhr", *span, 1, "month")) > 0
    assert about(switch, "ag2_id_month", "entered") == {("sales", "none"): 1}


def test_interaction_traffic_tells_apart_by_what_calls_were_about(mart: Mart, switch: Switch) -> None:
    for number, (kind, result) in enumerate((("sales", "sold"), ("sales", "lost"), ("support", None), (None, None))):
        channel, second = f"c{number + 1}0", 100 * number
        switch.call(second, channel, "PJSIP/trunk")
        for key, value in (("ServiceType", kind), ("BusinessResult", result)):
            if value is not None:
                switch.attach(second + 1, channel, key, value)
        switch.end(second + 5, channel)
    switch.hear()
    rebuild(mart)

    def entered(*by: str, **asked: Any) -> dict[tuple[str | None, ...], int]:
        found = told(mart, "interaction-traffic", by=by, **asked)
        assert found.total is not None
        rows = {tuple(row[name] for name in by): row["entered"] for row in found.rows}
        assert sum(rows.values()) == found.total["entered"]
        return rows

    assert entered("service_type") == {("none",): 1, ("sales",): 2, ("support",): 1}
    assert entered("business_result", service_type=("sales",)) == {("lost",): 1, ("sold",): 1}
    assert entered("service_type", business_result=("none",)) == {("none",): 1, ("support",): 1}
    assert entered("customer_segment", "service_subtype") == {("none", "none"): 4}
    parts = told(mart, "interaction-handling-attempt", service_type=("sales",)).rows
    assert {(row["service_type"], row["business_result"]) for row in parts} <= {("sales", "sold"), ("sales", "lost")}


def test_a_gap_touches_each_kind_of_interaction_that_is_known_and_is_never_zero(mart: Mart, switch: Switch) -> None:
    switch.attach(0.5, "c1", "ServiceType", "sales")
    queue_call(switch)
    switch.hear()
    rebuild(mart)
    switch.mart.execute(
        "INSERT INTO ctl.gap"
        " SELECT gen_random_uuid(), source_key, NULL, %s, %s, 'silent', false, now() FROM cfg.source",
        (DAWN + timedelta(minutes=30), DAWN + timedelta(hours=2)),
    )
    rows = told(mart, "interaction-traffic", by=("hour", "service_type")).rows
    found = {(row["interval_at"][11:13], row["service_type"]): (row["entered"], row["data"]) for row in rows}
    assert found == {("09", "sales"): (1, "partial"), ("10", None): (None, "none")}


def test_a_redo_leaves_what_stands(mart: Mart, switch: Switch) -> None:
    transferred_call(switch)
    switch.hear()
    rebuild(mart)
    before = switch.rows("SELECT * FROM agg.agent_month ORDER BY resource_key")
    with switch.mart.transaction():
        request(switch.mart, from_at=DAWN, to_at=DAWN + timedelta(hours=1))
    assert rebuild(mart)["rows_changed"] == 0
    assert switch.rows("SELECT * FROM agg.agent_month ORDER BY resource_key") == before
