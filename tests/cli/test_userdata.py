"""userdata: keys are added, listed, ended and followed by rows that stand, on a mart at work."""

import json
from pathlib import Path

import pytest

from tests.across.calls import begin, go_on, interactions, two_switches
from tests.cli.conftest import Run
from tests.cli.test_collect import Sites
from tests.collect.live import eventually, replaying, rows
from tests.etl.story import Switch
from tests.support import Mart
from tests.userdata.calls import queue_call, words
from twinmart.etl.cycle import run_once

LONDON = Path(__file__).parents[1] / "across" / "samples" / "london.raw.gz"
SPAN = ("--from", "2026-11-22", "--to", "2026-11-23")


@pytest.fixture
def site(mart: Mart, monkeypatch: pytest.MonkeyPatch, twinmart: Run) -> Run:
    """The command, on a mart that runs already."""
    monkeypatch.setenv("TWINMART_SITE_1_DSN", mart.dsn)
    return twinmart


def test_row_78_keys_are_added_listed_and_ended(site: Run, mart: Mart) -> None:
    site("userdata", "list").is_as_in("userdata-list-none")
    to = ("--to", "irf_user_data_gen_1.customer_id")
    site("userdata", "add", "CUSTOMER_ID", *to, "--default", "nobody").is_as_in("userdata-add")
    site("userdata", "add", "CALL_UUID", "--link").is_as_in("userdata-add-link")
    site("userdata", "add", "CARD", "--mask", "--json").is_as_in("userdata-add-mask-json")
    site("userdata", "list").is_as_in("userdata-list")
    site("userdata", "remove", "CUSTOMER_ID").is_as_in("userdata-remove")
    site("userdata", "list", "--json").is_as_in("userdata-list-json")
    site("userdata", "remove", "CUSTOMER_ID").is_as_in("userdata-remove-again")
    # The column is free for another key, and the key itself may come back.
    assert site("userdata", "add", "Customer", *to).code == 0
    assert site("userdata", "add", "CUSTOMER_ID", "--to", "irf_user_data_cust_2.custom_data_16").code == 0
    assert mart.connect().execute("SELECT to_regclass('gim.irf_user_data_cust_2') IS NOT NULL").fetchone() == (True,)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("not-a-key", ["add", "what is this"]),
        ("secret", ["add", "CARD_PIN"]),
        ("hidden-link", ["add", "CALL_UUID", "--link", "--mask"]),
        ("unknown-source", ["add", "CALL_UUID", "--source", "nowhere"]),
        ("no-such-column", ["add", "Word", "--to", "irf_user_data_cust_1.custom_data_17"]),
        ("no-such-table", ["add", "Word", "--to", "irf_user_data_cust_801.custom_data_1"]),
        ("column-taken", ["add", "Word", "--to", "irf_user_data_gen_1.revenue"]),
        ("wrong-rule", ["add", "Word", "--to", "irf_user_data_gen_1.revenue", "--rule", "LAST"]),
        ("not-collected", ["remove", "Word"]),
        ("backwards", ["redo", "--from", "2026-11-23", "--to", "2026-11-22"]),
        ("no-date", ["redo", "--from", "yesterday", "--to", "2026-11-22"]),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(site: Run, mart: Mart, name: str, words: list[str]) -> None:
    site("userdata", "add", "Price", "--to", "irf_user_data_gen_1.revenue")
    before = site("userdata", "list").out
    site("userdata", *words).is_as_in(f"userdata-{name}")
    assert site("userdata", "list").out == before


def test_redo_has_rows_that_stand_follow_the_mapping_of_now(site: Run, mart: Mart) -> None:
    site("userdata", "add", "Word")
    switch = Switch(mart)
    queue_call(switch)
    switch.attach(3, "c1", "Word", "first")
    switch.hear()
    site("userdata", "add", "Word", "--to", "irf_user_data_cust_1.custom_data_1")
    switch.hear()
    assert words(switch) == {}
    site("userdata", "redo", *SPAN).is_as_in("userdata-redo")
    run_once(1, {1: mart.dsn})
    assert words(switch)["c2"] == "first"
    assert (
        json.loads(site("userdata", "redo", "--from", "2026-11-20", "--to", "2026-11-21", "--json").out)["calls"] == 0
    )


def test_redo_parts_calls_that_only_an_ended_key_joined_and_joins_them_again(site: Run, mart: Mart) -> None:
    london, bristol = two_switches(mart)
    begin(london)
    go_on(bristol)
    for switch in (london, bristol):
        switch.hear()
    assert len(interactions(london)) == 1
    site("userdata", "remove", "CALL_UUID")
    assert len(interactions(london)) == 1
    for change, count in (([], 2), (["add", "CALL_UUID", "--link"], 1)):
        if change:
            site("userdata", *change)
        site("userdata", "redo", *SPAN)
        run_once(1, {1: mart.dsn})
        assert len(interactions(london)) == count
        parts = london.rows("SELECT DISTINCT interaction_id FROM mart.interaction_resource_fact")
        assert len(parts) == count


def test_a_key_added_while_a_collector_runs_is_collected_from_then_on(tmp_path: Path, mart: Mart) -> None:
    sites = Sites(tmp_path, [mart])
    reading = mart.connect(autocommit=True)

    def values() -> list[tuple[object, ...]]:
        return [row for row in rows(reading, "idb_pbx_a", "event", "at kind target value") if row[1] == "user_data"]

    with replaying("--speed", "1.5", recording=LONDON) as port:
        sites.add(port)
        with sites.running("collect", "--collector", "pbx_a"):
            # The first call is over: the value that it carried was dropped unread.
            eventually(lambda: any(row[0] == "agent_complete" for row in rows(reading, "idb_pbx_a", "event", "kind")))
            assert values() == []
            assert sites.run("userdata", "add", "CALL_UUID").returncode == 0
            eventually(values, within_s=60)
    assert {(key, len(str(value))) for _, _, key, value in values()} == {("CALL_UUID", 32)}
