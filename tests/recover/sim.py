"""Sites in memory: they die and come back, lines break, switches speak, replication flows, mart servers work.

What a site refuses or lets pass it does as PostgreSQL and our servers do, so that planner, steps and executor can
be treated badly ten thousand times. How the tool reaches it stands in ``tool``, how the witness does in ``third``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from twinmart import errors
from twinmart.recover.journal import FILE, Journal
from twinmart.recover.model import SERVING, CollectorFacts, Link, SiteFacts, SourceFacts

DAWN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LATEST = 14
SOURCES = {"london": 1, "bristol": 2}
Change = tuple[str, object]
MEMORY = Path("/dev/shm")


@dataclass
class SimMart:
    """What is replicated: topology, configuration, loaded events."""

    epoch: int = 1
    active_site: int = 1
    mart_site: int = 1
    mart_point: int | None = 1
    report_site: int = 1
    runs_schedule: bool = True
    runs_aggregates: bool = True
    sources: dict[str, int] = field(default_factory=dict)  # source -> its site
    collectors: dict[str, CollectorFacts] = field(default_factory=dict)
    events: dict[int, int] = field(default_factory=dict)  # event -> epoch under which it was loaded
    delivered: dict[str, int] = field(default_factory=dict)  # collector -> last moment read
    gone: list[tuple[str, int, int]] = field(default_factory=list)

    def take(self, change: Change) -> None:
        what, value = change
        match what:
            case "events" | "delivered" | "collectors":
                getattr(self, what).update(value)
            case "gone":
                self.gone.append(value)  # type: ignore[arg-type]
            case "topology":
                # One row: nobody ever sees half of it.
                self.epoch, self.active_site = value  # type: ignore[misc]
            case _:
                setattr(self, what, value)

    def copy(self) -> "SimMart":
        return replace(
            self,
            sources=dict(self.sources),
            collectors=dict(self.collectors),
            events=dict(self.events),
            delivered=dict(self.delivered),
            gone=list(self.gone),
        )

    def state(self) -> object:
        """Return what must be equal at both sites, and after any number of tries."""
        return (
            self.epoch, self.active_site, self.mart_site, self.mart_point, self.report_site, self.runs_schedule,
            self.runs_aggregates, sorted(self.sources), sorted(self.collectors.items()), sorted(self.events),
            sorted(self.gone),
        )  # fmt: skip


@dataclass
class SimLink:
    """The receiving end: which link it is, from where, whether it runs, and how far it came in the source's log."""

    name: int
    from_site: int
    is_on: bool
    position: int


@dataclass
class SimSite:
    """One site, with what a crash of it leaves."""

    number: int
    folder: Path
    up: bool = True
    mart: SimMart | None = field(default_factory=SimMart)
    was_linked: bool = False  # as the source of a link, or with a whole copy
    log: list[Change] = field(default_factory=list)
    replica_of: int | None = None
    link: SimLink | None = None
    feeds: dict[int, int] = field(default_factory=dict)  # slots: site -> link
    known: int | None = None  # the link of which this is the receiving end, by its own note
    is_half: bool = False  # a copy to this site is under way
    stuck: errors.MartError | bool = False  # its fences do not come down, with an error or without a word
    in_flight: bool = False  # a load of its server has begun and is not committed
    promised: int = 0
    fenced_for: int | None = None
    behind: bool = False
    partitions: bool = True
    serves: bool = True  # whether the process of its mart server is there
    heard_epoch: int = 0  # what was heard from others, and is remembered
    marks: dict[str, set[str]] = field(default_factory=dict)
    heard: dict[int, str] = field(default_factory=dict)  # event -> source, in its interaction databases
    runs: int = 0  # fencing number of recoveries
    holder: object = None  # who has the lock of recoveries
    delivered_at_open: dict[str, int] = field(default_factory=dict)
    skew: timedelta = timedelta(0)
    lease: tuple[int, float] | None = None  # epoch that a witness watches, and until when loads are allowed
    contact: int = 0
    told_witness: str | None = None
    claimed: int | None = None

    @property
    def own(self) -> SimMart:
        if self.mart is None:
            raise errors.NotInitialised(f"site {self.number} has no mart")
        return self.mart

    def journal(self) -> Journal:
        return Journal(self.folder / FILE)

    def write(self, *change: object) -> None:
        """Change the mart as a client would: the fences are asked, and replication sees it."""
        if self.replica_of is not None:
            of = self.replica_of
            raise errors.ReadOnlySite(f"site {self.number} is a copy of site {of}", hint="Look with: twinmart status.")
        self.own.take(change)  # type: ignore[arg-type]
        self.log.append(change)  # type: ignore[arg-type]


class SimWorld:
    """The sites, the lines between them, and what happens by itself."""

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="twinmart-sim-", dir=MEMORY if MEMORY.is_dir() else None))
        self.sites = {number: SimSite(number, self.folder / str(number)) for number in (1, 2)}
        self.cut: set[frozenset[int]] = set()
        self.clock = 0
        self.now_s = 0.0
        self.said: dict[int, str] = {}
        self.deaf: set[str] = set()
        self.loads: dict[int, set[int]] = {}
        self.lost_loads = 0
        self.is_busy = False
        self.slots: list[int] = []  # link -> position in the source's log where it begins
        self.on_load: Callable[[int], None] = lambda site: None
        self.on_wait: Callable[[], None] = lambda: None
        mart = self.sites[1].own
        mart.sources = dict(SOURCES)
        for source, site in SOURCES.items():
            for twin, at in (("a", site), ("b", 3 - site)):
                mart.collectors[f"{source}_{twin}"] = CollectorFacts(f"{source}_{twin}", source, at, True, True)
        self.sites[2].mart = mart.copy()
        self.sites[2].replica_of = 1
        self.sites[2].known = self.new_slot(1, 2)
        self.sites[2].was_linked = True
        self.connect(1, 2)

    def new_slot(self, source: int, target: int) -> int:
        """Make a slot that keeps everything from here on; return the name of its link."""
        self.sites[source].was_linked = True
        self.slots.append(len(self.sites[source].log))
        self.sites[source].feeds[target] = len(self.slots) - 1
        return len(self.slots) - 1

    def is_living(self, source: int, target: int) -> bool:
        """Whether both ends know of one link that can be gone on with."""
        known = self.sites[target].known
        return known is not None and self.sites[source].feeds.get(target) == known

    def connect(self, source: int, target: int) -> None:
        """Bring the receiving end to life."""
        here, name = self.sites[target], self.sites[source].feeds.get(target)
        if name is None or here.known != name:
            raise errors.StepFailed("the slot is gone")
        if here.link is None or here.link.name != name:
            here.link = SimLink(name, source, True, self.slots[name])
        here.link.is_on = True

    # --- what happens by itself ---------------------------------------------------------------------------------

    def speak(self, source: str) -> None:
        """A switch says something; collectors whose site is up and that are not deaf write it down."""
        self.clock += 1
        self.said[self.clock] = source
        newest = max((one for one in self.sites.values() if one.mart is not None), key=lambda one: one.own.epoch)
        for name, one in newest.own.collectors.items():
            if one.source == source and self.sites[one.site].up and name not in self.deaf:
                self.sites[one.site].heard[self.clock] = source

    def flow(self, target: int, most: int = 1000) -> None:
        """Replication brings changes as far as the line lets it."""
        to = self.sites[target]
        link = to.link
        if link is None or not link.is_on or not self.is_linked(link.from_site, target):
            return
        for change in self.sites[link.from_site].log[link.position : link.position + most]:
            assert to.replica_of is not None, f"what is sent overwrote what site {target} loads itself"
            to.own.take(change)
            link.position += 1

    def follow_schedule(self, site: int) -> bool:
        """The mart server of a site loads, if it runs, may, and has something; tell whether it loaded."""
        here = self.sites[site]
        if not here.up or here.mart is None or self.server_state(site) != "running":
            return False
        self.hear_peers(site)
        if not self.may_load(site):
            return False
        if not here.partitions:
            self.lost_loads += 1
            return False
        return self.load(site) > 0

    def work(self) -> None:
        """Let everything that works by itself go on a little: servers load, replication flows."""
        for site in self.sites:
            self.follow_schedule(site)
            self.flow(site, 3)

    def kill(self, site: int) -> None:
        here = self.sites[site]
        here.up, here.serves, here.holder = False, False, None

    def lose_disks(self, site: int) -> None:
        """Nothing is left of a site; when it comes back it is a new one."""
        rmtree(self.sites[site].folder, ignore_errors=True)
        self.sites[site] = SimSite(site, self.folder / str(site), up=False, serves=False, mart=None)

    def revive(self, site: int) -> None:
        """A site comes back with what was on its disks; its mart server starts, and finds out whether it may."""
        here = self.sites[site]
        here.up, here.serves = True, True

    # --- what is so ---------------------------------------------------------------------------------------------

    def line(self, one: int, other: int) -> bool:
        """Whether two places hear each other; the witness is 0 and always up."""
        is_up = all(place == 0 or self.sites[place].up for place in (one, other))
        return is_up and (one == other or frozenset((one, other)) not in self.cut)

    def is_linked(self, source: int, target: int) -> bool:
        """Whether a site receives from another one at this moment."""
        link = self.sites[target].link if target in self.sites else None
        return (
            link is not None
            and link.from_site == source
            and link.is_on
            and self.line(source, target)
            and self.sites[source].feeds.get(target) == link.name
        )

    def server_state(self, site: int) -> str:
        here = self.sites[site]
        if not here.serves or here.mart is None:
            return "none"
        if here.behind:
            return "migration"
        if here.heard_epoch > here.own.epoch or self.lapsed(site):
            return "fenced"
        if here.replica_of is not None or here.own.active_site != site:
            return "standby"
        return "running" if here.own.runs_schedule or here.in_flight else "paused"

    def lapsed(self, site: int) -> bool:
        """Whether a witness's leave to load has ended."""
        here = self.sites[site]
        return here.lease is not None and here.lease[0] == here.own.epoch and here.lease[1] <= self.now_s

    def hear_peers(self, site: int) -> None:
        here = self.sites[site]
        for peer in self.sites.values():
            is_heard = peer is not here and peer.mart is not None and self.line(site, peer.number)
            if is_heard and peer.own.epoch > here.own.epoch:
                here.heard_epoch = max(here.heard_epoch, peer.own.epoch)

    def may_load(self, site: int) -> bool:
        """The fence of every load: its own database, what that remembers, and every peer that answers."""
        here = self.sites[site]
        if not here.up or here.mart is None or here.replica_of is not None or self.lapsed(site):
            return False
        if here.heard_epoch > here.own.epoch:
            return False
        peers = [one for one in self.sites.values() if one is not here and one.mart and self.line(site, one.number)]
        return here.own.active_site == site and all(one.own.epoch <= here.own.epoch for one in peers)

    def load(self, site: int) -> int:
        here = self.sites[site]
        mart = here.own
        found: dict[int, int] = {}
        read: dict[str, int] = {}
        for name, one in mart.collectors.items():
            if one.is_on and one.point_is_on and self.line(site, one.site):
                heard = {event for event, source in self.sites[one.site].heard.items() if source == one.source}
                found.update(dict.fromkeys(heard - set(mart.events), mart.epoch))
                read[name] = max(heard, default=0)
        if not found:
            return 0
        assert not set(found) & set(mart.events), "an event was loaded twice"
        self.loads.setdefault(mart.epoch, set()).add(site)
        self.on_load(site)
        here.write("events", found)
        here.write("delivered", read)
        return len(found)

    def missing(self, site: int) -> list[int]:
        """Return what was said, is in no manifest of the site as gone, and is not in its mart."""
        mart = self.sites[site].own
        return [
            event
            for event, source in self.said.items()
            if event not in mart.events and not any(s == source and a < event <= b for s, a, b in mart.gone)
        ]

    def facts(self, site: int, run: str) -> SiteFacts:
        """What a site that answers says; the marks are those of the run and those of the site itself."""
        here = self.sites[site]
        if here.mart is None:
            return SiteFacts(site, answers=True)
        mart = here.mart
        link = None
        if here.link is not None:
            source = self.sites[here.link.from_site]
            at = DAWN + timedelta(seconds=self.clock) + source.skew
            link = Link(here.link.from_site, here.link.is_on, str(here.link.position), at)
        told = SiteFacts(
            site, answers=True, has_mart=True, version=LATEST - here.behind, latest=LATEST, epoch=mart.epoch,
            active_site=mart.active_site, replica_of=here.replica_of, is_half_copied=here.is_half,
            was_linked=here.was_linked, link=link, server=self.server_state(site),
            leftovers=tuple(f"slot for site {one}" for one in sorted(here.feeds) if not self.is_linked(site, one)),
        )  # fmt: skip
        if here.behind:
            return told
        twins = {(one.source, one.site) for one in mart.collectors.values()}
        return replace(
            told,
            promised_epoch=here.promised,
            heard_epoch=here.heard_epoch,
            fenced_for=here.fenced_for,
            feeds=tuple(sorted(here.feeds)),
            mart_site=mart.mart_site,
            mart_point=mart.mart_point,
            report_site=mart.report_site,
            collectors=tuple(mart.collectors.values()),
            sources=tuple(SourceFacts(one, at, has_twin_here=(one, site) in twins) for one, at in mart.sources.items()),
            runs_schedule=mart.runs_schedule,
            is_held=not mart.runs_schedule,
            runs_aggregates=mart.runs_aggregates,
            partitions_to=DAWN + timedelta(seconds=self.clock, days=30 if here.partitions else 0) + here.skew,
            marks=frozenset(here.marks.get(run, set()) | here.marks.get("", set())),
        )  # fmt: skip

    def serves(self, site: int) -> bool:
        return self.server_state(site) in SERVING

    def state(self) -> object:
        """Return everything that a command leaves, but for what tells how often it was tried."""
        return [
            (site.number, site.up, site.own.state(), site.replica_of, site.fenced_for, site.behind, site.partitions,
             site.serves, sorted(site.heard), sorted(site.feeds), site.holder,
             None if site.link is None else (site.link.from_site, site.link.is_on))
            for site in self.sites.values()
        ]  # fmt: skip
