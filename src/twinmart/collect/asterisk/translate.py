"""Puts one session's messages of the manager interface into our events, message by message.

The meaning of a message never depends on another one; that is the transform's business, which sees the whole history.
Only three things are remembered of the stream: the switch's clock, since rows of lists carry none; which lists are
being told, so that a complete one can be called complete; and what the start of the switch is computed from.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from twinmart.collect.asterisk.boot import BootClue
from twinmart.collect.asterisk.lists import Lists
from twinmart.collect.asterisk.rules import RULES, UNKNOWN, Fields, Rule, as_json
from twinmart.collect.asterisk.userdata import Keys, attached, masked
from twinmart.collect.asterisk.wire import BANNER, KEPT_OF_TOO_LONG, TooLong
from twinmart.model.events import Event, Explained, Kind, event_id, moment

SECOND_US = 1_000_000
EARLIEST_US = 946_684_800 * SECOND_US
DAY_US = 86_400 * SECOND_US

# Events of one switch are out of order by fractions of a second. A time further back says that its clock was set back.
CLOCK_SET_BACK_US = 60 * SECOND_US

# Rows that wait for a first clock, and names of dropped messages that are counted apart.
MOST_WAITING = 10_000
MOST_NAMES = 1_000

LIST_ENDS = frozenset({b"QueueStatusComplete", b"CoreShowChannelsComplete", b"AgentsComplete"})


class Fault(Explained):
    """Why a message was kept aside."""

    NOT_A_MESSAGE = "not-a-message", "It is neither an event nor an answer."
    MISSING_KEY = "missing-key", "A key is missing without which the event would say nothing; it is named behind this."
    NO_TIME = "no-time", "It carries no time stamp."
    IMPOSSIBLE_TIME = "impossible-time", "Its time stamp is none, before 2000, or more than a day ahead of our clock."
    NO_CLOCK = "no-clock", "It is a row of a list, which carries no time, and the switch told none before its end."
    NOT_UTF8 = "not-utf8", "It is not UTF-8. The event was stored with replacements; this is the original."
    NUL = "nul", "It holds a zero byte. The event was stored with replacements; this is the original."
    TOO_LONG = "too-long", "It is longer than a mebibyte; its first 64 KiB are kept."
    CUT_OFF = "cut-off", "The connection or the recording ended within it."


class BadMessage(NamedTuple):
    """A message, or the beginning of one, that is kept aside with the reason."""

    reason: str
    raw: bytes


@dataclass(slots=True)
class Batch:
    """What some messages came to: events, messages kept aside, and answers to what the session itself asked."""

    events: list[Event] = field(default_factory=list)
    bad: list[BadMessage] = field(default_factory=list)
    answers: list[Fields] = field(default_factory=list)

    def keep_aside(self, fault: Fault, message: bytes, note: str = "") -> None:
        """Keep a message aside with the reason, and the key it is about where there is one."""
        reason = f"{fault}: {note}" if note else str(fault)
        self.bad.append(BadMessage(reason, message[:KEPT_OF_TOO_LONG]))


class Translator:
    """Translates the messages of one session, in their order; ``source`` is part of every event's identity.

    ``clock_us`` is the latest time that the switch told, ``first_clock_us`` the first; None before it told any.
    ``timed`` counts the events with a time of their own; ``untimed`` and ``impossible`` those since the last of them
    that had none, or one that cannot be true: a switch that was not told to stamp its events, or whose clock stands
    at 1970, sends none that can be used.

    ``asked_for_all`` is the beginning of the action ids of lists that were asked for without a filter; without it, as
    with a recording, that is told from the lists themselves.

    ``keys`` are the keys of user data that are collected; every other value that a channel carries is left alone.
    """

    def __init__(self, source: str, *, asked_for_all: str | None = None, keys: Keys | None = None) -> None:
        self.clock_us: int | None = None
        self.first_clock_us: int | None = None
        self.messages = 0
        self.timed = 0
        self.untimed = 0
        self.impossible = 0
        self.dropped: Counter[str] = Counter()
        self._source = source
        self._keys = keys if keys is not None else Keys()
        self._asked_for_all = asked_for_all
        self._now_us = 0
        self._lists = Lists(asked_for_all)
        self._boot = BootClue()
        self._waiting: list[tuple[Rule, Fields, bytes]] = []
        # The newest message that was dropped: its time is read only when somebody asks for the clock.
        self._unread = b""

    def translate(self, messages: Iterable[bytes], now_us: int) -> Batch:
        """Return what the messages come to; ``now_us`` is our own clock and bounds what times are possible."""
        batch = Batch()
        self._now_us = now_us
        for message in messages:
            self.messages += 1
            if not message.startswith(b"Event: ") or type(message) is TooLong:
                self._no_event(message, batch)
                continue
            end = message.find(b"\r\n", 7)
            name = message[7:end] if end > 0 else message[7:]
            rule = RULES.get(name)
            if self._keys.wanted and self._attached(name, message, batch):
                self._unread = b""
            if rule is not None and all(sign in message for sign in rule.signs):
                self._event(rule, message, batch)
            elif name in LIST_ENDS:
                self._list_end(name, message, batch)
            elif name == b"FullyBooted":
                self._boot.fully_booted(self._fields(message, batch))
            else:
                self._unread = message
                self._drop(name)
        return batch

    @property
    def knows_age(self) -> bool:
        """Whether the switch has told how long it has been up; only users with the right to read "system" are told."""
        return self._boot.knows_age

    def finish(self, rest: bytes) -> Batch:
        """Return what is left when the session has ended; ``rest`` is the unfinished message at its end."""
        batch = Batch()
        if rest.strip():
            batch.keep_aside(Fault.CUT_OFF, rest)
        self._know_clock(batch)
        for _, _, message in self._waiting:
            batch.keep_aside(Fault.NO_CLOCK, message)
        self._waiting.clear()
        self._settle_boot(batch, last=True)
        return batch

    def _event(self, rule: Rule, message: bytes, batch: Batch) -> None:
        fields = self._fields(message, batch)
        if rule.prepare is not None:
            rule.prepare(fields)
        missing = next((key for key in rule.needs if not fields.get(key)), None)
        if missing is not None:
            batch.keep_aside(Fault.MISSING_KEY, message, missing)
        if not rule.timed:
            self._list_row(rule, fields, message, batch, broken=missing is not None)
        elif missing is None:
            at_us = self._time(fields.get("Timestamp"))
            if at_us is None:
                if fields.get("Timestamp"):
                    self.impossible += 1
                    batch.keep_aside(Fault.IMPOSSIBLE_TIME, message)
                else:
                    self.untimed += 1
                    batch.keep_aside(Fault.NO_TIME, message)
                return
            self.timed += 1
            self.untimed = self.impossible = 0
            self._unread = b""
            self._advance(at_us, batch)
            self._put(rule, fields, at_us, event_id(self._source, at_us, message), batch)

    def _attached(self, name: bytes, message: bytes, batch: Batch) -> bool:
        """Put the values that a message attaches to channels into events; whether there were any."""
        found = attached(name, message, self._keys)
        if not found:
            return False
        at_us = self._time(self._fields(message, Batch()).get("Timestamp"))
        if at_us is None:
            if name == b"VarSet":
                batch.keep_aside(Fault.NO_TIME, message)
            return False
        self._advance(at_us, batch)
        for one in found:
            identity = event_id(self._source, at_us, b"\0".join((message, one.key.encode(), one.channel_id.encode())))
            batch.events.append(
                Event(
                    identity,
                    moment(at_us),
                    Kind.USER_DATA,
                    one.channel_id,
                    one.linked_id,
                    channel=one.channel,
                    target=one.key,
                    value=one.value,
                    reason=one.origin,
                )
            )
        return True

    def _list_row(self, rule: Rule, fields: Fields, message: bytes, batch: Batch, *, broken: bool) -> None:
        self._lists.row(rule.kind, fields, broken=broken)
        if broken:
            return
        clock_us = self._know_clock(batch)
        if clock_us is not None:
            self._put(rule, fields, clock_us, self._clocked_id(message, clock_us), batch)
        elif len(self._waiting) < MOST_WAITING:
            self._waiting.append((rule, fields, message))
        else:
            batch.keep_aside(Fault.NO_CLOCK, message)

    def _list_end(self, name: bytes, message: bytes, batch: Batch) -> None:
        snapshot = self._lists.end(name, self._fields(message, batch))
        clock_us = self._know_clock(batch)
        if snapshot is None or clock_us is None:
            return
        kind, detail = snapshot
        identity = self._clocked_id(message, clock_us)
        batch.events.append(Event(identity, moment(clock_us), kind, detail=as_json(detail)))

    def _put(self, rule: Rule, fields: Fields, at_us: int, identity: str, batch: Batch) -> None:
        kind = rule.kind
        if kind is Kind.USER_EVENT and self._keys.wanted:
            fields = masked(fields, self._keys)
        if rule.kind_by is not None:
            key, kinds = rule.kind_by
            chosen = kinds.get(fields.get(key, ""))
            if chosen is None:
                self._drop(fields["Event"].encode())
                return
            kind = chosen
        if rule.dropped_without is not None and not fields.get(rule.dropped_without):
            self._drop(fields["Event"].encode())
            return

        def take(key: str | None) -> str | None:
            return (fields.get(key) or None) if key is not None else None

        number = take(rule.number)
        batch.events.append(
            Event(
                identity,
                moment(at_us),
                kind,
                take(rule.channel_id),
                take(rule.linked_id),
                take(rule.other_id),
                take(rule.bridge_id),
                take(rule.channel),
                take(rule.queue),
                take(rule.member),
                None if number == UNKNOWN else number,
                take(rule.target),
                take(rule.value),
                take(rule.reason),
                as_json(rule.detail(fields)) if rule.detail is not None else None,
            )
        )

    def _no_event(self, message: bytes, batch: Batch) -> None:
        if type(message) is TooLong:
            batch.keep_aside(Fault.TOO_LONG, message)
        elif message.startswith(b"Response: "):
            self._answer(self._fields(message, batch), batch)
        elif message.startswith(BANNER):
            self._new_session()
            _, _, first = message.partition(b"\r\n")
            if first:
                self.messages -= 1
                more = self.translate([first], self._now_us)
                batch.events += more.events
                batch.bad += more.bad
                batch.answers += more.answers
        else:
            batch.keep_aside(Fault.NOT_A_MESSAGE, message)

    def _answer(self, fields: Fields, batch: Batch) -> None:
        at_us = self._time(fields.get("Timestamp"))
        if at_us is not None and "Ping" in fields:
            self._unread = b""
            self._advance(at_us, batch)
        if "CoreStartupTime" in fields:
            self._boot.core_status(fields)
            self._know_clock(batch)
            self._settle_boot(batch)
        if fields.get("EventList", "").lower() == "start":
            self._lists.start(fields)
        batch.answers.append(fields)

    def _new_session(self) -> None:
        """Forget what the lists and the start of another login were; only a recording holds more than one."""
        self._lists = Lists(self._asked_for_all)
        self._boot = BootClue()

    def _know_clock(self, batch: Batch) -> int | None:
        """Return the switch's clock, taking the time of the newest message of the stream into account."""
        if self._unread:
            found = self._unread.partition(b"\r\nTimestamp: ")[2].partition(b"\r\n")[0]
            self._unread = b""
            at_us = self._time(found.decode("ascii", "replace"))
            if at_us is not None:
                self._advance(at_us, batch)
        return self.clock_us

    def _advance(self, at_us: int, batch: Batch) -> None:
        first = self.first_clock_us is None
        if first:
            self.first_clock_us = at_us
        if self.clock_us is None or at_us > self.clock_us or at_us < self.clock_us - CLOCK_SET_BACK_US:
            self.clock_us = at_us
        if not self._boot.settled:
            self._settle_boot(batch)
        if first and self._waiting:
            for rule, fields, message in self._waiting:
                self._put(rule, fields, at_us, self._clocked_id(message, at_us), batch)
            self._waiting.clear()

    def _settle_boot(self, batch: Batch, *, last: bool = False) -> None:
        at_us = self._boot.settle(self.clock_us, last=last)
        if at_us is not None:
            identity = event_id(self._source, at_us, Kind.SWITCH_BOOT.encode())
            batch.events.append(Event(identity, moment(at_us), Kind.SWITCH_BOOT))

    def _clocked_id(self, message: bytes, clock_us: int) -> str:
        return event_id(self._source, clock_us, message, clock_us=clock_us)

    def _time(self, text: str | None) -> int | None:
        """Read a time stamp of the switch, exactly; None when it is none or cannot be true."""
        whole, _, part = (text or "").partition(".")
        if not (whole.isascii() and whole.isdigit() and len(whole) <= 11):
            return None
        if not (part.isascii() and (part.isdigit() or not part)):
            return None
        at_us = int(whole) * SECOND_US + int(f"{part:0<6.6}")
        return at_us if EARLIEST_US <= at_us <= self._now_us + DAY_US else None

    def _fields(self, message: bytes, batch: Batch) -> Fields:
        """Take a message apart; of a key that stands twice the first counts, which is the switch's own."""
        try:
            text = message.decode()
        except UnicodeDecodeError:
            batch.keep_aside(Fault.NOT_UTF8, message)
            text = message.decode(errors="replace")
        if "\0" in text:
            batch.keep_aside(Fault.NUL, message)
            text = text.replace("\0", "\ufffd")
        lines = text.split("\r\n")
        lines.reverse()
        return {key: value for key, _, value in [line.partition(": ") for line in lines]}

    def _drop(self, name: bytes) -> None:
        label = name[:64].decode(errors="replace")
        self.dropped[label if label in self.dropped or len(self.dropped) < MOST_NAMES else "(other)"] += 1
