"""One session with a switch, from its login to its end: asks what must be asked, and turns what comes into records.

A session is heard as long as anything comes. When nothing does it asks whether the switch is there; the answer carries
the switch's clock, and with it the knowledge of how far everything was heard even when nothing happens.
"""

import time
from datetime import datetime
from uuid import uuid4

from twinmart.collect.asterisk.checks import Checks
from twinmart.collect.asterisk.link import Link
from twinmart.collect.asterisk.translate import Batch, Translator
from twinmart.collect.asterisk.userdata import Keys
from twinmart.collect.asterisk.wire import Messages
from twinmart.collect.config import CollectorConfig
from twinmart.collect.pauses import spread
from twinmart.collect.records import Record, SessionRecords, Tag
from twinmart.errors import SourceSilent, SourceUnreachable
from twinmart.model.events import Kind, moment

FIRST, RECONNECTED = 1, 2

# How long to wait at most before looking whether to stop.
LOOK_S = 0.5

# More than this at once is translated before more is read, so that memory is bounded by it.
MOST_GATHERED = 1 << 19


class Session:
    """What is known of a session, and the next thing to do in it; ``advance`` is called until it raises."""

    def __init__(
        self, config: CollectorConfig, link: Link, *, earlier_boot: datetime | None, is_first: bool, keys: Keys
    ) -> None:
        self.translator = Translator(config.source, asked_for_all="QueueStatus-", keys=keys)
        self.checks = Checks(config.source)
        self.boot_at: datetime | None = None
        self.events = 0
        self._config = config
        self._link = link
        self._earlier_boot = earlier_boot
        self._connect_type = FIRST if is_first else RECONNECTED
        self._messages = Messages()
        self._records = SessionRecords(uuid4())
        self._is_told = False
        self._told_clock_us: int | None = None
        # Time spent waiting in vain; time in which nobody listened, such as with a full disk, does not count.
        self._waited_s = 0.0
        self._ping_at = self._state_at = self._tell_at = time.monotonic()

    @property
    def key(self) -> str:
        """The session's key, as text."""
        return str(self._records.session_key)

    @property
    def kept_aside(self) -> int:
        """How many messages were kept aside."""
        return self._records.kept_aside

    @property
    def clock_at(self) -> datetime | None:
        """The switch's own time when it was heard last, if it has told any."""
        return None if self.translator.clock_us is None else moment(self.translator.clock_us)

    def begin(self) -> None:
        """Ask the switch who it is; the first ``advance`` asks for the state of everything."""
        self._link.ask("CoreSettings")
        self._link.ask("Ping")
        self._link.ask("CoreStatus")

    def advance(self) -> list[Record]:
        """Ask what is due, wait for a moment, and return the records of what came.

        Raises:
            SourceUnreachable: the connection is gone; SourceSilent: nothing comes over it any more.
            SourceMisconfigured: the events of the switch cannot be used.
        """
        self._ask_what_is_due()
        data = self._gather()
        if not data:
            self._give_up_if_silent()
            return self._heard()
        batch = self.translator.translate(self._messages.feed(data), time.time_ns() // 1000)
        self.checks.look(batch, self.translator)
        return self._of_batch(batch) + self._heard()

    def end(self) -> list[Record]:
        """Return the records of what was left when the connection ended: half a message, the time heard last."""
        self._tell_at = 0.0
        batch = self.translator.finish(self._messages.rest)
        return self._of_batch(batch) + self._heard()

    def _ask_what_is_due(self) -> None:
        now = time.monotonic()
        patience = self._config.patience
        if now >= self._state_at:
            # Rows of lists carry no time: the answer to a ping just before them is their clock.
            for action in ("Ping", "QueueStatus", "CoreShowChannels", "Agents"):
                self._link.ask(action)
            self._state_at = now + spread(patience.state_every_s)
            self._ping_at = now + patience.ping_every_s
        if now >= self._ping_at:
            self._link.ask("Ping")
            self._ping_at = now + patience.ping_every_s

    def _give_up_if_silent(self) -> None:
        if self._waited_s > self._config.patience.silent_after_s:
            raise SourceSilent(
                f'source "{self._config.source}" is connected, but silent',
                detail=f"nothing came for {self._waited_s:.0f} s, not even answers",
                hint="The collector connects anew by itself.",
            )

    def _gather(self) -> bytes:
        """Wait for data until something is due; what follows at once is taken along."""
        began = time.monotonic()
        patience = self._config.patience
        data = self._link.receive(min(self._ping_at - began, self._state_at - began, LOOK_S))
        if data is None:
            self._waited_s += time.monotonic() - began
            return b""
        self._waited_s = 0.0
        parts, size = [data], len(data)
        until = time.monotonic() + patience.gather_s
        while size < MOST_GATHERED and (left_s := until - time.monotonic()) > 0:
            try:
                more = self._link.receive(left_s)
            except SourceUnreachable:
                # What came before the end counts; the next call meets the end again.
                break
            if more is None:
                break
            parts.append(more)
            size += len(more)
        return b"".join(parts)

    def _of_batch(self, batch: Batch) -> list[Record]:
        self.events += len(batch.events)
        for event in batch.events:
            if event.kind is Kind.SWITCH_BOOT:
                self.boot_at = event.at
                self._tell_at = 0.0
        records = self._records.of_batch(batch)
        if self._is_told or self.translator.first_clock_us is None:
            return records
        self._is_told = True
        start = Record.of(
            Tag.SESSION_START,
            session_key=self._records.session_key,
            source=self._config.source,
            collector=self._config.name,
            connected_at=moment(self.translator.first_clock_us),
            connect_type=self._connect_type,
        )
        return [start, *records]

    def _heard(self) -> list[Record]:
        """Return how far the switch was heard, when it is time to tell and there is something new."""
        now = time.monotonic()
        if not self._is_told or now < self._tell_at or self._told_clock_us == self.translator.clock_us:
            return []
        self._tell_at = now + self._config.patience.heard_every_s
        self._told_clock_us = self.translator.clock_us
        restarted = None not in (self.boot_at, self._earlier_boot) and self.boot_at != self._earlier_boot
        return [
            Record.of(
                Tag.SESSION_HEARD,
                session_key=self._records.session_key,
                last_heard_at=self.clock_at,
                switch_boot_at=self.boot_at,
                version=self.checks.version,
                system_name=self.checks.system_name,
                restarted=restarted,
            )
        ]
