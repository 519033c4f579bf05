"""Plans and runs as text, Markdown and data: what would be done, what was done, how long it took and what it cost."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.recover.journal import Run, Taken
from twinmart.recover.procedure import Plan, Step
from twinmart.recover.steps import steps_for
from twinmart.report.losses import Loss

# A month of no data is told in the largest unit that still says something.
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


@dataclass(frozen=True, slots=True)
class SourceCost:
    """What a lost site cost of one source: the measured recovery point."""

    source: str
    delivered_to: datetime | None
    recovered_events: int
    recovered_calls: int
    partial_s: float
    gone_s: float
    is_open: bool


@dataclass(frozen=True, slots=True)
class Report:
    """A run with what was measured of it; ``rto_ms`` is from the command to the first committed load."""

    run: Run
    first_load_at: datetime | None
    losses: tuple[Loss, ...]
    facts_before: Mapping[str, object]
    facts_after: Mapping[str, object]

    @property
    def rto_ms(self) -> int | None:
        """From the command to the first load that was committed at the new active site, milliseconds.

        The command was given when its process was started, or when the person who was asked said yes.
        """
        if self.first_load_at is None:
            return None
        return round((self.first_load_at - self.run.commanded_at).total_seconds() * 1000)

    @property
    def costs(self) -> list[SourceCost]:
        """The measured recovery point of each source."""
        return [_cost(source, [one for one in self.losses if one.source == source]) for source in self._sources()]

    def data(self) -> dict[str, object]:
        """Return it as data for programs."""
        run = self.run
        steps = [
            {"step": step.name, "original": list(step.original), **_taken(run.steps.get(step.name))}
            for step in steps_for(run.wish)
        ]
        return {
            "run": run.id, "command": run.wish.command, "target": run.wish.target, "other": run.wish.other,
            "state": run.state, "plan": run.plan_id, "who": run.who,
            "commanded_at": run.commanded_at.isoformat(), "started_at": run.started_at.isoformat(),
            "first_load_at": self.first_load_at.isoformat() if self.first_load_at else None,
            "ended_at": run.ended_at.isoformat() if run.ended_at else None, "working_ms": working_ms(run),
            "paused_ms": run.paused_ms, "rto_ms": self.rto_ms, "steps": steps,
            "rpo": [asdict(cost) for cost in self.costs], "losses": [asdict(one) for one in self.losses],
            "proof": run.notes.get("proof"), "facts_before": self.facts_before, "facts_after": self.facts_after,
        }  # fmt: skip

    def markdown(self) -> str:
        """Return it as a page."""
        run = self.run
        rto = length(self.rto_ms) if self.rto_ms is not None else "none needed"
        lines = [
            f"# {run.wish.command.capitalize()} to site {run.wish.target}, run {run.short_id}\n",
            f"Begun {moment(run.commanded_at)} by {run.who or 'somebody'}, plan {run.plan_id}: {run.state}.",
            f"{length(working_ms(run))} working, {length(run.paused_ms)} paused.\n",
            "| | measured |",
            "| --- | --- |",
            f"| command to first committed load | {rto} |",
        ]
        lines += [f"| {cost.source} | {_cost_in_words(cost)} |" for cost in self.costs]
        if "proof" in run.notes:
            lines += [f"| production untouched | {run.notes['proof']} |"]
        lines += ["\n## Steps\n", "| step | original | outcome | took | note |", "| --- | --- | --- | --- | --- |"]
        for step in steps_for(run.wish):
            taken = run.steps.get(step.name)
            if taken is not None:
                note = (taken.note or "").replace("|", "/").replace("\n", " ")
                numbers, took = ", ".join(step.original) or "—", length(taken.spent_ms)
                lines.append(f"| {step.name} | {numbers} | {taken.state} | {took} | {note} |")
        lines += [
            "\n## Loss manifest\n",
            "| source | class | from | to | events | calls |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for one in self.losses:
            span = f"{moment(one.from_at)} | {moment(one.to_at)}"
            lines.append(f"| {one.source} | {one.kind} | {span} | {one.events or ''} | {one.calls or ''} |")
        lines += ["\n## Facts\n", "| | before | after |", "| --- | --- | --- |"]
        lines += [f"| {name} | {before} | {after} |" for name, before, after in self._changes()]
        return "\n".join(lines) + "\n"

    def _sources(self) -> list[str]:
        return sorted({one.source for one in self.losses})

    def _changes(self) -> Iterator[tuple[str, object, object]]:
        for place in sorted(self.facts_after):
            old, new = self.facts_before.get(place), self.facts_after[place]
            if isinstance(old, Mapping) and isinstance(new, Mapping):
                for name in sorted({*old, *new}):
                    if old.get(name) != new.get(name):
                        yield f"{place}, {name}", old.get(name), new.get(name)


def first_load(mart: Connection, run: Run) -> datetime | None:
    """Return when the new active site committed its first load of a run, by the server's own record of commits."""
    row = mart.execute(sql_text("recover/first_load"), {"since": run.started_at, "site": run.wish.target}).fetchone()
    found: datetime | None = row[0] if row else None
    return found


def drill_report(run: Run, facts_before: Mapping[str, object]) -> Report:
    """Return the report of a drill, whose copy is gone: from what it left in its journal."""
    first: Any = run.notes.get("first load")
    losses: Any = run.notes.get("losses", [])
    at = None if first is None else datetime.fromisoformat(first)
    return Report(run, at, tuple(Loss.from_json(one) for one in losses), facts_before, {})


def plan_text(plan: Plan, *, explain: bool = False) -> str:
    """Return a plan as people read it."""
    wish = plan.wish
    steps = steps_for(wish)
    what = f"RETURN of site {wish.newcomer}, " if wish.command == "return" else f"{wish.command.upper()} "
    role = f"site {wish.target} {'stays' if wish.target == wish.survivor else 'becomes'} active"
    head = what + (role if wish.command == "return" else f"to site {wish.target}")
    lines = [f"{head}        plan {plan.id} · {plan.at:%H:%M:%S} UTC"]
    if plan.changes:
        lines += ["", f"{'changes':<22}{'from':<28}to"]
        lines += [f"  ~ {one.what:<18}{one.before:<28}{one.after}" for one in plan.changes]
    lines += ["", f"{'steps':<30}{'original':<22}about"]
    for number, (step, planned) in enumerate(zip(steps, plan.steps, strict=True), 1):
        about = f"about {length(planned.about_ms)}" if planned.state == "to do" else planned.state
        mark = "  no way back" if step.danger == "irreversible" else ""
        lines.append(f"  {number:>2}  {step.name:<24}{', '.join(step.original):<22}{about}{mark}")
        if explain:
            lines.append(f"      {step.why}")
    todo = sum(one.state == "to do" for one in plan.steps)
    lines += [
        "",
        f"{'may be lost':<13} " + ("\n" + " " * 14).join(plan.may_be_lost or ("nothing that a twin recorded",)),
    ]
    lines.append(f"{len(steps)} steps: {todo} to do · about {length(plan.about_ms)}")
    return "\n".join(lines)


def plan_data(plan: Plan) -> dict[str, object]:
    """Return a plan as data for programs."""
    return {
        "plan": plan.id, "command": plan.wish.command, "target": plan.wish.target, "other": plan.wish.other,
        "at": plan.at.isoformat(), "epoch": plan.epoch, "steps": [asdict(step) for step in plan.steps],
        "changes": [asdict(change) for change in plan.changes], "may_be_lost": list(plan.may_be_lost),
        "about_ms": plan.about_ms,
    }  # fmt: skip


def run_data(run: Run) -> dict[str, object]:
    """Return a run as an entry of a list, as data that JSON can hold."""
    return {
        "run": run.short_id,
        "command": run.wish.command,
        "target": run.wish.target,
        "other": run.wish.other,
        "state": run.state,
        "who": run.who,
        "begun_at": run.started_at,
        "worked_ms": working_ms(run),
    }


def run_text(run: Run) -> str:
    """Return a run with its steps as people read it."""
    told = (run.state, moment(run.started_at), run.who)
    lines = ["   ".join((f"run {run.short_id}", f"{run.wish.command} to site {run.wish.target}", *told))]
    for number, step in enumerate(steps_for(run.wish), 1):
        taken = run.steps.get(step.name)
        if taken is not None:
            lines.append(step_text(number, step, taken))
    return "\n".join(lines)


def step_text(number: int, step: Step, taken: Taken) -> str:
    """Return the outcome of a step as a line."""
    took = f"{taken.spent_ms / 1000:.1f} s" if taken.state in ("done", "failed", "unknown") else ""
    return f"  {number:>2}  {step.name:<24}{taken.state:<13}{took:>7}  {taken.note or ''}".rstrip()


def working_ms(run: Run) -> int:
    """Return how long a run was at work, without its pauses, milliseconds."""
    end = run.ended_at or run.last_at or run.started_at
    return max(0, round((end - run.started_at).total_seconds() * 1000) - run.paused_ms)


def length(ms: int) -> str:
    """Return a duration in the unit that suits it.

    >>> length(120), length(2500), length(150_000)
    ('0.1 s', '2.5 s', '2.5 min')
    """
    size, unit = next(((size, unit) for size, unit in _UNITS if ms >= size), _UNITS[-1])
    return f"{ms / size:.1f} {unit}"


def moment(at: datetime | None) -> str:
    """Return a moment for people; nothing where there is none."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "—"


def _taken(taken: Taken | None) -> dict[str, object]:
    return {} if taken is None else {"state": taken.state, "note": taken.note, "spent_ms": taken.spent_ms}


def _cost(source: str, losses: list[Loss]) -> SourceCost:
    def seconds(kind: str) -> float:
        return sum(
            (one.to_at - one.from_at).total_seconds()
            for one in losses
            if one.kind == kind and one.from_at is not None and one.to_at is not None and one.closed_at is None
        )

    recovered = [one for one in losses if one.kind == "recovered"]
    return SourceCost(
        source,
        next((one.to_at for one in losses if one.kind == "delivered"), None),
        sum(one.events or 0 for one in recovered),
        sum(one.calls or 0 for one in recovered),
        seconds("partial"),
        seconds("gone"),
        any(one.is_open and one.to_at is None for one in losses),
    )


def _cost_in_words(cost: SourceCost) -> str:
    gone = "still not heard" if cost.is_open else f"{cost.gone_s:.1f} s gone" if cost.gone_s else "nothing gone"
    partial = f", {cost.partial_s:.1f} s partial" if cost.partial_s else ""
    return (
        f"delivered to {moment(cost.delivered_to)}; from the twin {cost.recovered_events:,} events of "
        f"{cost.recovered_calls:,} calls; {gone}{partial}"
    )
