"""What a switch says becomes our events: message by message, whatever came before, and whatever is wrong with it."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.collect.messages import AT, NOW_US, SECOND, answer, message, only, said, translated
from twinmart.collect.asterisk.rules import RULES
from twinmart.collect.asterisk.translate import Translator
from twinmart.collect.asterisk.wire import Messages, TooLong
from twinmart.collect.backfill import recorded_chunks
from twinmart.model.events import Event, Kind

SAMPLE = Path(__file__).parents[1] / "samples" / "small.raw.gz"

CALLER = {"Channel": "PJSIP/trunk-1", "Uniqueid": "pbx-1.1", "Linkedid": "pbx-1.1", "CallerIDNum": "5500001"}
CALLER_COLUMNS = {"channel": "PJSIP/trunk-1", "channel_id": "pbx-1.1", "linked_id": "pbx-1.1"}


@pytest.mark.parametrize(
    "dropped",
    [
        message("Newstate", **CALLER, ChannelStateDesc="Ring"),
        message("VarSet", **CALLER, Variable="QUEUESTATUS", Value=""),
        message("VarSet", **CALLER, Variable="MYQUEUESTATUS", Value="FULL"),
        message("Newexten", **CALLER, Application="Dial", AppData="Queue"),
        message("CEL", EventName="APP_END", Application="Queue", UniqueID="pbx-1.1"),
        message("RTCPSent", **CALLER),
        message("NobodyKnowsThis"),
        b"Event: Lonely",
    ],
)
def test_what_says_nothing_to_us_is_dropped_and_counted_by_name(dropped: bytes) -> None:
    translator = Translator("pbx")
    batch = translator.translate([dropped], NOW_US)
    assert (batch.events, batch.bad) == ([], [])
    assert sum(translator.dropped.values()) == 1


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (message("Hangup", Cause="16"), "missing-key: Uniqueid"),
        (message("QueueCallerJoin", **CALLER), "missing-key: Queue"),
        (message("Hangup", None, **CALLER), "no-time"),
        (message("Hangup", 1.5, **CALLER), "impossible-time"),
        (message("Hangup", NOW_US / 1e6 + 90_000, **CALLER), "impossible-time"),
        (message("Hangup", **CALLER).replace(b"17953367", b"\xd9\xa1795336"), "impossible-time"),
        (message("Hangup", **CALLER).replace(b"17953367", b"-7953367"), "impossible-time"),
        (b"rubbish", "not-a-message"),
        (b"\xff\xfe\x00", "not-a-message"),
        (b"event: Hangup", "not-a-message"),
        (TooLong(b"Event: Hangup\r\nUniqueid: x"), "too-long"),
    ],
)
def test_a_broken_message_is_kept_aside_with_the_reason_and_the_stream_goes_on(broken: bytes, reason: str) -> None:
    batch = translated(message("Hold", **CALLER), broken, message("Unhold", **CALLER))
    assert [event.kind for event in batch.events] == [Kind.HOLD_START, Kind.HOLD_END]
    assert batch.bad == [(reason, broken)]


@pytest.mark.parametrize(("raw", "reason"), [(b"caf\xe9", "not-utf8"), (b"a\x00b", "nul")])
def test_text_that_cannot_be_stored_is_replaced_and_the_original_kept(raw: bytes, reason: str) -> None:
    told = message("Hold", **CALLER).replace(b"PJSIP/trunk-1", raw)
    batch = translated(told)
    assert batch.bad == [(reason, told)]
    (event,) = batch.events
    assert "\ufffd" in str(event.channel)
    assert "\0" not in str(event.channel)


def test_of_a_key_that_stands_twice_the_switchs_own_counts() -> None:
    lying = message("UserEvent", **CALLER, UserEvent="X") + b"\r\nUniqueid: pbx-6.6\r\nTimestamp: 12.0\r\nno key here"
    assert (only(lying).channel_id, only(lying).at) == ("pbx-1.1", AT)


def test_a_message_cut_off_by_the_end_of_the_stream_is_kept_aside() -> None:
    translator = Translator("pbx")
    assert translator.finish(b"Event: Han").bad == [("cut-off", b"Event: Han")]


def test_twins_and_later_sessions_compute_the_same_identity_and_other_sources_another() -> None:
    told = message("Hold", **CALLER)
    (first,), (second,), (other,) = (translated(told, source=name).events for name in ("pbx", "pbx", "branch"))
    assert first == second
    assert first.event_id != other.event_id


def test_microseconds_are_exact() -> None:
    told = message("Hold", **CALLER).replace(b".500000", b".999999")
    assert only(told).at.microsecond == 999_999
    assert only(told.replace(b".999999", b".000001")).at.microsecond == 1
    assert only(told.replace(b".999999", b".25")).at.microsecond == 250_000


# --- lists ------------------------------------------------------------------------------------------------------------


def row(name: str, action: str = "q-1", **fields: str) -> bytes:
    return message(name, None, ActionID=action, **fields)


def listed(
    *rows: bytes, action: str = "q-1", end: str = "QueueStatusComplete", items: int | None = None
) -> list[bytes]:
    count = str(len(rows) if items is None else items)
    return [
        answer(action, EventList="start"),
        *rows,
        row(end, action, EventList="Complete", ListItems=count),
    ]


QUEUE = row("QueueParams", Queue="sales", Max="5", Strategy="rrmemory", ServiceLevel="20", Weight="0")
SEEN = row("QueueMember", Queue="sales", Name="Dan", Location="PJSIP/a104", Paused="0", Membership="static")
WAITING = row("QueueEntry", Queue="sales", Uniqueid="pbx-1.1", Channel="PJSIP/trunk-1", CallerIDNum="55", Wait="7")
PING = answer("p-1", Ping="Pong", Timestamp=f"{SECOND}.500000")


def test_a_whole_list_of_queues_is_told_row_by_row_and_as_a_snapshot() -> None:
    events = translated(PING, *listed(QUEUE, SEEN, WAITING)).events
    assert [said(event) for event in events] == [
        {"at": AT, "kind": Kind.QUEUE_SEEN, "queue": "sales"}
        | {"detail": {"max": 5, "servicelevel": 20, "weight": 0, "strategy": "rrmemory"}},
        {"at": AT, "kind": Kind.MEMBER_SEEN, "queue": "sales", "member": "PJSIP/a104", "target": "Dan"}
        | {"value": "0", "number": "static"},
        {"at": AT, "kind": Kind.QUEUE_CALLER_SEEN, "queue": "sales", "channel_id": "pbx-1.1", "number": "55"}
        | {"channel": "PJSIP/trunk-1", "value": "7"},
        {"at": AT, "kind": Kind.MEMBER_SNAPSHOT, "detail": {"members": [["sales", "PJSIP/a104"]]}},
    ]


def test_a_whole_list_of_channels_is_a_snapshot_too() -> None:
    told = row("CoreShowChannel", **CALLER, Exten="8001", Duration="01:02:03", BridgeId="b-1", Application="Queue")
    seen, snapshot = translated(PING, *listed(told, end="CoreShowChannelsComplete")).events
    assert said(seen) == {"at": AT, "kind": Kind.CHANNEL_SEEN, **CALLER_COLUMNS, "bridge_id": "b-1"} | {
        "number": "5500001",
        "target": "8001",
        "detail": {"application": "Queue", "duration_s": 3723},
    }
    assert said(snapshot) == {"at": AT, "kind": Kind.CHANNEL_SNAPSHOT, "detail": {"channels": ["pbx-1.1"]}}


def test_agents_of_the_pool_are_seen() -> None:
    told = row("Agents", Agent="302", Name="Will", Status="AGENT_IDLE", LoggedInChan="PJSIP/a302-0")
    assert said(translated(PING, told).events[0]) == {"at": AT, "kind": Kind.AGENT_SEEN, "member": "Agent:302"} | {
        "target": "Will",
        "value": "AGENT_IDLE",
        "channel": "PJSIP/a302-0",
    }


@pytest.mark.parametrize(
    "messages",
    [
        listed(QUEUE, SEEN, items=3),
        listed(QUEUE, SEEN)[1:],
        listed(QUEUE, row("QueueMember", Queue="sales")),
        [*listed(QUEUE, row("QueueParams", Queue="billing"))[:-1], *listed(QUEUE, SEEN, action="q-2")],
    ],
    ids=["a row is missing", "its beginning was not seen", "a row is broken", "it has not ended"],
)
def test_a_list_that_was_not_seen_whole_is_no_snapshot(messages: list[bytes]) -> None:
    kinds = [event.kind for event in translated(PING, *messages).events]
    assert Kind.QUEUE_SEEN in kinds
    assert Kind.MEMBER_SNAPSHOT not in kinds


def test_a_list_of_one_queue_among_several_is_no_snapshot() -> None:
    both = listed(QUEUE, row("QueueParams", Queue="billing"), SEEN)
    one = listed(row("QueueParams", "q-2", Queue="billing"), action="q-2")
    kinds = [event.kind for event in translated(PING, *both, *one).events]
    assert kinds.count(Kind.MEMBER_SNAPSHOT) == 1


def test_of_lists_that_we_asked_for_only_those_of_all_queues_are_snapshots() -> None:
    translator = Translator("pbx", asked_for_all="QueueStatus-")
    asked = listed(row("QueueParams", "QueueStatus-3", Queue="sales"), action="QueueStatus-3")
    other = listed(row("QueueParams", "one-4", Queue="sales"), action="one-4")
    kinds = [event.kind for event in translator.translate([PING, *asked, *other], NOW_US).events]
    assert kinds.count(Kind.MEMBER_SNAPSHOT) == 1


def test_rows_that_come_before_any_time_wait_for_the_first() -> None:
    early = translated(SEEN, PING).events
    assert [(event.kind, event.at) for event in early] == [(Kind.MEMBER_SEEN, AT)]
    assert translated(SEEN).bad == [("no-clock", SEEN)]


def test_the_clock_of_a_row_is_that_of_the_newest_message_even_of_one_that_was_dropped() -> None:
    assert translated(PING, message("RTCPSent", SECOND + 9), SEEN).events[0].at.second == AT.second + 9
    assert translated(message("Hold", SECOND + 3, **CALLER), PING, SEEN).events[1].at.second == AT.second + 3


def test_a_clock_that_was_set_back_is_followed() -> None:
    ahead, back = message("Hold", SECOND + 3000, **CALLER), message("Hold", SECOND + 7, **CALLER)
    assert translated(ahead, back, SEEN).events[-1].at.second == AT.second + 7


def test_the_same_row_at_another_time_is_another_event() -> None:
    later = answer("p-2", Ping="Pong", Timestamp=f"{SECOND + 300}.0")
    first, second = translated(PING, SEEN, later, SEEN).events
    assert first.event_id != second.event_id


# --- the start of the switch ------------------------------------------------------------------------------------------

BOOTED = b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: %d\r\nStatus: Fully Booted"


def status(told: str) -> bytes:
    date, clock = told.split()
    return answer("s-1", CoreStartupDate=date, CoreStartupTime=clock)


@pytest.mark.parametrize("offset_minutes", [0, 60, -300, 345, 765])
def test_the_start_of_the_switch_is_told_in_utc_whatever_its_zone(offset_minutes: int) -> None:
    start = SECOND - 4000
    local = datetime.fromtimestamp(start + offset_minutes * 60, UTC).strftime("%Y-%m-%d %H:%M:%S")
    event = only(BOOTED % 4001, PING, status(local))
    assert (event.kind, event.at) == (Kind.SWITCH_BOOT, datetime.fromtimestamp(start, UTC))
    later = answer("p-1", Ping="Pong", Timestamp=f"{SECOND + 777}.5")
    assert only(BOOTED % 4778, later, status(local)) == event


def test_without_a_told_start_the_age_alone_decides() -> None:
    event = only(BOOTED % 4000, PING)
    assert (event.kind, event.at) == (Kind.SWITCH_BOOT, datetime.fromtimestamp(SECOND - 4000, UTC))


def test_a_start_that_contradicts_the_age_is_not_believed() -> None:
    assert translated(BOOTED % 4000, PING, status("2026-11-22 03:21:00")).events == []


def test_without_an_age_there_is_no_start() -> None:
    assert translated(PING, status("2026-11-22 03:21:00")).events == []


# --- properties -------------------------------------------------------------------------------------------------------


def everything(chunks: Iterable[bytes]) -> tuple[list[Event], int]:
    messages, translator, events = Messages(), Translator("pbx"), list[Event]()
    for chunk in chunks:
        events += translator.translate(messages.feed(chunk), time.time_ns() // 1000).events
    events += translator.finish(messages.rest).events
    return events, translator.messages


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=30))
@settings(max_examples=10, deadline=None)
def test_a_recording_gives_the_same_events_however_it_is_cut(sizes: list[int]) -> None:
    data = b"".join(recorded_chunks(SAMPLE))[:300_000]
    pieces: list[bytes] = []
    place = 0
    while place < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[place : place + size])
        place += size
    assert everything(pieces) == everything([data])


def test_order_matters_to_no_timed_event() -> None:
    data = b"".join(recorded_chunks(SAMPLE)).split(b"\r\n\r\n")
    timed = [one for one in data if b"\r\nTimestamp: " in one]
    forth = {event.event_id for event in translated(*timed).events}
    assert forth == {event.event_id for event in translated(*reversed(timed)).events}
    assert len(forth) > 1000


NAMES = st.sampled_from([name.decode() for name in RULES] + ["FullyBooted", "QueueStatusComplete", "X"])
KEYS = st.sampled_from(
    ["Timestamp", "Uniqueid", "Queue", "Interface", "ActionID", "ListItems", "Agent", "Duration", "Uptime", "Channel"]
)
VALUES = st.text(max_size=20) | st.sampled_from(["", "1795336700.5", "٣", "1" * 30, "-1", "nan", "sales", "\0", "\\N"])
FIELDS = st.lists(st.tuples(KEYS | st.text(max_size=5), VALUES), max_size=12)


@given(st.lists(st.tuples(NAMES, FIELDS), max_size=8), st.binary(max_size=200))
def test_no_message_is_too_strange(strange: list[tuple[str, list[tuple[str, str]]]], noise: bytes) -> None:
    messages = [
        "\r\n".join([f"Event: {name}", *(f"{key}: {value}" for key, value in fields)]).encode(errors="replace")
        for name, fields in strange
    ]
    batch = translated(PING, *messages, noise or b"x", b"Response: " + noise)
    for event in batch.events:
        assert event.at.tzinfo is UTC
        assert event.kind in Kind
        assert all(text is None or "\0" not in text for text in event[3:])
        assert event.detail is None or json.loads(event.detail) is not None


def test_names_of_dropped_messages_do_not_fill_the_memory() -> None:
    translator = Translator("pbx")
    translator.translate([b"Event: %d\r\nA: b" % number for number in range(5000)], NOW_US)
    assert len(translator.dropped) < 1100
    assert sum(translator.dropped.values()) == 5000
