"""trace interaction: a call from its events to its facts, as people and programs get to read it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.across.calls import VALUE, begin, go_on, two_switches
from tests.cli.conftest import Result, Run
from tests.etl.story import Switch
from tests.report.calls import broken_call, hang_up, waiting_call, whole_call
from tests.support import Mart
from twinmart.cli.trace import _length
from twinmart.model.events import Kind

MASKS = (
    (r"\((?:\d+ (?:d|h|min|s) ?)+ago\)", "(SOME TIME ago)"),
    # When the load and the extraction took place; the call itself always does at the same time.
    (r"(?<=transform  )\d+ \w+ \d{4} [\d:.]+ UTC", "WHEN"),
    (r"(?<=_a  1  )\d+ \w+ \d{4} [\d:.]+ UTC", "WHEN"),
    (r"(?<=  )transform +(?=\d)", "transform  "),
)


@pytest.fixture
def switch(mart: Mart, twinmart: Run, monkeypatch: pytest.MonkeyPatch) -> Switch:
    """A switch whose mart is that of site 1 of the command's folder."""
    monkeypatch.setenv("TWINMART_SITE_1_DSN", mart.dsn)
    return Switch(mart)


def masked(result: Result) -> Result:
    out = result.out
    for pattern, mask in MASKS:
        out = re.sub(pattern, mask, out)
    return replace(result, out=out)


@pytest.mark.parametrize(
    ("name", "story", "options"),
    [
        ("trace", whole_call, ["c1"]),
        ("trace-all", whole_call, ["c3", "--all", "--site", "1"]),
        ("trace-discarded", broken_call, ["c9"]),
        ("trace-goes-on", waiting_call, ["c1", "--source", "pbx"]),
    ],
)
def test_a_call_is_told_from_its_events_to_its_facts(
    twinmart: Run, switch: Switch, name: str, story: Callable[[Switch], None], options: list[str]
) -> None:
    story(switch)
    switch.hear()
    masked(twinmart("trace", "interaction", *options)).is_as_in(name)


def test_any_key_on_the_page_leads_back_to_it(twinmart: Run, switch: Switch) -> None:
    whole_call(switch)
    switch.hear()
    page = masked(twinmart("trace", "interaction", "c1"))
    keys = set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", page.out))
    assert len(keys) == 1 + 1 + 3
    for key in keys:
        assert masked(twinmart("trace", "interaction", key)) == page


def test_what_is_in_no_fact_yet_says_what_to_do(twinmart: Run, switch: Switch) -> None:
    waiting_call(switch)
    switch.hear()
    switch.mart.execute("INSERT INTO gidb.touched_call SELECT source_key, 'c1', 9 FROM cfg.source")
    assert "news of batch 9 waits for the next load: twinmart etl" in twinmart("trace", "interaction", "c1").out
    switch.mart.execute("DELETE FROM gidb.interaction")
    out = twinmart("trace", "interaction", "c1").out
    assert out.startswith("interaction none  of source pbx\n  status  not in the facts yet\n")
    assert "visits" not in out.splitlines()


def test_the_line_of_a_waiting_agent_is_no_interaction(twinmart: Run, switch: Switch) -> None:
    switch.call(0, "c7", "PJSIP/101")
    switch.say(1, Kind.AGENT_LOGIN, channel_id="c7", linked_id="c7", channel="PJSIP/101-00000007", member="Agent:1001")
    switch.hear()
    out = twinmart("trace", "interaction", "c7").out
    assert "no interaction: the line on which Agent:1001 waits for work" in out
    assert "Agent:1001 logs in and stays on the line" in out


def test_times_after_midnight_have_their_day(twinmart: Run, switch: Switch) -> None:
    night = 15 * 3600 - 30  # 23:59:30
    switch.call(night, "c1", "PJSIP/trunk")
    hang_up(switch, night + 60, "c1")
    switch.hear()
    lines = twinmart("trace", "interaction", "c1").out.splitlines()
    assert any(line.startswith("  23:59:30.000  +0.000  channel_start") for line in lines)
    assert any(line.startswith("  23 Nov 00:00:30.000  +60.000  channel_end") for line in lines)


def test_what_a_caller_sent_does_not_reach_the_terminal(twinmart: Run, switch: Switch) -> None:
    switch.call(0, "c1", "PJSIP/trunk", number="\x1b[2J555\nstatus ended")
    switch.hear()
    result = twinmart("trace", "interaction", "c1")
    assert "\x1b" not in result.out
    assert "from  �[2J555�status ended to 8001, inbound" in result.out
    assert not [line for line in result.out.splitlines() if line.startswith("status")]
    assert json.loads(twinmart("trace", "interaction", "c1", "--json").out)["events"][0]["number"].startswith("\x1b")


def test_an_id_of_nothing_or_of_two_calls_is_an_error(twinmart: Run, switch: Switch, mart: Mart) -> None:
    twinmart("trace", "interaction", "c1").is_as_in("trace-unknown")
    whole_call(switch)
    switch.hear()
    twinmart("trace", "interaction", "c1", "--source", "other").is_as_in("trace-unknown-there")
    other = Switch(mart, "other")
    waiting_call(other)
    other.hear()
    twinmart("trace", "interaction", "c1").is_as_in("trace-ambiguous")
    error = json.loads(twinmart("trace", "interaction", "c77", "--json").err)["error"]
    assert error["code"] == "TM130"


def test_programs_get_all_of_it(twinmart: Run, switch: Switch) -> None:
    whole_call(switch)
    switch.hear()
    found = json.loads(twinmart("trace", "interaction", "c4", "--json").out)
    assert (found["v"], found["id"], found["site"], found["source"]) == (1, "c4", 1, "pbx")
    assert found["status"] == ["ended"]
    assert [channel["name"] for channel in found["channels"]][:2] == ["PJSIP/trunk", "PJSIP/101"]
    counts = {name: len(found[name]) for name in ("events", "visits", "parts", "states", "loads", "batches")}
    assert counts == {"events": 24, "visits": 1, "parts": 3, "states": 6, "loads": 1, "batches": 1}
    assert found["interaction"]["fact"]["media_server_root_ixn_guid"] == "c1"
    assert found["parts"][2]["fact"]["customer_hold_duration_ms"] == 5_000
    assert [fact for event in found["events"] for fact in event["facts"]][:2] == [
        "interaction begins", "visit 1 begins"
    ]  # fmt: skip
    assert {"event_id", "at", "says", "name", "batch", "detail"} <= found["events"][0].keys()


def test_a_mart_that_must_be_migrated_is_refused(twinmart: Run, switch: Switch) -> None:
    switch.mart.execute("DELETE FROM ops.schema_version WHERE version = (SELECT max(version) FROM ops.schema_version)")
    assert twinmart("trace", "interaction", "c1", "--site", "1").code == 3


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(hours=1, seconds=5), "1 h 5 s"),
        (timedelta(days=3, hours=2, minutes=5), "3 d 2 h"),
        (timedelta(seconds=-5), "0 s"),
    ],
)
def test_a_span_is_told_in_two_units(span: timedelta, text: str) -> None:
    assert _length(span) == text


def test_an_interaction_on_two_switches_is_told_with_both_parts_whichever_is_asked_for(
    twinmart: Run, mart: Mart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWINMART_SITE_1_DSN", mart.dsn)
    london, bristol = two_switches(mart)
    begin(london)
    go_on(bristol)
    london.hear()
    bristol.hear()
    page = masked(twinmart("trace", "interaction", "c1", "--source", "london"))
    page.is_as_in("trace-across")
    assert masked(twinmart("trace", "interaction", "c1", "--source", "bristol")) == page
    for key in set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=\n)", page.out)) - {VALUE}:
        assert masked(twinmart("trace", "interaction", key)) == page
    found = json.loads(twinmart("trace", "interaction", "c1", "--source", "london", "--json").out)
    assert (found["source"], found["calls"]) == ("london", ["c1", "bristol:c1"])
    assert [part["source"] for part in found["parts"]] == ["london", "london", "bristol"]
    assert {event["source"] for event in found["events"]} == {"london", "bristol"}


def test_a_row_of_an_agents_session_is_followed_to_its_loads_and_events(twinmart: Run, switch: Switch) -> None:
    switch.member(0, "PJSIP/100")
    switch.hear()
    ((key, audit_key),) = switch.mart.execute(
        "SELECT sm_res_session_fact_key, create_audit_key FROM mart.sm_res_session_fact"
    ).fetchall()
    told = json.loads(twinmart("trace", "fact", str(key), "--json").out)
    assert (told["v"], told["table"], told["row"]["sm_res_session_fact_key"]) == (1, "sm_res_session_fact", str(key))
    assert [load["audit_key"] for load in told["loads"]] == [audit_key]
    assert [one["collector"] for one in told["extractions"]] == ["pbx_a"]
    page = twinmart("trace", "fact", str(key))
    assert page.code == 0
    for event in told["events"]:
        assert event["event_id"] in page.out
    for title in ("loads", "extractions", "events"):
        assert f"\n{title}\n" in page.out
    refused = twinmart("trace", "fact", "nothing")
    assert (refused.code, "TM130" in refused.err) == (2, True)
