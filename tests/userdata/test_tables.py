"""Rows 78, 79 and 82: tables and dimensions of user data, added while calls go on, and what does not fit."""

from decimal import Decimal

import pytest

from tests.etl.story import Switch
from tests.support import Mart
from tests.userdata.calls import collect, mapped, queue_call, set_option, words
from twinmart.model.events import Kind


@pytest.fixture
def switch(mart: Mart) -> Switch:
    return Switch(mart)


@pytest.mark.parametrize(
    ("told", "stored"),
    [("12.345", "12.35"), (" -7 ", "-7.00"), ("999999999999999.999", "1000000000000000.00"), ("much", None),
     ("1e9", None), ("NaN", None), ("1,5", None), ("9" * 16, None), ("", None), ("x" * 1024, None)],
)  # fmt: skip
def test_row_78_what_is_no_number_breaks_nothing(switch: Switch, told: str, stored: str | None) -> None:
    mapped(switch, "Price", "irf_user_data_gen_1.revenue")
    mapped(switch, "Rate", "irf_user_data_gen_1.satisfaction")
    switch.attach(1, "c1", "Price", told or None)
    switch.attach(1, "c1", "Rate", "5")
    queue_call(switch)
    assert switch.hear().interactions == 1
    (row,) = switch.rows("SELECT * FROM mart.irf_user_data_gen_1")
    assert row["revenue"] == (None if stored is None else Decimal(stored))
    assert row["satisfaction"] == 5
    discards = switch.rows("SELECT ud_key_name, value FROM mart.irf_user_data_discard")
    expected = [] if stored is not None or not told else [{"ud_key_name": "Price", "value": told[:80]}]
    assert discards == expected


def test_row_79_a_dimension_has_one_member_for_the_same_values(switch: Switch) -> None:
    mapped(switch, "Word", "user_data_cust_dim_2.dim_attribute_1")
    mapped(switch, "Rate", "user_data_cust_dim_2.dim_attribute_5")
    mapped(switch, "Segment", "interaction_descriptor.customer_segment")
    for key, value in (("Word", "red|blue"), ("Rate", "5"), ("Segment", "gold")):
        switch.attach(1, "c1", key, value)
    queue_call(switch)
    switch.hear()
    members = switch.rows(
        "SELECT dim_no, dim_attribute_1, dim_attribute_2, dim_attribute_5 FROM mart.user_data_cust_dim"
    )
    assert members == [{"dim_no": 2, "dim_attribute_1": "red|blue", "dim_attribute_2": "none", "dim_attribute_5": "5"}]
    (keys,) = switch.rows(
        "SELECT custom_keys[1] AS first, custom_keys[2] = member.id AS is_second, customer_segment"
        " FROM mart.irf_user_data_keys JOIN mart.interaction_descriptor USING (interaction_descriptor_key)"
        " CROSS JOIN mart.user_data_cust_dim AS member"
    )
    assert keys == {"first": None, "is_second": True, "customer_segment": "gold"}


def test_row_79_a_key_that_is_added_while_calls_go_on_touches_no_older_row(switch: Switch) -> None:
    mapped(switch, "Word", "irf_user_data_cust_1.custom_data_1")
    switch.attach(1, "c1", "Word", "old")
    switch.attach(1, "c1", "Rate", "7")
    queue_call(switch)
    switch.hear()
    before = switch.rows("SELECT * FROM mart.irf_user_data_cust")
    mapped(switch, "Rate", "irf_user_data_cust_7.custom_data_16")
    switch.call(1000, "c21", "PJSIP/line")
    switch.attach(1001, "c21", "Rate", "9")
    switch.end(1010, "c21")
    switch.hear()
    assert switch.rows("SELECT * FROM mart.irf_user_data_cust WHERE table_no = 1") == before
    assert words(switch, "custom_data_16", 7) == {"c21": "9"}
    # News of the older call has it computed anew, by the mapping of today.
    switch.attach(2000, "c1", "Rate", "7", None)
    switch.hear()
    assert words(switch, "custom_data_16", 7) == {"c21": "9", "c2": "7"}


def test_row_82_the_special_members_are_there(switch: Switch) -> None:
    found = switch.rows(
        "SELECT interaction_descriptor_key AS key, customer_segment FROM mart.interaction_descriptor ORDER BY 1"
    )
    assert found == [{"key": -2, "customer_segment": "NO_VALUE"}, {"key": -1, "customer_segment": "UNKNOWN"}]


def test_row_78_stays_in_queues_carry_values_where_that_is_asked_for(switch: Switch) -> None:
    set_option(switch, "gim-etl", "link-msf-userdata", "true")
    mapped(switch, "Word", "irf_user_data_cust_1.custom_data_1")
    mapped(switch, "Rate", "irf_user_data_cust_1.custom_data_2", "PARTY")
    collect(switch, "Word", "Rate")
    switch.attach(0.5, "c1", "Word", "early")
    queue_call(switch)
    switch.attach(30, "c1", "Word", "late")
    switch.attach(30, "c2", "Rate", "9", "c1")
    switch.say(40, Kind.USER_EVENT, channel_id="c1", linked_id="c1", target="Noise")
    switch.hear()
    found = switch.rows(
        "SELECT data.custom_data_1, data.custom_data_2 FROM mart.irf_user_data_cust AS data"
        " JOIN mart.mediation_segment_fact AS segment ON segment.mediation_segment_id = data.interaction_resource_id"
        " AND is_segment"
    )
    assert found == [{"custom_data_1": "early", "custom_data_2": "9"}]
