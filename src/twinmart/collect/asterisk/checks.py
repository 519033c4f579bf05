"""What a switch must be told so that its events can be used, and how to see that it was not.

What makes events useless is an error and ends the session. What only takes something away from the reports is a
warning: it stands in the collector's status until it is mended.
"""

import re
from collections import Counter
from collections.abc import Mapping

from twinmart.collect.asterisk.rules import Fields
from twinmart.collect.asterisk.translate import Batch, Translator
from twinmart.errors import SourceMisconfigured
from twinmart.model.events import Kind

OLDEST_VERSION = 16

# So many of one kind without a single one of the other are no accident.
ENOUGH = 100

_VERSION = re.compile(r"(?:[A-Za-z]+[-/])*(?P<major>\d+)")

WARNINGS = {
    "no-system-name": "the switch has no name for itself, so ids of calls do not say whose they are: "
    "set systemname in asterisk.conf",
    "no-queues": "the switch has no queues: load app_queue there",
    "no-right-CoreSettings": "version and name of the switch are not known: "
    "the collector's user needs write = system or reporting in manager.conf",
    "no-right-CoreStatus": "when the switch was started is known to a second or two only: "
    "the collector's user needs write = system or reporting in manager.conf",
    "no-right-CoreShowChannels": "calls that were up when the collector came are not known: "
    "the collector's user needs write = system or reporting in manager.conf",
    "no-right-Agents": "agents of the pool that were logged in when the collector came are not known: "
    "the collector's user needs write = agent in manager.conf",
    "no-class-system": "starts of the switch are not known: the collector's user needs read = system in manager.conf",
    "no-class-dialplan": "callers whom a full or empty queue turned away are not known: "
    "the collector's user needs read = dialplan in manager.conf",
    "no-class-agent": "queues and agents are not known: the collector's user needs read = agent in manager.conf",
    "no-class-call": "calls are not known: the collector's user needs read = call in manager.conf",
}


class Checks:
    """Looks at what one session's switch says of itself and what it leaves out; remembers what to warn of."""

    def __init__(self, source: str) -> None:
        self.warnings: dict[str, str] = {}
        self.version: str | None = None
        self.system_name: str | None = None
        self._source = source
        self._kinds: Counter[Kind] = Counter()

    def look(self, batch: Batch, translator: Translator) -> None:
        """Look at what came.

        Raises:
            SourceMisconfigured: the events cannot be used; the hint says what to set.
        """
        self._look_at_times(batch, translator)
        for answer in batch.answers:
            self._look_at_answer(answer, translator)
        self._kinds.update(event.kind for event in batch.events)
        self._look_for_missing_classes(translator.dropped)

    def _look_at_times(self, batch: Batch, translator: Translator) -> None:
        # One of the first events tells all; later on, one alone may be an accident.
        enough = ENOUGH if translator.timed else 1
        if translator.untimed >= enough:
            raise SourceMisconfigured(
                f'the events of source "{self._source}" carry no time stamps',
                hint="Set timestampevents = yes in manager.conf there, and reload it with: manager reload.",
            )
        told_clock = any("Ping" in answer and answer.get("Timestamp") for answer in batch.answers)
        if translator.impossible >= enough or (told_clock and translator.clock_us is None):
            raise SourceMisconfigured(
                f'the clock of source "{self._source}" cannot be right',
                detail="its time stamps lie before the year 2000 or more than a day ahead of this machine's clock",
                hint="Set both clocks by NTP.",
            )

    def _look_at_answer(self, answer: Fields, translator: Translator) -> None:
        action = answer.get("ActionID", "").partition("-")[0]
        if action == "CoreStatus" and not translator.knows_age:
            self._warn("no-class-system")
        if answer.get("Response") == "Error":
            if "denied" in answer.get("Message", "").lower():
                self._warn(f"no-right-{action}")
            elif action == "QueueStatus":
                self._warn("no-queues")
        elif "AsteriskVersion" in answer:
            self._look_at_settings(answer)

    def _look_at_settings(self, answer: Fields) -> None:
        self.version = answer["AsteriskVersion"]
        self.system_name = answer.get("SystemName") or None
        found = _VERSION.match(self.version)
        if found and int(found["major"]) < OLDEST_VERSION:
            raise SourceMisconfigured(
                f'source "{self._source}" is too old',
                detail=f"Asterisk {self.version}; {OLDEST_VERSION} is the oldest whose events are understood",
                hint="Update the server.",
            )
        if self.system_name is None:
            self._warn("no-system-name")

    def _look_for_missing_classes(self, dropped: Mapping[str, int]) -> None:
        calls, queued, sent = (self._kinds[kind] for kind in (Kind.CHANNEL_START, Kind.QUEUE_ENTER, Kind.QUEUE_APP))
        if calls >= ENOUGH and not dropped.get("VarSet") and not dropped.get("Newexten"):
            self._warn("no-class-dialplan")
        if sent >= ENOUGH and not queued:
            self._warn("no-class-agent")
        if queued >= ENOUGH and not calls:
            self._warn("no-class-call")

    def _warn(self, name: str) -> None:
        if name in WARNINGS:
            self.warnings.setdefault(name, WARNINGS[name])
