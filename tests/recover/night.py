"""Commands as an operator gives them, over the simulated sites."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress

from tests.recover.sim import SimWorld
from tests.recover.tool import Tool
from twinmart import errors
from twinmart.recover.journal import Journal, Run
from twinmart.recover.model import Command, Copy, Wish
from twinmart.recover.plan import choose, is_fulfilled
from twinmart.recover.procedure import Event, Step
from twinmart.recover.run import Executor, plan_now

ALL = frozenset({"all"})


def ask(
    world: SimWorld,
    command: Command,
    at: int,
    active: int | None = None,
    *,
    even_if_alive: bool = False,
    copy: Copy = "online",
) -> Wish:
    """Return the wish of a command that is given at a site, as ``recover.site`` makes it."""
    tool = Tool(world, at)
    facts = tool.facts(world.sites)
    for site in world.sites.values():
        with site.journal() as journal:
            run = journal.open_run()
        if run is not None and run.wish.command == command and facts[run.wish.keeper].answers:
            return run.wish
    target, other = choose(command, facts, active=active)
    survivor = facts.active.site if command == "return" and facts.active is not None else 0
    return Wish(command, target, other, copy, accept_loss=ALL, survivor=survivor, even_if_alive=even_if_alive)


class Watched(Executor):
    """An executor whose tool knows in which step it is."""

    def _take(self, run: Run, number: int, step: Step) -> Iterator[Event]:
        assert isinstance(self.world, Tool)
        self.world.begin(number, step.name)
        yield from super()._take(run, number, step)


def carry_out(
    world: SimWorld,
    wish: Wish,
    *,
    crash_at: int | tuple[int, int] | None = None,
    meanwhile: Mapping[int, Callable[[], None]] | None = None,
    spoil: Callable[[Journal], None] | None = None,
    at_step: Mapping[str, Callable[[], None]] | None = None,
) -> tuple[Run | None, Tool]:
    """Carry a wish out, or die on the way; no run where it was fulfilled before.

    ``meanwhile`` happens at places, ``at_step`` when a step is about to act; ``spoil`` is done to the journal.
    """
    tool = Tool(world, wish.keeper, crash_at=crash_at, meanwhile=meanwhile)
    facts = tool.facts({wish.target, wish.other})
    with ExitStack() as opened:
        journal = opened.enter_context(world.sites[wish.keeper].journal())
        if journal.open_run() is None and is_fulfilled(facts, wish):
            return None, tool
        if spoil is not None:
            spoil(journal)
        others = [
            opened.enter_context(site.journal())
            for site in world.sites.values()
            if site.number != wish.keeper and world.line(wish.keeper, site.number)
        ]
        executor = Watched(tool, journal, point=tool.point, in_thread=False, others=others)
        run = executor.start(plan_now(tool, wish, journal))
        for event in executor.walk(run):
            if event.state == "running" and at_step is not None and event.step in at_step:
                at_step[event.step]()
        return journal.run(run.id), tool


def undo(world: SimWorld, keeper: int) -> None:
    """Take back the open run of a site's journal, as ``runs undo`` does."""
    tool = Tool(world, keeper)
    with world.sites[keeper].journal() as journal:
        run = journal.open_run()
        if run is None:
            return
        tool.take(keeper, run.id)
        try:
            for _ in Executor(tool, journal, point=tool.point, in_thread=False).undo(run):
                pass
        finally:
            tool.release()


def tear(world: SimWorld, site: int) -> None:
    """C5: the last record of a site's journal was not written whole."""
    with world.sites[site].journal() as journal, journal._file as file:
        file.execute("UPDATE record SET data = data || '!' WHERE seq = (SELECT max(seq) FROM record)")


def morning(world: SimWorld) -> int:
    """Do what an operator does when all is up again, by commands alone; return the active site."""
    told: list[str] = []
    for _ in range(6):
        for number, site in world.sites.items():
            with site.journal() as journal:
                run = journal.open_run()
            if run is None:
                continue
            try:
                carry_out(world, run.wish)
            except errors.MartError as error:
                told.append(error.render())
                try:
                    undo(world, number)
                except errors.MartError as no_way_back:
                    told.append(no_way_back.render())
        active = [site for site in world.sites if world.may_load(site) and world.serves(site)]
        try:
            if not active:
                marts = {number: site for number, site in world.sites.items() if site.mart is not None}
                best = max(marts, key=lambda one: (marts[one].own.epoch, marts[one].promised))
                known = marts[best].own.active_site
                wanted = known if known in marts and marts[known].own.epoch == marts[best].own.epoch else best
                carry_out(world, ask(world, "failover", wanted, wanted, even_if_alive=True))
                continue
            wish = ask(world, "return", active[0], active[0])
            run, _ = carry_out(world, wish)
        except errors.MartError as error:
            told.append(error.render())
            with suppress(errors.MartError):
                carry_out(world, Wish("failover", active[0], 3 - active[0], accept_loss=ALL)) if active else None
            continue
        if run is None:
            return active[0]
    raise AssertionError("\n".join(["no command brings two sites back", *told[-6:]]))
