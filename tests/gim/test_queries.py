"""Reports that people wrote for the original run unchanged with the search path at ``gim``, and say what happened.

What each must answer is computed by hand from the day that ``story`` tells, never from the mart.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import Event as Signal
from typing import Any

import pytest

from tests.etl.story import DAWN, Switch
from tests.gim.story import tell
from tests.support import Mart, MartServer
from twinmart.aggregate.job import aggregate
from twinmart.config.store import Store
from twinmart.config.userdata import add_key

FOLDER = Path(__file__).parent / "queries"
NINE = int(DAWN.timestamp())
ANN, BEA = "PJSIP/101", "PJSIP/102"

ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "agent_customer_talk": [("101", 206), ("102", 30)],
    "agent_handled": [("101", 3), ("102", 1)],
    "agent_hour_aggregate": [("101", 2, 2, 116), ("102", 1, 1, 30)],
    "agent_interaction_states": [("101", 206), ("102", 30)],
    "agent_lunch": [("102", "Lunch", 300)],
    "agent_rings": [("101", 5), ("102", 8)],
    "agent_segment_hour": [("101", "NO_VALUE", 1, 90), ("101", "gold", 2, 116), ("102", "gold", 1, 30)],
    "agent_sessions": [("101", NINE - 100, None, 1), ("102", NINE - 100, None, 1)],
    "agent_state_totals": [("101", "Busy", 216), ("102", "Busy", 30), ("102", "NotReady", 300)],
    "anchors": [("5551", "101"), ("5553", "102"), ("101", "101")],
    "audit": [(4,)],
    "average_speed_of_answer": [("sales", Decimal(7))],
    "abandon_delay": [("sales", 8, "AbandonedWhileQueued")],
    "campaigns": [(0,)],
    "colours": [("red", 1), ("white", 5)],
    "customers": [("C-1", Decimal("10.50"), 60)],
    "group_combinations": [("sales", 4)],
    "extracted_sources": [("pbx", "pbx_a", "ICON_CORE", True)],
    "groups": [("sales", "101"), ("sales", "102")],
    "hours": [(9, 4)],
    "intervals": [(NINE, 1), (NINE + 900, 1), (NINE + 1800, 1), (NINE + 2700, 1)],
    "interaction_flow": [(1, "102", "Transferred", "Received"), (2, "101", "Completed", "ReceivedTransfer")],
    "interaction_volume_segment": [("NO_VALUE", 1, 1, 0), ("gold", 2, 2, 0), ("silver", 1, 0, 1)],
    "interactions_by_type": [("INBOUND", 3), ("OUTBOUND", 1)],
    "mapping": [
        ("Colour", "user_data_cust_dim_1", "dim_attribute_1", "IRF_INITIAL", "white"),
        ("CustomerId", "irf_user_data_gen_1", "customer_id", "CALL", None),
        ("Note", "irf_user_data_cust_1", "custom_data_3", "PARTY", None),
        ("Revenue", "irf_user_data_gen_1", "revenue", "CALL", None),
        ("Segment", "interaction_descriptor", "customer_segment", "CALL", None),
    ],
    "media": [("VOICE", 4)],
    "notes": [("101", "after the call")],
    "purges": [(0,)],
    "queue_day_aggregate": [("sales", 3, 2, 1)],
    "queue_totals": [("sales", 3, 2, 1)],
    "segments": [("NO_VALUE", 2), ("gold", 3), ("silver", 1)],
    "service_level": [("sales", Decimal(50))],
    "speed_buckets": [("sales", 1, 1)],
    "transfers": [("102", 1)],
}


@pytest.fixture(scope="module")
def day(server: MartServer) -> Iterator[Mart]:
    """A mart that heard the day, aggregates and all."""
    fresh = server.new_mart()
    tell(Switch(fresh))
    aggregate(1, {1: fresh.dsn}, stop=Signal())
    yield fresh
    server.drop(fresh)


def test_every_query_has_its_answer_and_there_are_enough() -> None:
    assert {path.stem for path in FOLDER.glob("*.sql")} == set(ANSWERS)
    assert len(ANSWERS) >= 25


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_a_query_of_an_existing_customer_runs_unchanged(day: Mart, name: str) -> None:
    with day.connect() as connection:
        connection.execute("SET search_path = gim")
        found = connection.execute((FOLDER / f"{name}.sql").read_bytes()).fetchall()
    assert found == ANSWERS[name]


def test_row_79_a_table_that_is_added_at_run_time_has_its_view_at_once(day: Mart) -> None:
    with day.connect() as connection:
        for column in ("irf_user_data_cust_3.custom_data_1", "user_data_cust_dim_4.dim_attribute_2"):
            add_key(Store(connection, author="test"), "Later", to=column)
        counted = connection.execute(
            "SELECT count(*), count(custom_data_1), min(keys.custom_key_4), min(dim.dim_attribute_2)"
            " FROM gim.irf_user_data_cust_3 JOIN gim.irf_user_data_keys AS keys USING (interaction_resource_id)"
            " JOIN gim.user_data_cust_dim_4 AS dim ON dim.id = keys.custom_key_4"
        ).fetchone()
        assert counted == (6, 0, -2, "NO_VALUE")
        connection.rollback()
