"""Commands of a bad night: failover, switchover, return, drill, and what is asked before and after them."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from twinmart import errors
from twinmart.cli.context import answer, answer_json, home_of, process_began_at, settings_of, span, table, tell
from twinmart.cli.logs import start_logging
from twinmart.recover.journal import Journal, Run, Taken
from twinmart.recover.model import Copy, Wish
from twinmart.recover.procedure import Event, Plan
from twinmart.recover.report import (
    Report,
    length,
    moment,
    plan_data,
    plan_text,
    run_data,
    run_text,
    step_text,
    working_ms,
)
from twinmart.recover.run import Executor
from twinmart.recover.site import Recovery
from twinmart.recover.steps import steps_for

PAUSED = 130
NOT_READY = 3

_Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
_Yes = Annotated[
    int | None,
    typer.Option("--yes", metavar="SITE", min=1, help="Go on without a question: the site to become active."),
]
_PlanOnly = Annotated[bool, typer.Option("--plan", help="Show what would be done, and change nothing.")]
_PlanId = Annotated[
    str | None, typer.Option("--plan-id", metavar="ID", help="Refuse unless the plan is still this one.")
]
_Active = Annotated[
    int | None, typer.Option("--active", min=1, help="Site that shall be active; else the one that can.")
]
_AcceptLoss = Annotated[
    list[str] | None,
    typer.Option("--accept-loss", metavar="SOURCE", help="Go on though events of it may be lost; or all."),
]
_Explain = Annotated[bool, typer.Option("--explain", help="Say why each step is taken.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(failover)
    app.command()(switchover)
    app.command("return")(return_)
    app.command()(drill)
    app.command()(plan)
    app.command()(check)
    runs = typer.Typer(help="Recoveries: what was done, step by step.")
    for command in (list_runs, show, report, undo):
        runs.command(command.__name__.removesuffix("_runs"))(command)
    app.add_typer(runs, name="runs")


def failover(
    ctx: typer.Context,
    active: _Active = None,
    plan_only: _PlanOnly = False,
    accept_loss: _AcceptLoss = None,
    even_if_alive: Annotated[
        bool, typer.Option("--even-if-alive", help="Though the active site still answers; it is fenced first.")
    ] = False,
    reaggregate_last: Annotated[
        str | None,
        typer.Option(metavar="HOURSh", help="Aggregate again so far back before the failure, as in 24h."),
    ] = None,
    yes: _Yes = None,
    plan_id: _PlanId = None,
    as_json: _Json = False,
) -> None:
    """The active site is lost: let the surviving one take over, by itself.

    The same command goes on with a run that was broken off or paused.

    Example: twinmart failover
    """
    recovery = _recovery(ctx)
    wish = recovery.wish(
        "failover", active=active, reaggregate_h=_hours(reaggregate_last), accept_loss=frozenset(accept_loss or ()),
        even_if_alive=even_if_alive,
    )  # fmt: skip
    _carry_out(recovery, wish, plan_only, yes, plan_id, as_json)


def switchover(
    ctx: typer.Context,
    active: _Active = None,
    plan_only: _PlanOnly = False,
    yes: _Yes = None,
    plan_id: _PlanId = None,
    as_json: _Json = False,
) -> None:
    """Let the standby become the active site; nothing is lost, and loads pause for a moment.

    With --yes the same command may be given again: a site that is active already stays so.

    Example: twinmart switchover
    """
    recovery = _recovery(ctx)
    # Who is the standby changes with it: a script that gives it again means the site that it names, not the other one.
    wish = recovery.wish("switchover", active=yes if active is None else active)
    _carry_out(recovery, wish, plan_only, yes, plan_id, as_json)


def return_(
    ctx: typer.Context,
    active: _Active = None,
    new: Annotated[int | None, typer.Option(min=1, help="Site that comes back, where there are several.")] = None,
    copy: Annotated[Copy, typer.Option(help="How the mart is copied to it.")] = "online",
    plan_only: _PlanOnly = False,
    yes: _Yes = None,
    plan_id: _PlanId = None,
    as_json: _Json = False,
) -> None:
    """Go back to two sites: copy the mart to a new or repaired site, and make it active if --active says so.

    Example: twinmart return --active 1
    """
    recovery = _recovery(ctx)
    _carry_out(recovery, recovery.wish("return", active=active, new=new, copy=copy), plan_only, yes, plan_id, as_json)


def drill(ctx: typer.Context, active: _Active = None, as_json: _Json = False) -> None:
    """Practise a failover with all its steps on a copy of the standby; the marts in use are not touched.

    The copy is removed in the end; what an interrupted drill left, the next one removes first.

    Example: twinmart drill
    """
    recovery = _recovery(ctx)
    if "log_level" not in settings_of(ctx).model_fields_set:
        # The copy's own server works in this process, and its lines would stand among the steps.
        start_logging("warning")
    wish = recovery.wish("drill", active=active, accept_loss=frozenset({"all"}))
    with recovery.drills(wish.target) as journal:
        run = recovery.drill(wish, journal).carry_out(lambda event: _tell_event(event, wish, as_json))
        made = recovery.report(run, journal)
    if as_json:
        answer_json(**made.data())
        return
    rto = f" · first load after {length(made.rto_ms)}" if made.rto_ms is not None else ""
    answer(f"DONE   site {wish.target} could take over{rto}")
    answer(f"       {run.notes['proof']}")
    answer(f"next   twinmart runs report {run.short_id}")


_Which = Literal["failover", "switchover", "return"]


def plan(
    ctx: typer.Context,
    command: Annotated[_Which, typer.Argument(help="What for.")],
    active: _Active = None,
    explain: _Explain = False,
    as_json: _Json = False,
) -> None:
    """Show what a failover, switchover or return would do. Changes nothing.

    Example: twinmart plan failover
    """
    recovery = _recovery(ctx)
    _show_plan(
        recovery, recovery.wish(command, active=active, accept_loss=frozenset({"all"})), as_json, explain=explain
    )


def check(
    ctx: typer.Context,
    command: Annotated[_Which, typer.Argument(help="What for.")],
    active: _Active = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Also what is right.")] = False,
    as_json: _Json = False,
) -> None:
    """Say whether a failover, switchover or return could begin now; exit code 3 if not. Changes nothing.

    A failover is judged as if the active site were lost.

    Example: twinmart check failover
    """
    recovery = _recovery(ctx)
    wish = recovery.wish(command, active=active, even_if_alive=True)
    began = datetime.now(UTC)
    found = recovery.findings(wish)
    is_ready = all(one.level != "no" for one in found)
    if as_json:
        answer_json(
            ready=is_ready, command=command, site=wish.target, at=began.isoformat(),
            findings=[{"level": one.level, "text": one.text} for one in found],
        )  # fmt: skip
    else:
        spent_s = (datetime.now(UTC) - began).total_seconds()
        verdict = "YES" if is_ready else "NO"
        checks = f"{len(found)} check{'' if len(found) == 1 else 's'}"
        answer(
            f"{verdict}, site {wish.target} is {'' if is_ready else 'not '}ready for a {command}"
            f"        looked at {began:%H:%M:%S} UTC, {checks} in {spent_s:.1f} s"
        )
        shown = [one for one in found if verbose or one.level != "ok"]
        for one in shown:
            answer(f"  {'✔' if one.level == 'ok' else '✘' if one.level == 'no' else '!'}  {one.text}")
        if len(found) > len(shown):
            answer(f"{len(found) - len(shown)} right (-v shows them)")
        is_so = is_ready and recovery.is_fulfilled(wish)
        answer("nothing is left to do: it is so already" if is_so else f"next   twinmart plan {command}")
    if not is_ready:
        raise typer.Exit(NOT_READY)


def list_runs(ctx: typer.Context, as_json: _Json = False) -> None:
    """List the recoveries that this folder's journals know.

    Example: twinmart runs list
    """
    runs = _all_runs(_recovery(ctx))
    if as_json:
        answer_json(runs=[run_data(run) for run, _ in runs])
        return
    if not runs:
        answer("no recoveries")
        return
    now = datetime.now(UTC)
    rows = [
        (run.short_id, run.wish.command, f"site {run.wish.target}", run.state,
         f"{moment(run.started_at)} ({span((now - run.started_at).total_seconds())} ago)", length(working_ms(run)))
        for run, _ in runs
    ]  # fmt: skip
    answer(table(("run", "command", "to", "state", "begun", "worked"), rows))


def show(
    ctx: typer.Context, run: Annotated[str, typer.Argument(help="First characters of its id.")], as_json: _Json = False
) -> None:
    """Show a run with its steps.

    Example: twinmart runs show 7f3a91
    """
    recovery = _recovery(ctx)
    found, journal = _find_run(recovery, run)
    if as_json:
        answer_json(**recovery.report(found, journal).data())
        return
    answer(run_text(found))


def report(
    ctx: typer.Context,
    run: Annotated[str | None, typer.Argument(help="First characters of its id; else the last one.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the page to this file.")] = None,
    as_json: _Json = False,
) -> None:
    """Report on a run: steps with timings, what was measured, facts before and after, the loss manifest.

    Example: twinmart runs report > report.md
    """
    recovery = _recovery(ctx)
    found, journal = _find_run(recovery, run)
    made = recovery.report(found, journal)
    if as_json:
        answer_json(**made.data())
    elif output is not None:
        output.write_text(made.markdown(), encoding="utf-8")
        answer(f"written to {output}")
    else:
        answer(made.markdown())


def undo(
    ctx: typer.Context, run: Annotated[str, typer.Argument(help="First characters of its id.")], as_json: _Json = False
) -> None:
    """Take back an open run that has not passed its point of no return, and close it.

    Example: twinmart runs undo 7f3a91
    """
    recovery = _recovery(ctx)
    found, journal = _find_run(recovery, run)
    if found.state != "open" or found.wish.command == "drill":
        raise errors.NoWayBack(f"run {found.short_id} is {found.state}", hint="Nothing was changed.")
    recovery.facts(found.wish)
    recovery.world.take(found.wish.keeper, found.id)
    undone = []
    try:
        for event in recovery.executor(journal, lambda: False).undo(found):
            undone.append(event.step)
            if not as_json:
                answer(f"  {event.number:>2}  {event.step:<24}undone")
    finally:
        recovery.world.release()
    if as_json:
        answer_json(run=found.id, command=found.wish.command, state="undone", steps=undone)
        return
    answer(f"run {found.short_id} was taken back")


def _recovery(ctx: typer.Context) -> Recovery:
    return Recovery(home_of(ctx), crash_at=settings_of(ctx).crash_at)


def _carry_out(
    recovery: Recovery, wish: Wish, plan_only: bool, yes: int | None, plan_id: str | None, as_json: bool
) -> None:
    """Show the plan, have it confirmed, and carry it out; or go on with a run that is open."""
    if plan_only:
        _show_plan(recovery, wish, as_json)
        return
    if recovery.is_fulfilled(wish):
        _say_done(wish, as_json)
        return
    made = recovery.plan(wish)
    if plan_id is not None and plan_id != made.id:
        raise errors.PlanStale(
            f"plan {plan_id} no longer fits",
            detail=f"the plan is {made.id} now",
            hint=f"Nothing was changed. Look with: twinmart plan {wish.command}.",
        )
    if not as_json:
        tell(plan_text(made))
    if (why_not := recovery.refusal(wish)) is not None:
        raise why_not
    commanded_at = _confirm(wish, yes)
    with recovery.journal(wish.keeper) as journal, _pause_signal() as wants_pause:
        executor = recovery.executor(journal, wants_pause, commanded_at)
        run = _walk(executor, journal, made, as_json)
        recovery.note_facts(run, journal)
        made_report = recovery.report(journal.run(run.id), journal)
    if as_json:
        answer_json(**made_report.data())
    else:
        _answer_done(made_report)


def _walk(executor: Executor, journal: Journal, made: Plan, as_json: bool) -> Run:
    """Carry a plan out, telling each step as it comes out; return the run as its journal has it."""
    run = executor.start(made)
    for note in journal.notes:
        tell(note)
    tell(f"run {run.short_id}   {run.started_at:%H:%M:%S} UTC   {run.who}")
    try:
        for event in executor.walk(run):
            _tell_event(event, run.wish, as_json)
    except errors.Paused as paused:
        print(paused.render(), file=sys.stderr)
        raise typer.Exit(PAUSED) from None
    return journal.run(run.id)


def _answer_done(made_report: Report) -> None:
    run, wish = made_report.run, made_report.run.wish
    rto = f" · first load after {length(made_report.rto_ms)}" if made_report.rto_ms is not None else ""
    answer(
        f"DONE   site {wish.target} is active · {length(sum(one.spent_ms for one in run.steps.values()))} in steps{rto}"
    )
    for cost in made_report.costs:
        if cost.gone_s or cost.partial_s or cost.is_open:
            answer(f"       not all of {cost.source} is there: twinmart runs report {run.short_id}")
    answer("next   twinmart return        when a second site is there again" if wish.command == "failover" else
           "next   twinmart status")  # fmt: skip


def _tell_event(event: Event, wish: Wish, as_json: bool) -> None:
    """Say how a step came out, as it does."""
    if event.state == "running":
        return
    step = steps_for(wish)[event.number - 1]
    line = step_text(event.number, step, Taken(event.state, event.note, event.spent_ms))
    if as_json or sys.stderr.isatty():
        tell(line)
    else:
        answer(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}{line}")


def _show_plan(recovery: Recovery, wish: Wish, as_json: bool, *, explain: bool = False) -> None:
    made = recovery.plan(wish)
    if as_json:
        answer_json(**plan_data(made))
        return
    answer(plan_text(made, explain=explain))
    against = [one.text for one in recovery.findings(wish) if one.level == "no"]
    for text in against:
        answer(f"  ✘  {text}")
    answer("nothing was changed")


def _say_done(wish: Wish, as_json: bool) -> None:
    if as_json:
        answer_json(command=wish.command, target=wish.target, state="done already")
    else:
        answer(f"site {wish.target} is active already, and nothing is left to do")


def _confirm(wish: Wish, yes: int | None) -> datetime:
    """Have the number of the site that becomes active typed, or given; return when it was.

    Given with the command, it was when the process of the command began.

    Raises:
        NotConfirmed: it was not, or is another one.
    """
    typed = str(yes) if yes is not None else ""
    if yes is None and sys.stdin.isatty():
        verb = "stays" if wish.command == "return" and wish.target == wish.survivor else "becomes"
        typed = typer.prompt(
            f"Site {wish.target} {verb} active. Type its number to go on", default="", show_default=False, err=True
        ).strip()
    if typed != str(wish.target):
        raise errors.NotConfirmed(
            f"{wish.command} to site {wish.target} was not confirmed",
            detail=f'"{typed}" was given' if typed else None,
            hint=f"Nothing was changed. In a script: twinmart {wish.command} --yes {wish.target}.",
        )
    return datetime.now(UTC) if yes is None else process_began_at()


@contextmanager
def _pause_signal() -> Iterator[Callable[[], bool]]:
    """Give a question that Ctrl-C answers with yes: finish the step and pause; a second Ctrl-C stops at once."""
    asked = []

    def ask(*_: object) -> None:
        asked.append(1)
        tell("pausing after this step; Ctrl-C again stops at once")
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


def _all_runs(recovery: Recovery) -> list[tuple[Run, Journal]]:
    journals = [*recovery.journals(), *recovery.drill_journals()]
    found = [(run, journal) for journal in journals for run in journal.runs()]
    return sorted(found, key=lambda one: one[0].started_at)


def _find_run(recovery: Recovery, wanted: str | None) -> tuple[Run, Journal]:
    runs = _all_runs(recovery)
    found = runs[-1:] if wanted is None else [one for one in runs if one[0].id.startswith(wanted)]
    if len(found) != 1:
        raise errors.UnknownRun(
            f'"{wanted or ""}" is the beginning of {len(found) or "no"} runs',
            hint="List them with: twinmart runs list.",
        )
    return found[0]


def _hours(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.removesuffix("h").isdigit():
        raise errors.UsageError(f'"{text}" is no number of hours', hint="Write it like: --reaggregate-last 24h.")
    return int(text.removesuffix("h"))
