"""Which message becomes which event, column by column: written by hand, from what Asterisk sends."""

import pytest

from tests.collect.messages import AT, SECOND, message, only, said
from twinmart.collect.asterisk.rules import RULES
from twinmart.model.events import Kind

CALLER = {"Channel": "PJSIP/trunk-1", "Uniqueid": "pbx-1.1", "Linkedid": "pbx-1.1", "CallerIDNum": "5500001"}
CALLER_COLUMNS = {"channel": "PJSIP/trunk-1", "channel_id": "pbx-1.1", "linked_id": "pbx-1.1"}
AGENT = {"DestChannel": "PJSIP/a104-7", "DestUniqueid": "pbx-1.7", "DestLinkedid": "pbx-1.1"}
OFFER = {"Queue": "sales", "Interface": "PJSIP/a104", "MemberName": "Dan"}
OFFER_COLUMNS = {
    "channel_id": "pbx-1.1",
    "linked_id": "pbx-1.1",
    "other_id": "pbx-1.7",
    "channel": "PJSIP/a104-7",
    "queue": "sales",
    "member": "PJSIP/a104",
    "target": "Dan",
}
MEMBER = {
    "Queue": "sales",
    "MemberName": "Dan",
    "Interface": "Local/104@q/n",
    "StateInterface": "PJSIP/a104",
    "Membership": "dynamic",
    "Penalty": "2",
    "LastCall": "0",
    "LastPause": "0",
    "LoginTime": str(SECOND),
    "InCall": "1",
    "Status": "2",
    "Paused": "1",
    "PausedReason": "Lunch \u00e9",
    "Wrapuptime": "4",
}
MEMBER_COLUMNS = {
    "queue": "sales",
    "member": "Local/104@q/n",
    "channel": "PJSIP/a104",
    "target": "Dan",
    "number": "dynamic",
    "value": "1",
    "reason": "Lunch \u00e9",
    "detail": {"login": SECOND, "penalty": 2, "status": 2, "incall": 1, "lastcall": 0, "lastpause": 0, "wrapup": 4},
}

GOLDEN = [
    (
        "Newchannel",
        CALLER | {"ChannelStateDesc": "Ring", "Exten": "8001", "Context": "from-trunk"},
        Kind.CHANNEL_START,
        CALLER_COLUMNS | {"number": "5500001", "target": "8001", "value": "Ring", "detail": {"context": "from-trunk"}},
    ),
    (
        "Newchannel",
        {"Channel": "Local/1@q;1", "Uniqueid": "pbx-1.2", "CallerIDNum": "<unknown>", "Exten": "", "Context": "q"},
        Kind.CHANNEL_START,
        {"channel": "Local/1@q;1", "channel_id": "pbx-1.2"},
    ),
    ("Newstate", CALLER | {"ChannelStateDesc": "Ringing"}, Kind.CHANNEL_RING, CALLER_COLUMNS),
    ("Newstate", CALLER | {"ChannelStateDesc": "Up"}, Kind.CHANNEL_UP, CALLER_COLUMNS),
    ("Hangup", CALLER | {"Cause": "16", "Cause-txt": "Normal"}, Kind.CHANNEL_END, CALLER_COLUMNS | {"value": "16"}),
    (
        "DialBegin",
        CALLER | AGENT | {"DialString": "a104"},
        Kind.DIAL_START,
        {k: v for k, v in OFFER_COLUMNS.items() if k not in {"queue", "member"}} | {"target": "a104"},
    ),
    (
        "DialEnd",
        AGENT | {"DialStatus": "NOANSWER"},
        Kind.DIAL_END,
        {"channel_id": "pbx-1.7", "linked_id": "pbx-1.1", "other_id": "pbx-1.7", "channel": "PJSIP/a104-7"}
        | {"value": "NOANSWER"},
    ),
    (
        "BridgeEnter",
        CALLER | {"BridgeUniqueid": "b-1", "BridgeType": "basic", "SwapUniqueid": "pbx-1.9"},
        Kind.BRIDGE_ENTER,
        CALLER_COLUMNS | {"bridge_id": "b-1", "value": "basic", "other_id": "pbx-1.9"},
    ),
    (
        "BridgeLeave",
        CALLER | {"BridgeUniqueid": "b-1", "BridgeType": "basic"},
        Kind.BRIDGE_LEAVE,
        CALLER_COLUMNS | {"bridge_id": "b-1", "value": "basic"},
    ),
    (
        "LocalBridge",
        {"LocalOneChannel": "Local/1@q;1", "LocalOneUniqueid": "pbx-1.2", "LocalOneLinkedid": "pbx-1.1"}
        | {"LocalTwoUniqueid": "pbx-1.3", "Context": "q", "Exten": "1"},
        Kind.LOCAL_PAIR,
        {"channel": "Local/1@q;1", "channel_id": "pbx-1.2", "linked_id": "pbx-1.1", "other_id": "pbx-1.3"}
        | {"target": "1@q"},
    ),
    ("Hold", CALLER | {"MusicClass": "default"}, Kind.HOLD_START, CALLER_COLUMNS),
    ("Unhold", CALLER, Kind.HOLD_END, CALLER_COLUMNS),
    (
        "QueueCallerJoin",
        CALLER | {"Queue": "sales", "Position": "2", "Exten": "8001"},
        Kind.QUEUE_ENTER,
        CALLER_COLUMNS | {"queue": "sales", "value": "2", "number": "5500001", "target": "8001"},
    ),
    (
        "QueueCallerLeave",
        CALLER | {"Queue": "sales"},
        Kind.QUEUE_LEAVE,
        {"channel_id": "pbx-1.1", "linked_id": "pbx-1.1", "queue": "sales"},
    ),
    (
        "QueueCallerAbandon",
        CALLER | {"Queue": "sales"},
        Kind.QUEUE_ABANDON,
        {"channel_id": "pbx-1.1", "linked_id": "pbx-1.1", "queue": "sales"},
    ),
    ("AgentCalled", CALLER | AGENT | OFFER, Kind.AGENT_OFFER, OFFER_COLUMNS),
    ("AgentConnect", CALLER | AGENT | OFFER | {"RingTime": "1"}, Kind.AGENT_CONNECT, OFFER_COLUMNS),
    ("AgentRingNoAnswer", CALLER | AGENT | OFFER, Kind.AGENT_NOANSWER, OFFER_COLUMNS),
    ("AgentDump", CALLER | AGENT | OFFER, Kind.AGENT_DUMP, OFFER_COLUMNS),
    (
        "AgentComplete",
        CALLER | AGENT | OFFER | {"Reason": "caller"},
        Kind.AGENT_COMPLETE,
        OFFER_COLUMNS | {"value": "caller"},
    ),
    (
        "AgentComplete",  # as Asterisk says it when the call was transferred away: no channel is left
        OFFER | {"Reason": "transfer"},
        Kind.AGENT_COMPLETE,
        {"queue": "sales", "member": "PJSIP/a104", "target": "Dan", "value": "transfer"},
    ),
    (
        "BlindTransfer",
        {"TransfererChannel": "PJSIP/a102-2", "TransfererUniqueid": "pbx-1.5", "TransfererLinkedid": "pbx-1.1"}
        | {"TransfereeUniqueid": "pbx-1.1", "BridgeUniqueid": "b-1", "Extension": "105", "Result": "Success"},
        Kind.TRANSFER_BLIND,
        {"channel": "PJSIP/a102-2", "channel_id": "pbx-1.5", "linked_id": "pbx-1.1", "other_id": "pbx-1.1"}
        | {"bridge_id": "b-1", "target": "105", "value": "Success"},
    ),
    (
        "AttendedTransfer",
        {
            "OrigTransfererChannel": "PJSIP/a6-1",
            "OrigTransfererUniqueid": "pbx-1.5",
            "OrigTransfererLinkedid": "pbx-1.1",
        }
        | {"OrigBridgeUniqueid": "b-1", "SecondTransfererUniqueid": "pbx-1.6", "SecondTransfererLinkedid": "pbx-1.6"}
        | {"SecondBridgeUniqueid": "b-2", "TransfereeUniqueid": "pbx-1.1", "TransferTargetUniqueid": "pbx-1.7"}
        | {"DestType": "Link", "LocalOneUniqueid": "pbx-1.8", "LocalTwoUniqueid": "pbx-1.9", "Result": "Success"},
        Kind.TRANSFER_ATTENDED,
        {"channel": "PJSIP/a6-1", "channel_id": "pbx-1.5", "linked_id": "pbx-1.1", "other_id": "pbx-1.6"}
        | {"bridge_id": "b-1", "target": "Link", "value": "Success"}
        | {
            "detail": {"second_linked": "pbx-1.6", "second_bridge": "b-2", "transferee": "pbx-1.1"}
            | {"target": "pbx-1.7", "local_one": "pbx-1.8", "local_two": "pbx-1.9"}
        },
    ),
    ("Pickup", CALLER | {"TargetUniqueid": "pbx-1.4"}, Kind.PICKUP, CALLER_COLUMNS | {"other_id": "pbx-1.4"}),
    (
        "VarSet",
        CALLER | {"Variable": "QUEUESTATUS", "Value": "JOINEMPTY"},
        Kind.QUEUE_STATUS,
        CALLER_COLUMNS | {"value": "JOINEMPTY"},
    ),
    (
        "Newexten",
        CALLER | {"Extension": "8001", "Application": "Queue", "AppData": "sales,t,,,300"},
        Kind.QUEUE_APP,
        CALLER_COLUMNS | {"queue": "sales", "target": "8001"},
    ),
    (
        "CEL",
        {"EventName": "APP_START", "Channel": "PJSIP/trunk-1", "Application": "Queue", "AppData": "sales"}
        | {"UniqueID": "pbx-1.1", "LinkedID": "pbx-1.1"},
        Kind.CEL_QUEUE_APP,
        CALLER_COLUMNS | {"queue": "sales"},
    ),
    ("QueueMemberAdded", MEMBER, Kind.MEMBER_ADD, MEMBER_COLUMNS),
    ("QueueMemberRemoved", MEMBER, Kind.MEMBER_REMOVE, MEMBER_COLUMNS),
    ("QueueMemberPause", MEMBER, Kind.MEMBER_PAUSE, MEMBER_COLUMNS),
    ("QueueMemberPenalty", MEMBER, Kind.MEMBER_PENALTY, MEMBER_COLUMNS),
    ("QueueMemberStatus", MEMBER, Kind.MEMBER_STATUS, MEMBER_COLUMNS),
    ("AgentLogin", CALLER | {"Agent": "302"}, Kind.AGENT_LOGIN, CALLER_COLUMNS | {"member": "Agent:302"}),
    (
        "AgentLogoff",
        CALLER | {"Agent": "302", "Logintime": "1050"},
        Kind.AGENT_LOGOFF,
        CALLER_COLUMNS | {"member": "Agent:302", "value": "1050"},
    ),
    (
        "Shutdown",
        {"Shutdown": "Cleanly", "Restart": "True"},
        Kind.SWITCH_SHUTDOWN,
        {"value": "Cleanly", "detail": {"restart": True}},
    ),
    (
        "UserEvent",
        CALLER | {"UserEvent": "CallbackRequest", "Caller": "5500544"},
        Kind.USER_EVENT,
        CALLER_COLUMNS | {"target": "CallbackRequest", "detail": {"Caller": "5500544"}},
    ),
]


@pytest.mark.parametrize(("name", "fields", "kind", "columns"), GOLDEN, ids=[f"{g[0]}-{g[2]}" for g in GOLDEN])
def test_a_message_fills_the_columns_of_its_kind(
    name: str, fields: dict[str, str], kind: Kind, columns: dict[str, object]
) -> None:
    assert said(only(message(name, **fields))) == {"at": AT, "kind": kind, **columns}


def test_every_message_that_is_kept_is_among_the_golden_ones() -> None:
    rows = {name.decode() for name, rule in RULES.items() if not rule.timed}
    assert {golden[0] for golden in GOLDEN} | rows == {name.decode() for name in RULES}
