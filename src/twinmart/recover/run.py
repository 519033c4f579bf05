"""Carries out a plan: step by step, with a journal, one run at a time, to be gone on with by the same command.

For each step the world is asked whether its goal holds; if not, the intent is written down, the step acts, and the
world is asked again. What the journal says is what was wanted and done, never what is so: all that is taken from it is
that a step which a later one has ended need not be done again. A step ends done, failed or unknown. Before the first
step that has no way back, a failure takes back what was done; after it there is only forward, by the same command.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import datetime
from threading import Thread

from twinmart import errors
from twinmart.recover.journal import VERSION, Journal, Run
from twinmart.recover.model import Facts, Wish
from twinmart.recover.plan import make_plan, overtaken, refusal, replan
from twinmart.recover.procedure import Act, Event, Plan, Step, World
from twinmart.recover.steps import steps_for

# Called at every place where a crash would leave something to mend; tests die there.
Point = Callable[[], None]

_UNKNOWN = (errors.OutcomeUnknown, errors.SiteUnreachable, errors.TookTooLong)

# What a failover may interrupt: the active site of all others is what it replaces.
_GIVES_WAY = ("switchover", "return", "drill")


def _no_point() -> None:
    """Go on: nobody wants to crash here."""


@dataclass
class Executor:
    """Everything that a run needs: the world, the journal, and how its steps are called."""

    world: World
    journal: Journal
    point: Point = _no_point
    wants_pause: Callable[[], bool] = lambda: False
    in_thread: bool = True
    who: str = ""
    # When the command was given, from which the recovery time is counted; before that, the begin of the run.
    commanded_at: datetime | None = None
    # Journals of the other sites that can be read: a run that is open there is one as well.
    others: Sequence[Journal] = ()

    def start(self, plan: Plan) -> Run:
        """Take the lock and begin a run of the plan, or take up the open one of the same wish.

        Raises:
            RunOpen: another command's run is open and does not give way, or a newer program began it.
            PlanStale: the facts are no longer those of the plan. Nothing was changed.
            NotReadyForIt: a check says no. Nothing was changed.
            LockHeld: somebody works on a recovery at this moment.
        """
        wish = plan.wish
        self.world.take(wish.keeper, "looking")
        try:
            return self._begin(plan)
        except BaseException:
            self.world.release()
            raise

    def _begin(self, plan: Plan) -> Run:
        wish = plan.wish
        same = [run for run in self.journal.open_runs() if _same(run.wish, wish)]
        run = same[-1] if same else None
        in_the_way = self._others_open(run)
        for one, _ in in_the_way:
            if self._overtaken(one) is None:
                _check_gives_way(one, wish)
        if run is None:
            facts = self.world.facts({wish.target, wish.other})
            stale = replan(facts, wish, plan.matter, len(self.journal.runs())) or refusal(facts, wish)
            if stale is not None:
                raise stale
        else:
            _check_version(run)
            late = self._overtaken(run)
            if late is not None:
                self.journal.write(run.id, "ended", state="superseded")
                raise late
        # From here on who works on one of them writes no record of it more. It ends when this run does.
        for one, journal in in_the_way:
            journal.write(one.id, "yields", to=wish.command)
            self.point()
        if run is None:
            self.point()
            told = {} if self.commanded_at is None else {"commanded_at": self.commanded_at.isoformat()}
            run = self.journal.begin(
                wish, plan.id, who=self.who, matter=plan.matter, epoch=plan.epoch, **told
            )  # fmt: skip
        self.point()
        number = self.world.take(wish.keeper, run.id)
        self.journal.write(run.id, "taken", number=number)
        self.point()
        return self.journal.run(run.id)

    def _others_open(self, run: Run | None) -> list[tuple[Run, Journal]]:
        """Return the runs that are open beside one, each with its journal."""
        journals = (self.journal, *self.others)
        found = [(one, journal) for journal in journals for one in journal.open_runs()]
        return [(one, journal) for one, journal in found if run is None or one.id != run.id]

    def _overtaken(self, run: Run) -> errors.MartError | None:
        """Return why an open run is over, since another one took an epoch meanwhile, or None."""
        facts = self.world.facts({run.wish.target, run.wish.other})
        noted = run.notes.get("epoch taken")
        taken = noted if isinstance(noted, int) else None
        return overtaken(facts, run.wish, run.epoch, has_raised=_has_no_way_back(run), taken=taken)

    def walk(self, run: Run) -> Iterator[Event]:
        """Walk the steps in order, yielding each change of state; it is in the journal before it is yielded.

        Raises:
            StepNotReached: a step acted and its goal is not reached. What could be taken back was.
            StepUnknown: a step's outcome is not known.
            Paused: somebody asked for a pause, which begins between two steps.
        """
        steps = steps_for(run.wish)
        try:
            for number, step in enumerate(steps, 1):
                if self.wants_pause():
                    self.journal.write(run.id, "paused", before=step.name)
                    raise errors.Paused(
                        f"paused before step {number}, {step.name}; nothing is half done",
                        hint=f"Go on with the same command: twinmart {run.wish.command}.",
                    )
                yield from self._take(run, number, step)
            for one, journal in self._others_open(run):
                journal.write(one.id, "ended", state="superseded", by=run.wish.command)
                self.point()
            self.journal.write(run.id, "ended", state="done")
            self.point()
        finally:
            self.world.release()

    def undo(self, run: Run) -> Iterator[Event]:
        """Take back what a run did that has not passed its point of no return, and close it.

        Raises:
            NoWayBack: a step without a way back was taken, or it is not known whether it was.
            PlanStale: another run has taken an epoch since, and there is nothing to take back any more.
            StepUnknown: something could not be taken back; the same command tries again.
        """
        _check_version(run)
        if _has_no_way_back(run) and self._may_have_raised(run):
            raise errors.NoWayBack(
                f"run {run.short_id} has passed its point of no return",
                hint=f"There is only forward: twinmart {run.wish.command}.",
            )
        late = self._overtaken(run)
        if late is not None:
            self.journal.write(run.id, "ended", state="superseded")
            raise late
        yield from self._undo(run)
        self.journal.write(run.id, "ended", state="undone")

    def _may_have_raised(self, run: Run) -> bool:
        """Whether a run that was about to take an epoch may have it.

        It surely has not if the epoch is as it was at the site that the run and its lock are kept at: whoever has the
        lock now has waited for what was under way there. Were it held to go on, two such runs at sites that could not
        see each other would wait for each other for ever.
        """
        target = self.world.facts({run.wish.target})[run.wish.target]
        return run.wish.keeper != run.wish.target or not target.answers or target.epoch > run.epoch

    def _take(self, run: Run, number: int, step: Step) -> Iterator[Event]:
        self.point()
        if step.until in run.steps:
            yield Event(number, step.name, "as is", f"ended by {step.until}")
            return
        self.world.check_hold()
        before = self._facts(step, run.wish)
        earlier = run.steps.get(step.name)
        if not step.needed(before, run.wish):
            yield self._outcome(run, Event(number, step.name, "not needed"))
            return
        if step.reached(before, run.wish):
            state = "done" if earlier is not None and earlier.state in ("running", "done") else "as is"
            spent = earlier.spent_ms if earlier is not None else 0
            note = earlier.note if earlier is not None else None
            yield self._outcome(run, Event(number, step.name, "done" if state == "done" else "as is", note, spent))
            return
        yield Event(number, step.name, "running")
        self.journal.write(run.id, "intent", step.name)
        run.intents.add(step.name)
        self.point()
        event = self._act(run, number, step, before)
        self.point()
        yield self._outcome(run, event)
        if event.state == "failed":
            yield from self._fail(run, step, event)
        if event.state == "unknown":
            raise errors.StepUnknown(
                f"step {number}, {step.name}, has not answered; whether its goal is reached is not known",
                detail=event.note,
                hint=f"Look with: twinmart status. Then run the same command again, which is safe: twinmart "
                f"{run.wish.command}.",
            )

    def _act(self, run: Run, number: int, step: Step, before: Facts) -> Event:
        """Act and ask again; whatever act raised, what counts is whether the goal is reached."""
        act = Act(self.world, run.wish, before, lambda name, value: self._note(run, name, value))
        began = time.monotonic()
        note, raised = None, None
        try:
            note = self._call(step, act)
        except errors.MartError as error:
            raised = error
        spent_ms = round((time.monotonic() - began) * 1000)
        self.point()
        told = note if raised is None else " ".join(filter(None, (raised.message, raised.detail)))
        try:
            self.world.check_hold()
            is_reached = step.reached(self._facts(step, run.wish), run.wish)
        except _UNKNOWN as error:
            return Event(number, step.name, "unknown", told or error.message, spent_ms)
        if is_reached:
            return Event(number, step.name, "done", note, spent_ms)
        if step.best_effort:
            return Event(number, step.name, "not reached", told, spent_ms)
        unknown = isinstance(raised, _UNKNOWN)
        return Event(number, step.name, "unknown" if unknown else "failed", told, spent_ms)

    def _call(self, step: Step, act: Act) -> str | None:
        """Call a step's act with its time limit; what outlives that goes on unheeded, and its outcome is not known.

        Raises:
            StepUnknown: it did not end in time.
        """
        if not self.in_thread:
            return step.act(act)
        ended: Future[str | None] = Future()

        def run() -> None:
            try:
                ended.set_result(step.act(act))
            except BaseException as error:  # noqa: BLE001  it is raised where the result is taken
                ended.set_exception(error)

        Thread(target=run, name=step.name, daemon=True).start()
        try:
            return ended.result(step.timeout_s)
        except FutureTimeout:
            raise errors.StepUnknown(f"{step.name} has not ended within {step.timeout_s:.0f} s") from None

    def _facts(self, step: Step, wish: Wish) -> Facts:
        """Ask the sites of a step and the keeper of the journal; raise where one that must answer has no mart."""
        must = {wish.keeper, *step.sites(wish)} - ({wish.other} if step.best_effort else set())
        if step.name == "prepare-site":
            must = {wish.keeper}
        facts = self.world.facts({wish.keeper, *step.sites(wish)})
        for site in sorted(must):
            if not facts[site].has_mart:
                raise errors.SiteUnreachable(
                    f"site {site} has no mart any more" if facts[site].answers else f"site {site} does not answer",
                    detail=facts[site].why_not,
                    hint=f"When it is back: twinmart {wish.command}. If it is lost: twinmart failover.",
                )
        return facts

    def _outcome(self, run: Run, event: Event) -> Event:
        self.journal.write(run.id, "outcome", event.step, state=event.state, note=event.note, spent_ms=event.spent_ms)
        self.point()
        return event

    def _note(self, run: Run, name: str, value: object) -> None:
        self.journal.write(run.id, "note", name=name, value=value)
        run.notes[name] = value
        self.point()

    def _fail(self, run: Run, step: Step, event: Event) -> Iterator[Event]:
        taken_back = "What was done before stands."
        if not _has_no_way_back(run):
            yield from self._undo(run)
            self.journal.write(run.id, "ended", state="undone")
            stands = [one.name for one in steps_for(run.wish) if one.undo is None and one.name in run.intents]
            taken_back = "Everything was taken back" + (
                f", but for what these did: {', '.join(stands)}." if stands else "."
            )
        raise errors.StepNotReached(
            f"step {event.number}, {step.name}, did not reach its goal",
            detail=event.note,
            hint=f"{taken_back} When its cause is gone, run the same command again: twinmart {run.wish.command}.",
        )

    def _undo(self, run: Run) -> Iterator[Event]:
        """Take back the steps that were begun, the last one first."""
        for number, step in reversed(list(enumerate(steps_for(run.wish), 1))):
            if step.undo is None or step.name not in run.intents:
                continue
            self.point()
            facts = self._facts(step, run.wish)
            step.undo(Act(self.world, run.wish, facts, lambda name, value: self._note(run, name, value)))
            self.point()
            yield self._outcome(run, Event(number, step.name, "undone"))


def _check_gives_way(run: Run, wish: Wish) -> None:
    """Refuse to begin while a run of another command is open, unless that gives way to this one.

    Raises:
        RunOpen: it does not.
    """
    if wish.command == "failover" and run.wish.command in _GIVES_WAY:
        return
    raise errors.RunOpen(
        f"run {run.short_id}, {run.wish.command} to site {run.wish.target}, is open",
        detail=f"begun {run.started_at:%Y-%m-%d %H:%M:%S} UTC by {run.who or 'somebody'}",
        hint=f"Nothing was changed. Go on with: twinmart {run.wish.command}. "
        f"Or take it back: twinmart runs undo {run.short_id}.",
    )


def _has_no_way_back(run: Run) -> bool:
    """Whether a step without a way back was begun, which is the one that raises the epoch."""
    return any(step.danger == "irreversible" and step.name in run.intents for step in steps_for(run.wish))


def _check_version(run: Run) -> None:
    """Refuse to go on with what a newer program began: its records may mean what this one does not know.

    Raises:
        RunOpen: it is of a newer program.
    """
    if run.version > VERSION:
        raise errors.RunOpen(
            f"run {run.short_id}, {run.wish.command} to site {run.wish.target}, was begun by a newer program",
            detail=f"its journal is of version {run.version}; this program reads {VERSION}",
            hint=f"Nothing was changed. Go on with that program: twinmart {run.wish.command}.",
        )


def _same(one: Wish, other: Wish) -> bool:
    """Whether two wishes are the same run: how much loss is accepted or how to copy may differ between two tries."""
    return (one.command, one.target, one.other) == (other.command, other.target, other.other)


def plan_now(world: World, wish: Wish, journal: Journal | None = None) -> Plan:
    """Look at the sites of a wish and return the plan for it."""
    facts = world.facts({wish.target, wish.other})
    if journal is None:
        return make_plan(facts, wish)
    return make_plan(facts, wish, journal.timings(), runs=len(journal.runs()))
