"""What recovery speaks of: facts about sites, and what somebody wishes. Pure data.

Facts are looked at once for each question and never remembered: a step that asks whether its goal is reached is given
what the sites say at that moment.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

Command = Literal["failover", "switchover", "return", "drill"]
COMMANDS: tuple[Command, ...] = ("failover", "switchover", "return", "drill")

Copy = Literal["online", "dump", "physical"]

SERVING = ("running", "paused", "migration")


@dataclass(frozen=True, slots=True)
class Link:
    """The receiving end of a replication, as the receiving site shows it; complete once a first beat has crossed."""

    from_site: int
    is_on: bool
    reached_lsn: str | None = None
    reached_at: datetime | None = None
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class CollectorFacts:
    """A collector and its access point, as the site's copy of the configuration has them."""

    name: str
    source: str
    site: int
    is_on: bool
    point_is_on: bool


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """How far a site's mart has the events of a source, and whether a collector here hears it still."""

    name: str
    site: int
    delivered_to: datetime | None = None
    has_twin_here: bool = False


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What one site says of itself; all but the number is meaningless where it does not answer.

    ``was_linked``: the mart was an end of a link once, as the source or with a complete copy.
    """

    site: int
    answers: bool
    why_not: str | None = None
    has_mart: bool = False
    version: int = 0
    latest: int = 0
    epoch: int = 0
    active_site: int = 0
    promised_epoch: int = 0
    heard_epoch: int = 0
    fenced_for: int | None = None
    replica_of: int | None = None
    is_half_copied: bool = False
    was_linked: bool = False
    link: Link | None = None
    feeds: tuple[int, ...] = ()
    leftovers: tuple[str, ...] = ()
    unsalvaged: frozenset[int] = frozenset()
    mart_site: int = 0
    mart_point: int | None = None
    report_site: int = 0
    collectors: tuple[CollectorFacts, ...] = ()
    sources: tuple[SourceFacts, ...] = ()
    runs_schedule: bool = False
    is_held: bool = False
    runs_aggregates: bool = False
    server: str = "none"
    partitions_to: datetime | None = None
    backlog: int = 0
    marks: frozenset[str] = frozenset()

    @property
    def is_current(self) -> bool:
        """Whether the mart is of this program's version."""
        return self.has_mart and self.version == self.latest

    @property
    def highest_epoch(self) -> int:
        """The highest epoch of which the site knows, be it as a promise or by hearsay."""
        return max(self.epoch, self.spent_epoch)

    @property
    def spent_epoch(self) -> int:
        """The highest epoch that another site was promised or has taken, and this one never takes."""
        return max(self.promised_epoch, self.heard_epoch)

    @property
    def has_candidate(self) -> bool:
        """Whether the mart was a copy of the active site until recovery itself took it out of replication."""
        return "candidate" in self.marks

    @property
    def is_no_copy(self) -> bool:
        """Whether nothing was ever replicated to a mart made beside an active one; its fences make no copy of it."""
        if (self.replica_of is not None or self.spent_epoch > self.epoch) and not self.was_linked:
            return True
        return self.replica_of is None and self.active_site != self.site and not self.has_candidate

    @property
    def is_active(self) -> bool:
        """Whether the site may load, as far as it knows itself."""
        return self.answers and self.active_site == self.site and self.replica_of is None and self.fenced_for is None

    @property
    def has_taken_over(self) -> bool:
        """Whether nothing is left of a recovery that made the site the active one, and broke off behind that."""
        is_pointed_at = self.mart_site == self.mart_point == self.site and self.report_site in (0, self.site)
        return is_pointed_at and not self.is_held


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sites that matter said, at one moment."""

    at: datetime
    sites: Mapping[int, SiteFacts]

    def __getitem__(self, site: int) -> SiteFacts:
        return self.sites.get(site, SiteFacts(site, answers=False, why_not="not asked"))

    @property
    def active(self) -> SiteFacts | None:
        """The site that the newest word of all that answer names as active; it may not answer itself."""
        known = [one for one in self.sites.values() if one.answers and one.has_mart]
        if not known:
            return None
        return self[max(known, key=lambda one: (one.epoch, one.is_active)).active_site]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a command is to bring about: ``target`` shall be active when it is done.

    ``other`` is the site that is lost (failover, drill), that was active (switchover), or that comes back (return; then
    it may be the target too, and ``other`` the survivor).
    ``since_epoch`` is the highest epoch known when the wish was made.
    """

    command: Command
    target: int
    other: int
    copy: Copy = "online"
    reaggregate_h: int | None = None
    accept_loss: frozenset[str] = frozenset()
    even_if_alive: bool = False
    survivor: int = 0
    since_epoch: int = 0

    @property
    def keeper(self) -> int:
        """The site that keeps the journal and the lock: the one that is sure to be there until the end."""
        return self.survivor if self.command == "return" else self.target

    @property
    def newcomer(self) -> int:
        """Of a return, the site that comes back or is new."""
        return self.other if self.survivor == self.target else self.target

    def to_json(self) -> dict[str, object]:
        """Return the wish as data that ``from_json`` reads."""
        return {**asdict(self), "accept_loss": sorted(self.accept_loss)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Wish":
        """Return the wish that was written as data; what only a newer program knows is left out."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**{**known, "accept_loss": frozenset(data.get("accept_loss", ()))})


def digest(data: object) -> str:
    """Return a short hash of data that JSON can hold, the same for the same data.

    >>> digest({"b": 1, "a": [2]}) == digest({"a": [2], "b": 1})
    True
    """
    text = json.dumps(data, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
