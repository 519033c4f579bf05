"""Row 78: which values a switch tells become events, and which never leave the stream."""

import gzip
from pathlib import Path

from tests.support import Mart
from twinmart.collect.asterisk.translate import Batch, Translator
from twinmart.collect.asterisk.userdata import MASK, Keys
from twinmart.collect.backfill import backfill_file
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.config.store import Store
from twinmart.config.userdata import add_key
from twinmart.model.events import Event, Kind

NOW_US = 1_795_336_800_000_000


def message(name: str, *lines: str, channel: bool = True) -> bytes:
    """Return a message of the manager interface as it stands in the stream."""
    of_channel = ("Channel: PJSIP/101-00000002", "Uniqueid: c2", "Linkedid: c1") if channel else ()
    return "\r\n".join((f"Event: {name}", "Timestamp: 1795336698.655250", *of_channel, *lines)).encode()


def told(*messages: bytes, keys: dict[str, bool]) -> Batch:
    return Translator("pbx", keys=Keys(keys)).translate(messages, NOW_US)


def values(events: list[Event]) -> list[tuple[str | None, str | None, str | None, str | None]]:
    return [(one.channel_id, one.target, one.value, one.reason) for one in events if one.kind is Kind.USER_DATA]


def test_row_78_only_variables_that_are_configured_are_collected() -> None:
    batch = told(
        message("VarSet", "Variable: Customer", "Value: C-17"),
        message("VarSet", "Variable: __Inherited", "Value: down"),
        message("VarSet", "Variable: PIN", "Value: 1234"),
        message("VarSet", "Variable: Customer", "Value: "),
        message("VarSet", "Variable: Customer", "Value: of no channel", channel=False),
        keys={"Customer": False, "Inherited": False},
    )
    assert values(batch.events) == [
        ("c2", "Customer", "C-17", "variable"),
        ("c2", "Inherited", "down", "variable"),
        ("c2", "Customer", None, "variable"),
    ]
    assert len(batch.events) == 3
    assert batch.events[0].linked_id == "c1"


def test_row_78_variables_listed_in_events_and_keys_of_user_events_are_collected_too() -> None:
    batch = told(
        message("Hangup", "ChanVariable: Customer=C=17", "ChanVariable: Other=x", "Cause: 16"),
        message(
            "BridgeEnter", "BridgeUniqueid: b1", "BridgeNumChannels: 1", "BridgeType: basic",
            "ChanVariable: Customer=C=17",
        ),
        message("UserEvent", "UserEvent: AfterCall", "Disposition: sold", "Comment: secret words"),
        keys={"Customer": False, "Disposition": False},
    )  # fmt: skip
    assert values(batch.events) == [
        ("c2", "Customer", "C=17", "channelvars"),
        ("c2", "Customer", "C=17", "channelvars"),
        ("c2", "Disposition", "sold", "user-event"),
    ]
    assert {event.kind for event in batch.events} >= {Kind.CHANNEL_END, Kind.BRIDGE_ENTER, Kind.USER_EVENT}


def test_row_78_a_hidden_value_is_nowhere_in_what_is_stored() -> None:
    batch = told(
        message("VarSet", "Variable: Card", "Value: 4111111111111111"),
        message("UserEvent", "UserEvent: Paid", "Card: 4111111111111111"),
        keys={"Card": True},
    )
    assert values(batch.events) == [("c2", "Card", MASK, "variable"), ("c2", "Card", MASK, "user-event")]
    assert "4111" not in repr(batch)


def test_row_78_both_twins_and_a_variable_that_we_need_ourselves() -> None:
    status = message("VarSet", "Variable: QUEUESTATUS", "Value: TIMEOUT")
    keys = {"QUEUESTATUS": False}
    one, other = told(status, keys=keys), told(status, keys=keys)
    assert one.events == other.events
    assert [event.kind for event in one.events] == [Kind.USER_DATA, Kind.QUEUE_STATUS]
    assert told(status, keys={}).events == [one.events[1]]
    assert len({event.event_id for event in one.events}) == 2


def test_row_78_values_of_any_length_and_bytes_do_no_harm() -> None:
    batch = told(
        message("VarSet", "Variable: Customer", "Value: " + "x" * 5000),
        message("VarSet", "Variable: Customer", "Value: \0"),
        message("VarSet", "Variable: Customer", "Value: ") + b"\xff",
        message("VarSet"),
        b"Event: VarSet",
        message("UserEvent", "Customer: 1", "Customer: 2"),
        keys={"Customer": False},
    )
    assert [value for _, _, value, _ in values(batch.events)] == ["x" * 1024, "\ufffd", "\ufffd", "1"]


def test_row_78_a_recording_gives_its_values_when_it_is_loaded_again_with_the_key(mart: Mart, scratch: Path) -> None:
    path = scratch / "some.raw.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(b"Asterisk Call Manager/11.0.0\r\n")
        stream.write(message("Newchannel", "ChannelStateDesc: Ring") + b"\r\n\r\n")
        stream.write(message("VarSet", "Variable: Customer", "Value: C-17") + b"\r\n\r\n")
    connection = mart.connect(autocommit=True)
    collector = ensure_collector(connection, ensure_source(connection, "pbx"), site=1)
    assert backfill_file(connection, collector.idb_schema, "pbx", path).new_events == 1
    add_key(Store(connection, author="test"), "Customer")
    assert backfill_file(connection, collector.idb_schema, "pbx", path).new_events == 1
