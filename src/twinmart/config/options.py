"""Every option, what it is now, and what it is for a tenant, medium, source or queue.

Options are read when they are needed, not once at the start, so that a change is heeded as its declaration says.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from twinmart.config.declaration import Declaration, Level
from twinmart.config.declared import MART
from twinmart.config.declared_more import MORE
from twinmart.config.declared_reports import REPORTS
from twinmart.config.declared_witness import WITNESS
from twinmart.config.values import Cron, Value
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text

DECLARED: tuple[Declaration, ...] = MART + MORE + REPORTS + WITNESS

# Object by kind and name; "" for the application whose options these are.
Holder = tuple[str, str]
_OWN: Holder = ("", "")


def declaration(section: str, name: str) -> Declaration | None:
    """Return what is declared of an option, also of one for a medium or in a calendar's own section."""
    exact = [one for one in DECLARED if one.name == name and one.is_named(section, name)]
    return next(iter(exact or [one for one in DECLARED if one.is_named(section, name)]), None)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one application with those of tenants, sources and queues over them, as they were when read."""

    texts: Mapping[Holder, Mapping[tuple[str, str], str]] = field(default_factory=dict)

    def get(self, section: str, name: str) -> Value | None:
        """Return the value set on the application, or else the declared default; None when there is neither.

        A text that stands for no value, written past our commands, counts as not set; ``config check`` tells of it.

        Raises:
            LookupError: no such option is declared; a mistake of ours.
        """
        known = _known(section, name)
        return _value(known, self.texts.get(_OWN, {}).get((section, name)))

    def at(
        self, section: str, name: str, *, tenant: str = "default", media: str | None = None,
        source: str | None = None, queue: str | None = None,
    ) -> Value | None:  # fmt: skip
        """Return the value for an object: the more specific object wins, and on each the value for the medium.

        From the most specific: the queue of the source, the queue at every source, the source, the tenant, the
        application, the declared default. Media are written in lower case, as in ``q-answer-threshold-voice``.
        """
        known = _known(section, name)
        holders: list[Holder] = []
        if queue is not None:
            holders += [("queue", f"{source}/{queue}")] if source is not None else []
            holders += [("queue", queue)]
        if source is not None:
            holders += [("source", source)]
        names = [f"{name}-{media.lower()}"] if media is not None and Level.MEDIA in known.levels else []
        for holder in (*holders, ("tenant", tenant), _OWN):
            for wanted in (*names, name):
                text = self.texts.get(holder, {}).get((section, wanted))
                if text is not None:
                    return _value(known, text)
        return _value(known, None)

    def sections(self, prefix: str) -> list[str]:
        """Return the sections on the application that begin so, such as those of custom calendars: ``date-time-``."""
        return sorted({section for section, _ in self.texts.get(_OWN, {}) if section.startswith(prefix)})

    def flag(self, section: str, name: str) -> bool:
        """Return the value of an option that is true or false."""
        value = self.get(section, name)
        assert isinstance(value, bool), (section, name)  # noqa: S101  its declaration says so
        return value

    def number(self, section: str, name: str) -> int:
        """Return the value of an option that is a whole number and has a default."""
        value = self.get(section, name)
        assert isinstance(value, int), (section, name)  # noqa: S101
        return value

    def text(self, section: str, name: str) -> str:
        """Return the value of an option that is a text or a choice and has a default."""
        value = self.get(section, name)
        assert isinstance(value, str), (section, name)  # noqa: S101
        return value

    def clock(self, section: str, name: str) -> timedelta:
        """Return the value of a time of day, from midnight, or of a length written the same way."""
        value = self.get(section, name)
        assert isinstance(value, timedelta), (section, name)  # noqa: S101
        return value

    def cron(self, section: str, name: str) -> Cron:
        """Return the value of an option that is a schedule."""
        value = self.get(section, name)
        assert isinstance(value, Cron), (section, name)  # noqa: S101
        return value

    def zone(self, section: str, name: str) -> ZoneInfo:
        """Return the value of an option that is a time zone."""
        value = self.get(section, name)
        assert isinstance(value, ZoneInfo), (section, name)  # noqa: S101
        return value

    def day(self, section: str, name: str) -> date | None:
        """Return the value of an option that is a day, or None when it is not set."""
        value = self.get(section, name)
        assert value is None or isinstance(value, date), (section, name)  # noqa: S101
        return value


def effective(connection: Connection, kind: str = "application", name: str = "mart") -> Options:
    """Read the options of an object as they are now, and those of all tenants, sources and queues.

    A mart without configuration objects has every option at its default.
    """
    if connection.execute("SELECT to_regclass('cfg.option') IS NULL").fetchone() == (True,):
        return Options()
    texts: dict[Holder, dict[tuple[str, str], str]] = {}
    for held_kind, held_name, section, option, value in connection.execute(
        sql_text("config/effective"), {"kind": kind, "name": name}
    ):
        texts.setdefault((held_kind, held_name), {})[section, option] = value
    return Options(texts)


def _value(known: Declaration, text: str | None) -> Value | None:
    if text is not None:
        with suppress(ValueError):
            return known.parse(text)
    return None if known.default is None else known.parse(known.default)


def _known(section: str, name: str) -> Declaration:
    found = declaration(section, name)
    if found is None:
        raise LookupError(f"option [{section}] {name} is not declared")
    return found
