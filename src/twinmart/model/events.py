"""What the interaction databases hold: one shape for every event, a closed set of kinds, and the identity of an event.

An event is what a telephony server said, put into our words and nothing more: who talked to whom, transfers and states
are derived later, from the whole history. How the messages of one kind of server become events stands in ``collect/``.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple, Self

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Explained(StrEnum):
    """A closed set of words, each of which carries one sentence on what it means."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Make a member that is its word and carries its meaning."""
        word = str.__new__(cls, value)
        word._value_ = value
        word.meaning = meaning
        return word


class Kind(Explained):
    """Every kind of event; the set is closed."""

    CHANNEL_START = "channel_start", "A channel came into being."
    CHANNEL_RING = "channel_ring", "The phone of a channel rings."
    CHANNEL_UP = "channel_up", "A channel was answered."
    CHANNEL_END = "channel_end", "A channel hung up, with its cause."
    DIAL_START = "dial_start", "A channel, or nobody, began to dial another channel."
    DIAL_END = "dial_end", "Dialling a channel ended, with its result."
    BRIDGE_ENTER = "bridge_enter", "A channel began to hear those in a bridge."
    BRIDGE_LEAVE = "bridge_leave", "A channel left a bridge."
    LOCAL_PAIR = "local_pair", "Two channels are the two halves of one Local channel."
    HOLD_START = "hold_start", "The phone of a channel put the other side on hold."
    HOLD_END = "hold_end", "The phone of a channel took the other side off hold."
    QUEUE_ENTER = "queue_enter", "A caller began to wait in a queue."
    QUEUE_LEAVE = "queue_leave", "A caller no longer waits in a queue, for whatever reason."
    QUEUE_ABANDON = "queue_abandon", "A caller left a queue without an answer: hung up, timed out, or sent away."
    AGENT_OFFER = "agent_offer", "A queue began to ring a member for a caller."
    AGENT_CONNECT = "agent_connect", "A member answered and was connected with a queue's caller."
    AGENT_NOANSWER = "agent_noanswer", "A member did not answer a queue's call in time."
    AGENT_COMPLETE = "agent_complete", "A queue holds a call with a member for completed, with the side that ended it."
    AGENT_DUMP = "agent_dump", "A member hung up during the announcement, before the caller was connected."
    TRANSFER_BLIND = "transfer_blind", "A channel sent its partner to a number without asking there."
    TRANSFER_ATTENDED = "transfer_attended", "A channel joined its two calls and left."
    PICKUP = "pickup", "A channel took a call that rang elsewhere."
    QUEUE_STATUS = "queue_status", "The Queue application ended for a caller, with the reason it gave."
    QUEUE_APP = "queue_app", "The dialplan sent a caller to a queue."
    CEL_QUEUE_APP = "cel_queue_app", "The switch's call event log says that a caller was sent to a queue."
    MEMBER_ADD = "member_add", "A member began to serve a queue."
    MEMBER_REMOVE = "member_remove", "A member stopped serving a queue."
    MEMBER_PAUSE = "member_pause", "A member was paused in a queue, unpaused, or paused for another reason."
    MEMBER_PENALTY = "member_penalty", "The penalty of a member of a queue was changed."
    MEMBER_STATUS = "member_status", "The device or a figure of a member of a queue changed."
    MEMBER_SEEN = "member_seen", "Asked for, the switch said that a member serves a queue."
    MEMBER_SNAPSHOT = "member_snapshot", "All members of all queues at one moment: who is not named is none."
    QUEUE_SEEN = "queue_seen", "Asked for, the switch named a queue and its settings."
    QUEUE_CALLER_SEEN = "queue_caller_seen", "Asked for, the switch said that a caller waits in a queue."
    AGENT_LOGIN = "agent_login", "An agent of the agent pool logged in and stays on the line."
    AGENT_LOGOFF = "agent_logoff", "An agent of the agent pool logged off."
    AGENT_SEEN = "agent_seen", "Asked for, the switch told the state of an agent of the agent pool."
    CHANNEL_SEEN = "channel_seen", "Asked for, the switch said that a channel exists."
    CHANNEL_SNAPSHOT = "channel_snapshot", "All channels at one moment: one that is not named is gone."
    SWITCH_BOOT = "switch_boot", "The switch was started; nothing that was open before goes on."
    SWITCH_SHUTDOWN = "switch_shutdown", "The switch began to stop in good order."
    USER_DATA = "user_data", "A channel carries a value under a key that is collected."
    USER_EVENT = "user_event", "The dialplan or a program sent an event of its own."


class Event(NamedTuple):
    """One event, in the order of the columns of ``event`` in an interaction database; None where a kind has no such."""

    event_id: str
    at: datetime
    kind: Kind
    channel_id: str | None = None
    linked_id: str | None = None
    other_id: str | None = None
    bridge_id: str | None = None
    channel: str | None = None
    queue: str | None = None
    member: str | None = None
    number: str | None = None
    target: str | None = None
    value: str | None = None
    reason: str | None = None
    detail: str | None = None


def event_id(source: str, at_us: int, message: bytes, *, clock_us: int | None = None) -> str:
    """Return the identity of an event: a UUIDv8 of its time and of what the source said, byte for byte.

    Both twins, and anyone who reads a recording of the same stream, compute the same. A message that carries no time of
    its own is told apart from an equal one by the clock at which it came.

    >>> event_id("pbx", 1_795_336_698_655_250, b"Event: Hangup")
    '01a20267-fb1f-8aed-884b-1754c0b7116a'
    """
    said = [source.encode(), message]
    if clock_us is not None:
        said.append(b"%d" % clock_us)
    digest = int.from_bytes(blake2b(b"\0".join(said), digest_size=10).digest()) >> 6
    digits = f"{at_us // 1000:012x}8{digest >> 62:03x}{2 << 62 | digest & (1 << 62) - 1:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def moment(at_us: int) -> datetime:
    """Return microseconds since the epoch as a point in time, exactly."""
    return EPOCH + timedelta(microseconds=at_us)
