"""Every command killed at every moment on real servers, and given again: the end is that of an undisturbed run.

The moments are those between which the executor and the acts change something, found by walking: a process carries the
command out and dies, by ``os._exit``, at the first moment at which none has died before it. So one pair of sites sees a
death at each moment of each step, one after the other. Both sites try to load all the time, and what was committed
shows that never two of them could.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from signal import SIGKILL
from threading import Event as Signal
from threading import Thread
from typing import Any
from zlib import crc32

import pytest

from tests.paths.fingerprint import Fingerprint
from tests.recover.conftest import FAILOVER, NOWHERE, SUBSCRIPTIONS, Disaster, disaster, disaster_of
from tests.recover.recorder import Recorder
from tests.replicate.test_physical import site_of_its_own
from tests.replicate.test_physical_crash import ACTS
from tests.support import MartServer
from twinmart import errors
from twinmart.jobs.server import MartServer as JobServer
from twinmart.recover.drill import Drill, leftovers
from twinmart.recover.journal import Journal
from twinmart.recover.model import Wish
from twinmart.recover.plan import is_fulfilled
from twinmart.recover.procedure import Event
from twinmart.recover.run import Executor, plan_now
from twinmart.recover.world import SiteWorld
from twinmart.replicate.ends import End, reach

pytestmark = pytest.mark.xdist_group("crashes")

DIED, REFUSED = 137, 4

RETURN_1 = Wish("return", 1, 2, survivor=2)
RETURN_2 = Wish("return", 2, 1, survivor=2)
SWITCHOVER = Wish("switchover", 2, 1)
DRILL = Wish("drill", 2, 1, accept_loss=frozenset({"all"}))

# What must be the same in the end, at each site.
STATE = (
    "SELECT active_site, epoch FROM cfg.topology",
    "SELECT kind, name, enabled, properties::text FROM cfg.object ORDER BY kind, name",
    "SELECT object_key, section, name, value FROM cfg.option ORDER BY 1, 2, 3",
    "SELECT source_key, class, from_at, to_at, events, calls FROM ctl.loss ORDER BY class, from_at",
    "SELECT of_site FROM ops.replica",
    "SELECT role, state FROM ops.link WHERE state <> 'ended'",
    "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()",
    f"SELECT count(*) {SUBSCRIPTIONS.partition('count(*)')[2]} AND subenabled",
)

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.recover.test_crash_matrix"])


@dataclass
class Mortal:
    """Counts moments by the step and state that were told last, and dies at one of them; of all, at those of a part."""

    died_at: Path | None
    at: int | None = None
    part: tuple[int, int] = (0, 1)
    label: str = "begin"
    count: int = 0
    moments: int = 0

    def tell(self, event: Event) -> None:
        self.label, self.count = f"{event.step}|{event.state}", 0

    def __call__(self) -> None:
        self.count += 1
        self.moments += 1
        if self.at is not None and self.moments == self.at:
            os._exit(DIED)
        if self.died_at is not None:
            label = f"{self.label}|{self.count}"
            part, parts = self.part
            if (
                crc32(label.encode()) % parts == part
                and label not in self.died_at.read_text(encoding="utf-8").splitlines()
            ):
                with self.died_at.open("a", encoding="utf-8") as file:
                    file.write(f"{label}\n")
                os._exit(DIED)


def carry_out(
    ends: dict[int, End], wish: Wish, folder: Path, lost: frozenset[int], died_at: Path | None, at: int | None,
    part: tuple[int, int],
) -> None:  # fmt: skip
    """Carry a command out in a process of its own, which may die."""
    mortal = Mortal(died_at, at, part)
    if wish.command == "drill":

        def tell(event: Event) -> None:
            mortal.tell(event)
            mortal()

        try:
            Drill(ends, wish, Journal(folder / "drills.sqlite"), "test").carry_out(tell)
        except errors.LockHeld:
            os._exit(REFUSED)
        return
    if wish.copy == "physical":
        make_mortal(mortal)
    world = SiteWorld(
        ends, point=mortal, lost=lost, start=lambda site: start(ends, site), serve=lambda site: serve(ends, site)
    )  # fmt: skip
    journal = Journal(folder / "recovery.sqlite")
    journal.mirror = world.mirror
    executor = Executor(world, journal, point=mortal, in_thread=False, who="test")
    if journal.open_run() is None and is_fulfilled(world.facts({1, 2}), wish):
        os._exit(0)  # as the command itself finds before it begins
    try:
        run = executor.start(plan_now(world, wish, journal))
        for event in executor.walk(run):
            mortal.tell(event)
    except (errors.LockHeld, errors.RunOpen):
        os._exit(REFUSED)
    finally:
        world.release()
    os._exit(0)


def start(ends: dict[int, End], site: int) -> None:
    server = ends[site].server
    assert server is not None
    server.start()


def make_mortal(mortal: Mortal) -> None:
    """Let this process die also before and after each act of a copy of files."""

    def with_moments(act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*args: Any, **named: Any) -> Any:
            mortal()
            done = act(*args, **named)
            mortal()
            return done

        return acted

    for place, name in ACTS:
        setattr(place, name, with_moments(getattr(place, name)))


def serve(ends: dict[int, End], site: int) -> None:
    """Let a mart server work in this process; it dies with it."""
    server = JobServer(site, {site: ends[site].dsn})
    Thread(target=server.run, args=(Signal(),), daemon=True).start()


@dataclass
class Walk:
    """A pair of sites to which a command is given until it is done, however often its process dies."""

    made: Disaster
    wish: Wish
    folder: Path
    lost: bool
    part: tuple[int, int] = (0, 1)
    deaths: int = 0
    refusals: int = 0
    recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        # The survivor does not reach the lost site, whose collectors would else deliver behind the manifest's back.
        def belief(site: int) -> dict[int, str]:
            return {number: end.dsn for number, end in (self.made.ends if site == 1 else self.ends).items()}

        def is_lost(site: int) -> bool:
            return self.lost and site == 1 and not self.is_replaced

        self.recorder = Recorder(self.made.ends, belief=belief, is_lost=is_lost)

    @property
    def is_replaced(self) -> bool:
        """Whether another site was made active: a lost one comes back only after that."""
        return topology(self.made.ends[2]) != (1, 1)

    @property
    def ends(self) -> dict[int, End]:
        if not self.lost:
            return self.made.ends
        return {1: replace(self.made.ends[1], dsn=NOWHERE, admin_dsn=None), 2: self.made.ends[2]}

    def process(self, died_at: Path | None = None, at: int | None = None) -> BaseProcess:
        lost = frozenset({1}) if self.lost else frozenset[int]()
        process = _processes.Process(
            target=carry_out, args=(self.ends, self.wish, self.folder, lost, died_at, at, self.part)
        )
        process.start()
        return process

    def ended(self, process: BaseProcess) -> int:
        """Wait for a process, and end what died with it."""
        process.join(180)
        assert process.exitcode in (0, DIED, REFUSED, -SIGKILL), process.exitcode
        for end in self.made.ends.values():
            with suppress(errors.MartError), reach(end, "test") as mart:
                mart.execute("DELETE FROM ops.server")
        return int(process.exitcode)

    def die_at_each(self, most: int = 1000) -> list[str]:
        """Die at every moment at which nobody has died; return them."""
        died_at = self.folder / "died"
        died_at.touch()
        for _ in range(most):
            if self.ended(self.process(died_at)) == 0:
                break
            self.deaths += 1
            self.between()
        return died_at.read_text(encoding="utf-8").splitlines()

    def die_at(self, *moments: int) -> None:
        """Die at some moments, counted from the begin of each process, then come to the end."""
        for moment in moments:
            if self.ended(self.process(at=moment)) == 0:
                return
            self.deaths += 1
            self.between()
        assert self.ended(self.process()) == 0

    def die_after(self, *seconds: float) -> None:
        """Be killed after so many seconds each time, in the midst of whatever goes on, then come to the end."""
        for spent_s in seconds:
            process = self.process()
            process.join(spent_s)
            process.kill()
            if self.ended(process) == 0:
                return
            self.deaths += 1
            self.between()
        for _ in range(100):  # a server may not have noticed yet that whoever held its lock is gone
            if self.ended(self.process()) == 0:
                return
        raise AssertionError("it was refused for good")

    def between(self) -> None:
        """Make both sites load, each in its own belief, and look who could; now and then give another command."""
        if self.wish.command == "drill":
            return
        could = [site for site in self.made.ends if self.recorder.provoke(site)]
        assert len(could) <= 1, could
        self.refusals += len(self.made.ends) - len(could)
        with suppress(errors.SiteUnreachable):  # a copy of files may have died before it started the server
            self.recorder.check()
        if self.deaths % 5 == 1:
            self.give_another_command()

    def give_another_command(self) -> None:
        """A command that does not take precedence is refused while the run is open, and changes nothing."""
        journal = Journal(self.folder / "recovery.sqlite")
        run = journal.open_run()
        if run is None or self.wish.command == "switchover":
            return
        other = replace(SWITCHOVER, target=self.wish.keeper, other=3 - self.wish.keeper)
        world = SiteWorld(self.ends, lost={1} if self.lost else ())
        try:
            with pytest.raises((errors.RunOpen, errors.NotReadyForIt)):
                Executor(world, journal, in_thread=False).start(plan_now(world, other, journal))
        finally:
            world.release()
        still = journal.open_run()
        assert still is not None
        assert still.id == run.id

    def state(self) -> list[Any]:
        """Return what must be the same however often the command was broken off."""
        found: list[Any] = []
        for site in (2,) if self.lost else (1, 2):
            with reach(self.made.ends[site], "test") as mart:
                found += [mart.execute(query.encode()).fetchall() for query in STATE]
            found.append(Fingerprint.of(self.made.at(site)).rows)
        return found


def topology(end: End) -> object:
    with reach(end, "test") as mart:
        return mart.execute("SELECT active_site, epoch FROM cfg.topology").fetchone()


@contextmanager
def before(wish: Wish, server: MartServer, other_server: MartServer, folder: Path) -> Iterator[Walk]:
    """Give sites that are as they are when the command is given; both try to load as long as they are given."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        if wish.copy == "physical":  # which takes the whole server
            marts = [opened.enter_context(site_of_its_own(folder / name)) for name in ("a", "b")]
            made = opened.enter_context(disaster_of(marts[0], marts[1]))
        else:
            made = opened.enter_context(disaster(server, other_server))
        if wish.command == "return":
            made.carry_out()
            made.stop_servers()
            with reach(made.ends[2], "test") as mart:
                mart.execute("DELETE FROM ops.server")
        if wish.command == "switchover":
            made.load(1)
        walk = Walk(made, wish, folder, lost=wish.command == "failover")
        if wish.command == "drill":
            yield walk
            return
        with walk.recorder:
            yield walk
        assert walk.recorder.check()


def undisturbed(wish: Wish, server: MartServer, other_server: MartServer, folder: Path) -> list[Any]:
    with before(wish, server, other_server, folder) as walk:
        walk.die_at()
        return walk.state()


WISHES = {"failover": FAILOVER, "return-1": RETURN_1, "return-2": RETURN_2, "switchover": SWITCHOVER}
BY_FILES = {f"{name}-physical": replace(wish, copy="physical") for name, wish in WISHES.items() if "return" in name}


# A copy of files is made anew after each death.
EACH = [(name, (0, 1)) for name in WISHES] + [(name, (part, 6)) for name in BY_FILES for part in range(6)]


@pytest.mark.faults("C1")
@pytest.mark.soak
@pytest.mark.parametrize(("name", "part"), EACH)
def test_a_command_that_dies_at_every_moment_comes_to_the_end_of_an_undisturbed_one(
    server: MartServer, other_server: MartServer, scratch: Path, name: str, part: tuple[int, int]
) -> None:
    wish = {**WISHES, **BY_FILES}[name]
    expected = undisturbed(wish, server, other_server, scratch / "calm")
    with before(wish, server, other_server, scratch / "torn") as walk:
        walk.part = part
        moments = walk.die_at_each()
        steps = {moment.partition("|")[0] for moment in moments}
        print(f"{name} {part}: {len(moments)} moments of {len(steps)} steps, {walk.deaths} deaths,"
              f" {walk.refusals} refused, {len(walk.recorder.check())} loads")  # fmt: skip
        assert walk.deaths == len(moments) > 30 // part[1]
        assert walk.state() == expected


@pytest.mark.faults("C2")
@pytest.mark.soak
@pytest.mark.parametrize("name", WISHES)
def test_a_command_that_dies_twice_at_random_comes_to_the_same_end(
    server: MartServer, other_server: MartServer, scratch: Path, name: str, seed: int
) -> None:
    wish, random = WISHES[name], Random(seed)
    expected = undisturbed(wish, server, other_server, scratch / "calm")
    for number in range(8):
        with before(wish, server, other_server, scratch / str(number)) as walk:
            walk.die_at(random.randrange(1, 90), random.randrange(1, 60))
            assert walk.state() == expected, (seed, number)


@pytest.mark.faults("C2")
def test_a_failover_that_dies_three_times_comes_to_the_same_end(
    server: MartServer, other_server: MartServer, scratch: Path
) -> None:
    # One of these deaths lies between the raised epoch and the manifest; the soak dies everywhere.
    seed = 529810286
    random = Random(seed)
    expected = undisturbed(FAILOVER, server, other_server, scratch / "calm")
    with before(FAILOVER, server, other_server, scratch / "torn") as walk:
        walk.die_at(*(random.randrange(1, 90) for _ in range(3)))
        assert walk.state() == expected, seed


@pytest.mark.faults("C4")
@pytest.mark.soak
@pytest.mark.parametrize("name", WISHES)
def test_of_two_operators_at_once_one_is_refused_and_the_end_is_the_same(
    server: MartServer, other_server: MartServer, scratch: Path, name: str
) -> None:
    wish = WISHES[name]
    expected = undisturbed(wish, server, other_server, scratch / "calm")
    with before(wish, server, other_server, scratch / "two") as walk:
        processes = [walk.process() for _ in range(2)]
        codes = sorted(walk.ended(process) for process in processes)
        assert codes == [0, REFUSED]
        assert walk.state() == expected


@pytest.mark.faults("C1", "Q1")
@pytest.mark.soak
def test_a_drill_that_dies_after_every_step_leaves_production_alone_and_the_next_one_tidies_up(
    server: MartServer, other_server: MartServer, scratch: Path
) -> None:
    with before(DRILL, server, other_server, scratch / "drill") as walk:
        before_it = walk.state()
        moments = walk.die_at_each()
        print(f"drill: {walk.deaths} deaths")
        assert walk.deaths == len(moments) > 20
        assert walk.state() == before_it
        assert leftovers(walk.made.ends[2]) == []
