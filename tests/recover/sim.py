"""A world in memory: sites that die and come back, lines that break, switches that speak, and replication.

It answers the same protocol as PostgreSQL does, in small steps, with a place to crash between any two. It is there
to be treated badly ten thousand times.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from twinmart import errors
from twinmart.recover.configuration import next_epoch
from twinmart.recover.journal import Journal
from twinmart.recover.model import CollectorFacts, Copy, Facts, Link, SiteFacts, SourceFacts

DAWN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
Change = tuple[str, object]
SOURCES = {"london": 1, "bristol": 2}


class Crash(BaseException):
    """The tool died here."""


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
            collectors=dict(self.collectors),
            events=dict(self.events),
            delivered=dict(self.delivered),
            gone=list(self.gone),
        )

    def state(self) -> object:
        """Return what must be equal at both sites, and after any number of tries."""
        return (
            self.epoch, self.active_site, self.mart_site, self.mart_point, self.report_site, self.runs_schedule,
            self.runs_aggregates, sorted(self.collectors.items()), sorted(self.events), sorted(self.gone),
        )  # fmt: skip


@dataclass
class SimLink:
    """The receiving end: from where, whether it runs, and how far it came in the source's log."""

    from_site: int
    is_on: bool
    position: int


@dataclass
class SimSite:
    """One site, with what a crash of it leaves."""

    number: int
    up: bool = True
    mart: SimMart | None = field(default_factory=SimMart)
    log: list[Change] = field(default_factory=list)
    replica_of: int | None = None
    link: SimLink | None = None
    feeds: set[int] = field(default_factory=set)
    promised: int = 0
    fenced_for: int | None = None
    behind: bool = False
    partitions: bool = True
    server: str = "none"
    marks: dict[str, set[str]] = field(default_factory=dict)
    heard: dict[int, str] = field(default_factory=dict)  # event -> source, in its interaction databases
    number_of_runs: int = 0
    journal: Journal = field(default_factory=lambda: Journal(None))
    delivered_at_open: dict[str, int] = field(default_factory=dict)

    @property
    def own(self) -> SimMart:
        if self.mart is None:
            raise errors.NotInitialised(f"site {self.number} has no mart")
        return self.mart

    def write(self, *change: object) -> None:
        """Change the mart as a client would: the fences are asked, and replication sees it."""
        if self.replica_of is not None:
            raise errors.ReadOnlySite(f"site {self.number} is a copy of site {self.replica_of}")
        self.own.take(change)  # type: ignore[arg-type]
        self.log.append(change)  # type: ignore[arg-type]


class SimWorld:
    """The sites, the lines between them, and the tool that looks and acts from one of them."""

    def __init__(self) -> None:
        self.sites = {1: SimSite(1), 2: SimSite(2)}
        self.cut = False
        self.clock = 0
        self.said: dict[int, str] = {}
        self.deaf: set[str] = set()
        self.loads: dict[int, set[int]] = {}
        self.crash_in: int | None = None
        self.points = 0
        self.keeper = 0
        self.held: tuple[int, int] | None = None
        self.run = ""
        mart = self.sites[1].own
        for source, site in SOURCES.items():
            for twin, at in (("a", site), ("b", 3 - site)):
                mart.collectors[f"{source}_{twin}"] = CollectorFacts(f"{source}_{twin}", source, at, True, True)
        self.sites[2].mart = mart.copy()
        self.sites[2].replica_of = 1
        self.sites[2].link = SimLink(1, True, 0)
        self.sites[1].feeds = {2}
        self.sites[1].server = "running"

    @property
    def links(self) -> "SimWorld":
        return self

    @property
    def configuration(self) -> "SimWorld":
        return self

    @property
    def marts(self) -> "SimWorld":
        return self

    # --- what happens by itself ---------------------------------------------------------------------------------

    def speak(self, source: str) -> None:
        """A switch says something; collectors whose site is up and that are not deaf write it down."""
        self.clock += 1
        self.said[self.clock] = source
        for name, one in self._collectors().items():
            if one.source == source and self.sites[one.site].up and name not in self.deaf:
                self.sites[one.site].heard[self.clock] = source

    def flow(self, target: int, most: int = 1000) -> None:
        """Replication brings changes as far as the line lets it."""
        to = self.sites[target]
        link = to.link
        if link is None or not link.is_on or not to.up or not self._line(link.from_site, target):
            return
        source = self.sites[link.from_site]
        if target not in source.feeds:
            return
        for change in source.log[link.position : link.position + most]:
            to.own.take(change)
            link.position += 1

    def follow_schedule(self, site: int) -> bool:
        """The mart server of a site loads, if it runs, may, and has something; tell whether it loaded."""
        here = self.sites[site]
        if not here.up or here.server != "running" or here.mart is None or not here.own.runs_schedule:
            return False
        if self._may_load(site):
            return self._load(site) > 0
        here.server = "fenced"
        return False

    def kill(self, site: int) -> None:
        here = self.sites[site]
        here.up, here.server = False, "none"
        if self.held is not None and self.held[0] == site:
            self.held = None

    def revive(self, site: int) -> None:
        """A site comes back with what was on its disks; its mart server starts, and finds out whether it may."""
        here = self.sites[site]
        here.up = True
        if here.mart is not None:
            here.server = "running" if self._may_load(site) else "fenced"

    # --- invariants ---------------------------------------------------------------------------------------------

    def missing(self, site: int) -> list[int]:
        """Return what was said, is in no manifest of the site as gone, and is not in its mart."""
        mart = self.sites[site].own
        return [
            event
            for event, source in self.said.items()
            if event not in mart.events and not any(s == source and a < event <= b for s, a, b in mart.gone)
        ]

    # --- World --------------------------------------------------------------------------------------------------

    def point(self) -> None:
        self.points += 1
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self.crash_in = None
                self.held = None
                raise Crash

    def facts(self, sites: Iterable[int]) -> Facts:
        return Facts(DAWN + timedelta(seconds=self.clock), {site: self._facts(site) for site in sorted(sites)})

    def take(self, keeper: int, run: str) -> int:
        here = self._at(keeper)
        if self.held is None:
            here.number_of_runs += 1
            self.held = (keeper, here.number_of_runs)
        self.keeper, self.run = keeper, run
        return self.held[1]

    def forget(self, *marks: str) -> None:
        self._at(self.keeper).marks.setdefault(self.run, set()).difference_update(marks)

    def check_hold(self) -> None:
        if self.held is None:
            raise errors.ConnectionLost("the lock of recoveries was lost")

    def release(self) -> None:
        self.held = None

    def _facts(self, site: int) -> SiteFacts:
        here = self.sites[site]
        if not here.up or not self._line(self.keeper or site, site):
            return SiteFacts(site, answers=False, why_not="no answer")
        if here.mart is None:
            return SiteFacts(site, answers=True)
        mart = here.mart
        link = None if here.link is None else Link(here.link.from_site, here.link.is_on, str(here.link.position))
        return SiteFacts(
            site,
            answers=True,
            has_mart=True,
            version=14 - here.behind,
            latest=14,
            epoch=mart.epoch,
            active_site=mart.active_site,
            promised_epoch=here.promised,
            fenced_for=here.fenced_for,
            replica_of=here.replica_of,
            link=link,
            feeds=tuple(sorted(here.feeds)),
            leftovers=tuple(f"slot for site {one}" for one in sorted(here.feeds) if not self._is_fed(site, one)),
            mart_site=mart.mart_site,
            mart_point=mart.mart_point,
            report_site=mart.report_site,
            collectors=tuple(mart.collectors.values()),
            sources=tuple(
                SourceFacts(name, at, has_twin_here=any(c.source == name and c.site == site and c.is_on
                                                        for c in mart.collectors.values()))
                for name, at in SOURCES.items()
            ),
            runs_schedule=mart.runs_schedule,
            runs_aggregates=mart.runs_aggregates,
            server=here.server,
            partitions_to=DAWN + timedelta(days=30 if here.partitions else 0),
            marks=frozenset(here.marks.get(self.run, set())),
        )  # fmt: skip

    # links

    def pause(self, at: int) -> None:
        here = self._at(at)
        if here.link is not None:
            here.link.is_on = False

    def resume(self, at: int) -> None:
        here = self._at(at)
        if here.link is not None:
            here.link.is_on = True

    def detach(self, at: int) -> None:
        here = self._at(at)
        self._mark("candidate")
        self.point()
        here.link = None

    def clean_up(self, at: int) -> None:
        here = self._at(at)
        for one in sorted(here.feeds):
            if not self._is_fed(at, one):
                here.feeds.discard(one)
                self.point()
        here.link = None

    def copy(self, from_site: int, to: int, how: Copy) -> None:
        source, target = self._at(from_site), self._at(to)
        target.link, target.mart, target.replica_of, target.server = None, None, from_site, "none"
        target.feeds = set()
        self.point()
        source.feeds.add(to)
        position, mart = len(source.log), source.own.copy()
        self.point()
        target.mart, target.log = mart, []
        target.fenced_for, target.promised, target.behind = None, 0, False
        self.point()
        target.link = SimLink(from_site, True, position)

    def wait(self, at: int, source: int) -> str:
        here, there = self._at(at), self._at(source)
        self.flow(at)
        if here.link is None or here.link.from_site != source or here.link.position < len(there.log):
            raise errors.TookTooLong(f"site {at} has not everything of site {source}")
        self._mark("last" if there.replica_of is not None else "near")
        return str(here.link.position)

    def turn(self, new_source: int, new_target: int) -> None:
        source, target = self._at(new_source), self._at(new_target)
        if source.link is not None:
            self.flow(new_source)
            source.link = None
        self.point()
        target.feeds.discard(new_source)
        self.point()
        if target.link is None or target.link.from_site != new_source:
            source.feeds.add(new_target)
            position = len(source.log)
            self.point()
            target.link = SimLink(new_source, True, position)

    def compare(self, one: int, other: int) -> str:
        left, right = self._at(one), self._at(other)
        self.flow(other)
        if left.own.state() != right.own.state():
            raise errors.StepFailed("the marts differ")
        self._mark("compared")
        return "equal"

    def check_flow(self, source: int, target: int) -> str:
        self._at(source)
        self._at(target)
        self.flow(target)
        link = self.sites[target].link
        if link is None or link.position < len(self.sites[source].log):
            raise errors.TookTooLong("nothing arrives")
        self._mark("flow")
        return "arrived"

    # configuration

    def raise_epoch(self, at: int, *, expected: int, active: int, above: int) -> int:
        here = self._at(at)
        self.point()
        if here.own.epoch != expected:
            raise errors.PlanStale("the epoch moved")
        epoch = next_epoch(max(expected, here.promised, above), active)
        here.write("topology", (epoch, active))
        self.point()
        return epoch

    def promise(self, at: int, *, epoch: int, active: int) -> None:
        here = self._at(at)
        here.promised = max(here.promised, epoch)
        here.fenced_for = active
        if here.server == "running":
            here.server = "fenced"

    def forget_promise(self, at: int) -> None:
        self._at(at).fenced_for = None

    def lower_fences(self, at: int) -> None:
        here = self._at(at)
        self.point()
        here.replica_of, here.fenced_for = None, None
        self._mark("candidate")

    def raise_fences(self, at: int, of_site: int) -> None:
        self.point()
        self._at(at).replica_of = of_site

    def repoint(self, at: int, site: int) -> None:
        self._write(at, "mart_site", site)

    def swap_point(self, at: int, site: int) -> None:
        self._write(at, "mart_point", site)

    def switch_collectors(self, at: int, site: int, *, on: bool) -> None:
        for name, one in sorted(self.sites[at].own.collectors.items()):
            if one.site == site:
                self._write(at, "collectors", {name: replace(one, is_on=on)})

    def switch_points(self, at: int, site: int, *, on: bool) -> None:
        for name, one in sorted(self.sites[at].own.collectors.items()):
            if one.site == site:
                self._write(at, "collectors", {name: replace(one, point_is_on=on)})

    def adopt_collectors(self, at: int, site: int) -> str:
        for name, one in sorted(self.sites[at].own.collectors.items()):
            if not (one.is_on and one.point_is_on):
                self._write(at, "collectors", {name: replace(one, site=site, is_on=True, point_is_on=True)})
        return "adopted"

    def run_schedule(self, at: int, *, on: bool) -> None:
        self._write(at, "runs_schedule", on)

    def run_aggregates(self, at: int, *, on: bool) -> None:
        self._write(at, "runs_aggregates", on)

    # marts

    def start_server(self, at: int) -> str:
        here = self._at(at)
        here.server = "running" if self._may_load(at) else "fenced"
        return "started"

    def stop_server(self, at: int) -> None:
        self._at(at).server = "none"

    def prepare(self, at: int) -> None:
        self.sites[at].up = True

    def migrate(self, at: int) -> None:
        self._at(at).behind = False

    def make_partitions(self, at: int) -> None:
        self._at(at).partitions = True

    def check(self, at: int) -> str:
        here = self._at(at)
        if here.own.mart_site != at or here.own.mart_point != at:
            raise errors.StepFailed("the configuration is wrong")
        self._mark("checked")
        return "right"

    def load(self, at: int) -> str:
        if not self._may_load(at):
            raise errors.SiteFenced(f"site {at} must not load")
        count = self._load(at)
        self.point()
        self._mark("loaded")
        return f"{count} events"

    def open_manifest(self, at: int, lost: int) -> str:
        here = self._at(at)
        own = here.own
        here.delivered_at_open = {
            one.source: own.delivered.get(name, 0) for name, one in own.collectors.items() if one.site == lost
        }
        self._mark("manifest opened")
        return "opened"

    def write_manifest(self, at: int, lost: int) -> str:
        here = self._at(at)
        for source, since in sorted(here.delivered_at_open.items()):
            unheard = [
                event for event, of in self.said.items() if of == source and event > since and event not in here.heard
            ]
            for event in unheard:
                if event not in here.own.events:
                    self._write(at, "gone", (source, event - 1, event))
        self._mark("manifest")
        return "written"

    def request_aggregates(self, at: int, hours: int | None) -> str:
        self._at(at)
        self._mark("aggregates")
        return "requested"

    def open_reports(self, at: int) -> str:
        self._write(at, "report_site", at)
        self._mark("reports")
        return "open"

    # --- within -------------------------------------------------------------------------------------------------

    def _at(self, site: int) -> SimSite:
        here = self.sites[site]
        if not here.up or not self._line(self.keeper or site, site):
            raise errors.NoConnection(f"site {site} gives no answer")
        return here

    def _line(self, one: int, other: int) -> bool:
        return one == other or (not self.cut and self.sites[one].up and self.sites[other].up)

    def _write(self, at: int, *change: object) -> None:
        self.point()
        self._at(at).write(*change)
        self.point()

    def _mark(self, mark: str) -> None:
        self.point()
        self._at(self.keeper).marks.setdefault(self.run, set()).add(mark)

    def _collectors(self) -> dict[str, CollectorFacts]:
        newest = max((one for one in self.sites.values() if one.mart is not None), key=lambda one: one.own.epoch)
        return newest.own.collectors

    def _is_fed(self, source: int, target: int) -> bool:
        link = self.sites[target].link
        return link is not None and link.from_site == source

    def _may_load(self, site: int) -> bool:
        """The fence of every load: its own database, and every peer that answers."""
        here = self.sites[site]
        if here.mart is None or here.replica_of is not None or here.fenced_for is not None:
            return False
        for peer in self.sites.values():
            is_heard = peer is not here and self._line(site, peer.number) and peer.mart is not None
            if is_heard and peer.own.epoch > here.own.epoch:
                here.fenced_for, here.promised = peer.own.active_site, peer.own.epoch
                return False
        return here.own.active_site == site

    def _load(self, site: int) -> int:
        here = self.sites[site]
        mart = here.own
        found: dict[int, int] = {}
        read: dict[str, int] = {}
        for name, one in mart.collectors.items():
            if one.is_on and one.point_is_on and self._line(site, one.site):
                heard = {event for event, source in self.sites[one.site].heard.items() if source == one.source}
                found.update(dict.fromkeys(heard - set(mart.events), mart.epoch))
                read[name] = max(heard, default=0)
        if not found:
            return 0
        assert not set(found) & set(mart.events), "an event was loaded twice"
        self.loads.setdefault(mart.epoch, set()).add(site)
        here.write("events", found)
        here.write("delivered", read)
        return len(found)
