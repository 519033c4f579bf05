"""The tool, as one operator runs it at one site: it looks at the simulated sites and acts upon them in small steps.

Between any two of them it can die, and anything can happen elsewhere: that is what ``meanwhile`` is for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import product

from tests.recover.sim import DAWN, SimMart, SimSite, SimWorld
from twinmart import errors
from twinmart.config.topology import next_epoch
from twinmart.recover.model import CollectorFacts, Copy, Facts, SiteFacts

# What the parts that are simulated here say; the engine's own errors are its own.
LOOK = "Look with: twinmart status."


class Crash(BaseException):
    """The tool died here, in the step that is named."""


class Tool:
    """A world of ``twinmart.recover``: links, configuration and marts in one."""

    def __init__(
        self,
        world: SimWorld,
        keeper: int,
        *,
        crash_at: int | tuple[int, int] | None = None,
        meanwhile: Mapping[int, Callable[[], None]] | None = None,
    ) -> None:
        """``crash_at`` is the place where the tool dies: the how manieth of all, or of a step whose number is given."""
        self.world = world
        self.keeper = keeper
        self.points = 0
        self.step = ""
        self.place = (0, 0)  # the step, and the how manieth place in it
        self.run = ""
        self._crash_at = crash_at
        self._meanwhile = dict(meanwhile or {})
        self._number = 0
        self._was_held = False
        self.links = self.configuration = self.marts = self

    # --- World --------------------------------------------------------------------------------------------------

    def begin(self, number: int, step: str) -> None:
        """A step begins."""
        self.step, self.place = step, (number, 0)

    def point(self) -> None:
        self.points += 1
        self.place = (self.place[0], self.place[1] + 1)
        if self.world.is_busy:
            self.world.work()
        happening = self._meanwhile.pop(self.points, None)
        if happening is not None:
            happening()
        if self._is_place_to_die():
            self.release()
            raise Crash(self.step)

    def _is_place_to_die(self) -> bool:
        if isinstance(self._crash_at, tuple):
            return self.place >= self._crash_at
        return self.points == self._crash_at

    def facts(self, sites: Iterable[int]) -> Facts:
        world = self.world
        now = DAWN + timedelta(seconds=world.clock) + world.sites[self.keeper].skew
        return Facts(now, {site: self._facts(site) for site in sorted(set(sites))})

    def _facts(self, site: int) -> SiteFacts:
        if not self._answers(site):
            return SiteFacts(site, answers=False, why_not="no answer")
        return self.world.facts(site, self.run)

    def take(self, keeper: int, run: str) -> int:
        here = self._at(keeper)
        if here.holder is None:
            here.holder = self
        elif here.holder is not self:
            raise errors.LockHeld("somebody works on a recovery", hint=LOOK)
        here.runs += 1
        self.keeper, self.run, self._number, self._was_held = keeper, run, here.runs, True
        return self._number

    def forget(self, *marks: str) -> None:
        self._change(self.keeper).marks.setdefault(self.run, set()).difference_update(marks)

    def check_hold(self) -> None:
        here = self.world.sites[self.keeper]
        if here.holder is not self:
            raise errors.ConnectionLost("the lock of recoveries was lost", hint=LOOK)
        if here.runs > self._number:
            raise errors.RunSuperseded("another run of a recovery has begun", hint=LOOK)

    def release(self) -> None:
        for site in self.world.sites.values():
            if site.holder is self:
                site.holder = None

    # --- links --------------------------------------------------------------------------------------------------

    def pause(self, at: int) -> None:
        here = self._step(at)
        if here.link is not None:
            here.link.is_on = False
        self.point()

    def resume(self, at: int) -> None:
        here = self._step(at)
        if here.link is not None:
            here.link.is_on = True

    def detach(self, at: int) -> None:
        here = self._step(at)
        here.link = None
        self.point()

    def clean_up(self, at: int) -> None:
        here = self._step(at)
        here.link = None
        for one in sorted(here.feeds):
            self.point()
            here.feeds.pop(one, None)
        self.point()

    def copy(self, from_site: int, to: int, how: Copy) -> None:
        del how
        source, target = self._step(from_site), self._at(to)
        if not self.world.is_living(from_site, to):
            if target.mart is not None and target.own.epoch > source.own.epoch:
                raise errors.SiteFenced(f"site {to} knows a newer topology")
            if source.own.active_site != from_site or source.replica_of is not None:
                raise errors.SiteFenced(f"site {from_site} must not be the source")
            source.feeds, source.link = {}, None
            target.link, target.feeds, target.replica_of, target.is_half = None, {}, from_site, True
            self.point()
            name, mart = self.world.new_slot(from_site, to), source.own.copy()
            self.point()
            target = self._at(to)
            target.mart, target.log, target.behind = mart, [], False
            self.point()
            target.is_half, target.known, target.was_linked = False, name, True
        self.point()
        target = self._at(to)
        if target.own.epoch > self._at(from_site).own.epoch:
            raise errors.SiteFenced(f"site {to} knows a newer topology")
        target.replica_of = from_site
        self.world.connect(from_site, to)
        self.point()
        self._at(to).feeds = {}
        self._at(to).fenced_for = None

    def wait(self, at: int, source: int) -> str:
        here, there = self._step(at), self._at(source)
        self.world.flow(at)
        if not self.world.is_linked(source, at) or here.link is None or here.link.position < len(there.log):
            raise errors.TookTooLong(f"site {at} has not everything of site {source}")
        reached = str(here.link.position)
        self._mark("last" if there.replica_of is not None else "near")
        return reached

    def turn(self, new_source: int, new_target: int) -> None:
        source, target = self._step(new_source), self._at(new_target)
        if not self.world.is_living(new_source, new_target):
            source.feeds = {}
            name = self.world.new_slot(new_source, new_target)
            if source.replica_of is None:
                raise errors.SiteFenced(f"site {new_source} was opened meanwhile", hint=LOOK)
            self.point()
            target.known = name
        self.point()
        self._at(new_source).link = None
        self.point()
        target = self._at(new_target)
        target.feeds.pop(new_source, None)
        self.point()
        self.world.connect(new_source, new_target)
        self.point()

    def compare(self, one: int, other: int) -> str:
        left, right = self._step(one), self._at(other)
        self.world.flow(other)
        if left.own.state() != right.own.state():
            raise errors.StepFailed("the marts differ")
        self._mark("compared")
        return "equal"

    def check_flow(self, source: int, target: int) -> str:
        there, here = self._step(source), self._at(target)
        self.world.flow(target)
        if not self.world.is_linked(source, target) or here.link is None or here.link.position < len(there.log):
            raise errors.TookTooLong("nothing arrives")
        self._mark("flow")
        return "arrived"

    # --- configuration ------------------------------------------------------------------------------------------

    def raise_epoch(self, at: int, *, expected: int, active: int, above: int) -> int:
        here = self._change(at)
        if here.own.epoch != expected:
            raise errors.TopologyChanged("the epoch moved")
        epoch = next_epoch(max(expected, here.promised, here.heard_epoch, above), active)
        here.write("topology", (epoch, active))
        self.point()
        return epoch

    def promise(self, at: int, *, epoch: int, active: int) -> None:
        here = self._change(at)
        if here.mart is None:
            raise errors.NotInitialised(f"site {at} has no mart")
        here.promised = max(here.promised, epoch)
        here.fenced_for = active
        self.point()
        self.raise_fences(at, active)

    def forget_promise(self, at: int) -> None:
        self.lower_fences(at)

    def lower_fences(self, at: int) -> None:
        here = self._change(at)
        if here.stuck:
            if isinstance(here.stuck, errors.MartError):
                raise here.stuck
            return
        here.marks.setdefault("", set()).add("candidate")
        self._change(at).replica_of = None
        self._change(at).fenced_for = None
        self.point()

    def raise_fences(self, at: int, of_site: int) -> None:
        here = self._change(at)
        if here.in_flight:
            raise errors.OpenTransaction("a load has not ended", hint=LOOK)
        here.replica_of = of_site
        self.point()

    def repoint(self, at: int, site: int) -> None:
        self._write(at, "mart_site", site)

    def swap_point(self, at: int, site: int) -> None:
        self._write(at, "mart_point", site)

    def switch_collectors(self, at: int, site: int, *, on: bool) -> None:
        self._put(at, {n: replace(one, is_on=on) for n, one in self._at(at).own.collectors.items() if one.site == site})

    def switch_points(self, at: int, site: int, *, on: bool) -> None:
        collectors = self._at(at).own.collectors
        self._put(at, {n: replace(one, point_is_on=on) for n, one in collectors.items() if one.site == site})

    def adopt_collectors(self, at: int, site: int) -> str:
        own = self._at(at).own
        found = {
            name: replace(one, site=at if one.site == at else site, is_on=True, point_is_on=True)
            for name, one in own.collectors.items()
            if not (one.is_on and one.point_is_on) or one.site not in (at, site)
        }
        known = {(one.source, one.site) for one in {**own.collectors, **found}.values()}
        for source, place in product(own.sources, (at, site)):
            if (source, place) not in known:
                free = next(name for twin in "ab" if (name := f"{source}_{twin}") not in {**own.collectors, **found})
                found[free] = CollectorFacts(free, source, place, is_on=True, point_is_on=True)
        self._put(at, found)
        return f"in use again or made: {', '.join(sorted(found)) or 'none'}"

    def run_schedule(self, at: int, *, on: bool) -> None:
        self._write(at, "runs_schedule", on)

    def run_aggregates(self, at: int, *, on: bool) -> None:
        self._write(at, "runs_aggregates", on)

    # --- marts --------------------------------------------------------------------------------------------------

    def start_server(self, at: int) -> str:
        self._step(at).serves = True
        self.world.hear_peers(at)
        if not self.world.serves(at):
            self.world.on_wait()
        state = self.world.server_state(at)
        if not self.world.serves(at):
            raise errors.TookTooLong(f"the mart server of site {at} is {state}", hint=LOOK)
        self.point()
        return state

    def stop_server(self, at: int) -> None:
        here = self._step(at)
        if here.own.runs_schedule:
            raise errors.StepFailed("it works on")
        here.in_flight = False

    def prepare(self, at: int) -> None:
        self.point()
        here = self.world.sites[at]
        if not self.world.line(self.keeper, self.keeper) or frozenset((self.keeper, at)) in self.world.cut:
            raise errors.NoConnection(f"site {at} gives no answer", hint=LOOK)
        here.up = True
        if here.mart is None:
            here.mart, here.serves = SimMart(), True
        here.behind = False

    def migrate(self, at: int) -> None:
        self._step(at).behind = False
        self.point()

    def make_partitions(self, at: int) -> None:
        self._step(at).partitions = True
        self.point()

    def check(self, at: int) -> str:
        here = self._step(at)
        if (here.own.mart_site, here.own.mart_point, here.own.active_site) != (at, at, at):
            raise errors.StepFailed("the configuration is wrong")
        if here.replica_of is not None or not self.world.serves(at):
            raise errors.StepFailed("it does not serve")
        self._mark("checked")
        return "right"

    def load(self, at: int) -> str:
        here = self._step(at)
        self.world.hear_peers(at)
        if not self.world.may_load(at):
            raise errors.SiteFenced(f"site {at} must not load")
        if not here.partitions:
            raise errors.StepFailed("no partition for today")
        count = self.world.load(at)
        self.point()
        self._mark("loaded")
        return f"{count} events"

    def open_manifest(self, at: int, lost: int) -> str:
        here = self._step(at)
        own = here.own
        here.delivered_at_open = {
            one.source: own.delivered.get(name, 0) for name, one in own.collectors.items() if one.site == lost
        }
        self._mark("manifest opened")
        return "opened"

    def write_manifest(self, at: int, lost: int) -> str:
        del lost
        here = self._step(at)
        for source, since in sorted(here.delivered_at_open.items()):
            for event, of in self.world.said.items():
                is_unheard = of == source and event > since and event not in here.heard and event not in here.own.events
                gone = (source, event - 1, event)
                if is_unheard and gone not in here.own.gone:
                    self._write(at, "gone", gone)
        self._mark("manifest")
        return "written"

    def request_aggregates(self, at: int, hours: int | None) -> str:
        del hours
        self._step(at)
        self._mark("aggregates")
        return "requested"

    def open_reports(self, at: int) -> str:
        self._write(at, "report_site", at)
        self._mark("reports")
        return "open"

    # --- within -------------------------------------------------------------------------------------------------

    def _answers(self, site: int) -> bool:
        return self.world.line(self.keeper, site)

    def _at(self, site: int) -> SimSite:
        """Reach a site."""
        if not self._answers(site):
            raise errors.NoConnection(f"site {site} gives no answer", hint=LOOK)
        return self.world.sites[site]

    def _step(self, at: int) -> SimSite:
        """Begin an act that asks nobody whether it may."""
        self.point()
        return self._at(at)

    def _change(self, at: int) -> SimSite:
        """Begin a change of a run that may still change things."""
        self.point()
        self.check_hold()
        return self._at(at)

    def _write(self, at: int, *change: object) -> None:
        self._change(at).write(*change)
        self.point()

    def _put(self, at: int, collectors: Mapping[str, object]) -> None:
        self._write(at, "collectors", collectors)

    def _mark(self, mark: str) -> None:
        self._change(self.keeper).marks.setdefault(self.run, set()).add(mark)
