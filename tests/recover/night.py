"""Commands as an operator gives them, over the simulated world."""

from tests.recover.sim import SimWorld
from twinmart.recover.journal import Run
from twinmart.recover.model import Command, Wish
from twinmart.recover.plan import choose, is_fulfilled
from twinmart.recover.run import Executor, plan_now


def ask(world: SimWorld, command: str, at: int, active: int | None = None) -> Wish:
    """Return the wish of a command that is given at a site."""
    world.keeper = at
    facts = world.facts((1, 2))
    for site in world.sites.values():
        run = site.journal.open_run()
        if run is not None and run.wish.command == command and facts[run.wish.keeper].answers:
            return run.wish
    target, other = choose(command, facts, active=active)
    survivor = facts.active.site if command == "return" and facts.active is not None else 0
    named: Command = command  # type: ignore[assignment]
    return Wish(named, target, other, accept_loss=frozenset({"all"}), survivor=survivor)


def carry_out(world: SimWorld, wish: Wish, crash_in: int | None = None) -> Run | None:
    """Carry a wish out, or die on the way; None where it was fulfilled before."""
    world.keeper, world.run, world.held = wish.keeper, "", None
    journal = world.sites[wish.keeper].journal
    facts = world.facts((1, 2))
    if journal.open_run() is None and is_fulfilled(facts, wish):
        return None
    world.crash_in = crash_in
    others = [one.journal for one in world.sites.values() if one.journal is not journal and one.up and not world.cut]
    try:
        executor = Executor(world, journal, point=world.point, in_thread=False, others=others)
        run = executor.start(plan_now(world, wish, journal))
        for _ in executor.walk(run):
            pass
        return run
    finally:
        world.crash_in, world.held = None, None
