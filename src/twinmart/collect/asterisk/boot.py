"""Finds out when the switch was started, to the second and in UTC, from what it says of itself.

It tells the start in its own zone without naming that (CoreStatus), and its age in whole seconds (FullyBooted). The age
says which zone it must be; the start then is the same for everyone who asks, whenever they ask.
"""

from datetime import UTC, datetime

from twinmart.collect.asterisk.rules import Fields, is_integer

SECOND_US = 1_000_000
QUARTER_US = 15 * 60 * SECOND_US

# How far start and age may disagree: the age is whole seconds, and its message may have waited for the next clock.
SLACK_US = 60 * SECOND_US


class BootClue:
    """What one session has heard of the start of its switch."""

    def __init__(self) -> None:
        self.settled = False
        self._age_s: int | None = None
        self._age_at_us: int | None = None
        self._local_us: int | None = None

    @property
    def knows_age(self) -> bool:
        """Whether the age was told."""
        return self._age_s is not None

    def fully_booted(self, fields: Fields) -> None:
        """Note the age that the switch tells at login, or when it has come up."""
        if not self.settled and is_integer(age := fields.get("Uptime", "")):
            self._age_s, self._age_at_us = int(age), None

    def core_status(self, fields: Fields) -> None:
        """Note the start that the switch tells in its own zone."""
        try:
            told = datetime.fromisoformat(f"{fields.get('CoreStartupDate', '')} {fields.get('CoreStartupTime', '')}")
        except ValueError:
            return
        self._local_us = int(told.replace(tzinfo=UTC).timestamp()) * SECOND_US

    def settle(self, clock_us: int | None, *, last: bool = False) -> int | None:
        """Return the start of the switch in microseconds, once, as soon as it is known.

        Without a told start the age alone decides, with an error of a second: a minute later, or when ``last`` says
        that nothing more will come.
        """
        if self.settled or self._age_s is None or clock_us is None:
            return None
        if self._age_at_us is None:
            self._age_at_us = clock_us
        by_age_us = self._age_at_us - self._age_s * SECOND_US
        if self._local_us is not None:
            self.settled = True
            offset_us = round((self._local_us - by_age_us) / QUARTER_US) * QUARTER_US
            start_us = self._local_us - offset_us
            return start_us if abs(start_us - by_age_us) <= SLACK_US else None
        if last or clock_us - self._age_at_us > SLACK_US:
            self.settled = True
            return by_age_us // SECOND_US * SECOND_US
        return None
