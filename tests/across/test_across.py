"""Calls across sites: both halves are one interaction, whatever comes first and however late."""

import pytest

from tests.across.calls import VALUE, begin, go_on, interactions, two_switches
from tests.etl.story import Switch
from tests.support import Mart
from tests.userdata.calls import set_option
from twinmart.config.store import Store
from twinmart.config.userdata import add_key
from twinmart.etl.cycle import run_once
from twinmart.model.events import Kind

WHOLE = ["london queue", "london external", "bristol queue"]

TABLES = ("interaction_fact", "interaction_resource_fact", "mediation_segment_fact", "ixn_resource_state_fact")


@pytest.fixture
def pair(mart: Mart) -> tuple[Switch, Switch]:
    return two_switches(mart)


def facts(switch: Switch) -> list[list[dict[str, object]]]:
    """Return all rows that hang on interactions, without the loads that brought them."""
    found = []
    for table in TABLES:
        rows = switch.rows(f"SELECT * FROM mart.{table}")
        for row in rows:
            del row["create_audit_key"], row["update_audit_key"]
        found.append(sorted(rows, key=str))
    return found


def test_row_49_two_halves_of_a_call_are_one_interaction_that_began_where_it_began(
    pair: tuple[Switch, Switch],
) -> None:
    london, bristol = pair
    begin(london)
    go_on(bristol)
    london.hear()
    bristol.hear()
    (whole,) = interactions(london)
    assert (whole["root"], whole["call_count"], whole["seconds"]) == ("london", 2, 90)
    assert whole["parts"] == WHOLE
    received = london.rows(
        "SELECT giver.attempt_kind, giver.resource_key = mart.dimension_key('AGENT|london|PJSIP/101') AS is_ann"
        " FROM mart.interaction_resource_fact AS part JOIN mart.interaction_resource_fact AS giver"
        " ON giver.interaction_resource_id = part.received_from_ixn_resource_id JOIN cfg.source AS source"
        " ON source.source_key = part.source_key WHERE source.name = 'bristol'"
    )
    assert received == [{"attempt_kind": "queue", "is_ann": True}]
    entered = london.rows("SELECT entered_by FROM mart.mediation_segment_fact ORDER BY start_at")
    assert [row["entered_by"] for row in entered] == ["arrival", "transfer"]
    anchors = london.rows("SELECT irf_anchor FROM mart.interaction_resource_fact ORDER BY start_at")
    assert [row["irf_anchor"] for row in anchors] == [1, 0, 0]


@pytest.mark.parametrize("late_s", [0, 4 * 3600])
def test_row_49_a_half_that_comes_later_repairs_the_rows_whichever_it_is(
    mart: Mart, other_mart: Mart, late_s: int
) -> None:
    found = []
    for one, order in ((mart, "london first"), (other_mart, "bristol first")):
        london, bristol = two_switches(one)
        begin(london)
        go_on(bristol)
        halves = [london, bristol] if order == "london first" else [bristol, london]
        halves[0].hear()
        assert [row["call_count"] for row in interactions(london)] == [1]
        if late_s:
            # Something else happens meanwhile, so that the late half is loaded long after.
            halves[0].call(late_s, "c9", "PJSIP/line")
            halves[0].end(late_s + 5, "c9")
            halves[0].hear()
        halves[1].hear()
        if late_s:
            halves[1].call(late_s, "c9", "PJSIP/line")
            halves[1].end(late_s + 5, "c9")
            halves[1].hear()
        whole = interactions(london)[0]
        assert whole["parts"] == WHOLE
        names = london.rows("SELECT DISTINCT interaction_id FROM mart.interaction_resource_fact WHERE source_key <> 0")
        assert len(names) == len(interactions(london))
        found.append(
            [row for rows in facts(london) for row in rows if row["interaction_id"] == whole["interaction_id"]]
        )
    assert found[0] == found[1]


def test_row_49_the_value_itself_may_come_after_both_halves(pair: tuple[Switch, Switch]) -> None:
    london, bristol = pair
    begin(london)
    go_on(bristol, None)
    london.hear()
    bristol.hear()
    before = {row["interaction_id"] for row in interactions(london)}
    assert len(before) == 2
    bristol.attach(50, "c1", "CALL_UUID", VALUE, None)
    bristol.hear()
    (whole,) = interactions(london)
    assert whole["parts"] == WHOLE
    assert whole["interaction_id"] in before
    assert {row["interaction_id"] for row in london.rows("SELECT interaction_id FROM mart.mediation_segment_fact")} == {
        whole["interaction_id"]
    }


def test_row_49_where_the_other_side_is_missing_the_policy_decides_and_its_arrival_repairs(
    pair: tuple[Switch, Switch],
) -> None:
    london, bristol = pair
    set_option(london, "error-policy", "error-policy-islink-dangling", "exception")
    begin(london)
    london.hear()
    (alone,) = interactions(london)
    assert (alone["status"], alone["parts"]) == (2, None)
    discards = london.rows("SELECT code, reason FROM ctl.transform_discard")
    assert discards == [{"code": "dangling-link", "reason": f"no other switch told of a call that carries {VALUE}"}]
    go_on(bristol)
    bristol.hear()
    (whole,) = interactions(london)
    assert (whole["status"], whole["parts"]) == (0, WHOLE)
    assert london.rows("SELECT code FROM ctl.transform_discard") == []


def test_row_49_by_default_one_side_stands_alone_and_is_told_as_dangling(pair: tuple[Switch, Switch]) -> None:
    london, _ = pair
    begin(london)
    london.hear()
    (alone,) = interactions(london)
    assert (alone["status"], alone["parts"]) == (0, WHOLE[:2])
    dangling = london.rows("SELECT source, call_id, value, is_overdue FROM ctl.dangling_link")
    assert dangling == [{"source": "london", "call_id": "c1", "value": VALUE, "is_overdue": True}]


def test_a_call_over_three_halves_and_back_is_one_interaction(pair: tuple[Switch, Switch], mart: Mart) -> None:
    london, bristol = pair
    leeds = Switch(mart, "leeds")
    begin(london)
    go_on(bristol)
    bristol.attach(60, "c1", "CALL_UUID", "another-identity")
    leeds.call(61, "c1", "PJSIP/trunk")
    leeds.attach(61, "c1", "CALL_UUID", "another-identity")
    leeds.dial(62, "c1", "c2", "PJSIP/301")
    leeds.end(90, "c2", "c1")
    leeds.end(90, "c1")
    for switch in (leeds, london, bristol):
        switch.hear()
    (whole,) = interactions(london)
    assert (whole["root"], whole["call_count"]) == ("london", 3)
    assert whole["parts"] == [*WHOLE, "leeds external"]


def test_values_that_are_no_identity_or_of_keys_that_do_not_link_join_nothing(pair: tuple[Switch, Switch]) -> None:
    london, bristol = pair
    add_key(Store(london.mart, author="test"), "Campaign")
    begin(london, "1")
    go_on(bristol, "1")
    london.attach(1, "c1", "Campaign", "a long value of no meaning")
    bristol.attach(40, "c1", "Campaign", "a long value of no meaning")
    london.hear()
    bristol.hear()
    assert len(interactions(london)) == 2


def test_both_halves_share_the_values_that_the_call_carries(pair: tuple[Switch, Switch]) -> None:
    london, bristol = pair
    add_key(Store(london.mart, author="test"), "Customer", to="irf_user_data_gen_1.customer_id")
    begin(london)
    london.attach(1, "c1", "Customer", "C-17")
    go_on(bristol)
    london.hear()
    bristol.hear()
    found = london.rows(
        "SELECT source.name, customer_id FROM mart.irf_user_data_gen_1 JOIN mart.interaction_resource_fact"
        " USING (tenant_key, start_date_time_key, interaction_resource_id) JOIN cfg.source USING (source_key)"
        " WHERE attempt_kind = 'queue' ORDER BY 1"
    )
    assert found == [{"name": "bristol", "customer_id": "C-17"}, {"name": "london", "customer_id": "C-17"}]


def test_an_agent_who_calls_an_agent_at_the_other_site_made_an_internal_call(pair: tuple[Switch, Switch]) -> None:
    london, bristol = pair
    london.member(-100, "PJSIP/101")
    london.call(0, "c1", "PJSIP/101")
    london.dial(1, "c1", "c2", "PJSIP/trunk")
    london.attach(1, "c2", "CALL_UUID", VALUE, "c1")
    bristol.member(-100, "PJSIP/201")
    bristol.call(1.2, "c1", "PJSIP/trunk")
    bristol.attach(1.3, "c1", "CALL_UUID", VALUE)
    bristol.dial(1.5, "c1", "c2", "PJSIP/201")
    for switch in pair:
        for channel in ("c1", "c2"):
            switch.up(4, channel, "c1")
            switch.end(30, channel, "c1")
        switch.hear()
    types = london.rows("SELECT interaction_type_key FROM mart.interaction_fact")
    assert types == [{"interaction_type_key": 3}]


def test_a_call_in_which_an_agent_only_waits_joins_nothing_also_when_that_turns_out_late(
    pair: tuple[Switch, Switch], mart: Mart
) -> None:
    london, bristol = pair
    london.call(0, "c1", "PJSIP/103")
    london.attach(0.5, "c1", "CALL_UUID", VALUE)
    go_on(bristol)
    london.hear()
    bristol.hear()
    assert len(interactions(london)) == 1
    london.say(1, Kind.AGENT_LOGIN, channel_id="c1", linked_id="c1", channel="PJSIP/103-00000001", member="Agent:103")
    london.hear()
    run_once(1, {1: mart.dsn})
    (left,) = interactions(london)
    assert (left["root"], left["parts"]) == ("bristol", ["bristol queue"])
