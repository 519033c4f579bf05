"""Looks at a link: lets a beat cross, gathers facts at both ends, says what state it is in, and keeps the history."""

import re
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from twinmart import errors
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.replicate import fence, records, slot, subscription
from twinmart.replicate.ends import End, identity, reach
from twinmart.replicate.heartbeat import beat, has_crossed, newest
from twinmart.replicate.schema import Drift, drift, level_partitions
from twinmart.replicate.state import Facts, Limits, State, classify

LOOK_S = 1.0
_PAUSE_S = 0.02
_LOG_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the link between two sites found."""

    at: datetime
    name: str | None
    state: State
    facts: Facts
    missed: dict[int, errors.MartError] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    problems: tuple[str, ...] = ()
    cause: str | None = None
    pause_reason: str | None = None
    paused_at: datetime | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the link could be turned or the standby take over without a loss."""
        return self.state.is_steady and not any(one.breaks for one in self.drift) and not self.problems


def look(
    source: End, target: End, *, wait_s: float = LOOK_S, limits: Limits | None = None, looks_at_shape: bool = True
) -> Look:
    """Look at the link and note what was found at each site that answers; one that does not is a state, no error.

    Comparing the shapes of the marts is most of its cost; who looks every few seconds may leave that out now and then.
    """
    with ExitStack() as stack:
        active, standby = _Side(source), _Side(target)
        for side in (active, standby):
            side.open(stack)
        found = _look(active, standby, wait_s, limits or Limits(), looks_at_shape=looks_at_shape)
        for side in (active, standby):
            # A disk that is full takes no note, which is no reason not to say what was found.
            with suppress(psycopg.errors.DiskFull):
                if side.connection is not None:
                    _note(side.connection, found)
        return found


def require_steady(source: End, target: End) -> Look:
    """Return a look at a link that streams and has no problem.

    Raises:
        LinkNotSteady: it does not, or has; the detail says what is in the way.
    """
    found = look(source, target, wait_s=5)
    if not found.is_ready:
        reasons = [f"the link is {found.state.name}: {found.state.meaning}"] if not found.state.is_steady else []
        reasons += [str(one) for one in found.drift if one.breaks][:5] + list(found.problems)
        raise errors.LinkNotSteady(
            f"the link from site {source.site} to site {target.site} is not fit for a switch",
            detail="\n".join(reasons),
            hint=f"Nothing was changed. {found.state.mend or 'Look with: twinmart replication show.'}",
        )
    return found


def history(end: End) -> list[tuple[str, int, datetime, int | None]]:
    """Return what the looks of the last day found at a site: state, looks, when last, longest lag in milliseconds."""
    with reach(end, "replication show", statement_timeout_s=15) as mart:
        return [(state, looks, at, lag) for state, looks, at, lag in mart.execute(sql_text("replicate/history"))]


def heal(source: End, target: End) -> bool:
    """Let apply go on where something stopped it that passes or that we make; say whether it was so.

    A partition made at one site only stops apply, loudly and by design: it is made at the other. So does one that the
    role that applies must not write: it is given its privileges. A source that is shut down in good order stops apply
    too, since the last word of the standby does not reach it any more. A conflict is mended by nobody who is not asked.
    """
    with reach(source, "replication") as active, reach(target, "replication") as standby:
        known = records.living(standby, "target")
        found = subscription.named(standby, known.name) if known else None
        if known is None or found is None or found.is_enabled or known.paused_at is not None:
            return False
        breaking = [one for one in drift(active, standby) if one.breaks]
        if any(one.kind != "partition" for one in breaking) or (not breaking and _has_conflicts(standby, known.name)):
            return False
        if breaking:
            level_partitions(active, standby, datetime.now(UTC))
            if any(one.breaks for one in drift(active, standby)):
                return False
        if "permission denied" in (_last_error(target, standby, known.name) or ""):
            fence.settle(standby)  # a partition was made without the privileges of its table
        subscription.enable(standby, known.name)
        return True


def _has_conflicts(standby: Connection, name: str) -> bool:
    """Whether rows were in the way of apply; where the server does not tell, they may have been."""
    row = standby.execute(sql_text("replicate/stopping_conflicts"), {"name": name}).fetchone()
    return row is None or row[0] is None or row[0] > 0


class _Side:
    """One end while it is looked at, with why it gives no answer."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.connection: Connection | None = None
        self.missed: errors.MartError | None = None

    def open(self, stack: ExitStack) -> None:
        try:
            self.connection = stack.enter_context(reach(self.end, "replication show", statement_timeout_s=15))
            if self.connection.execute("SELECT to_regclass('ops.link')").fetchone() == (None,):
                raise errors.NotInitialised("the mart is not at this version", hint="Migrate it: twinmart init.")
        except errors.MartError as error:
            self.connection, self.missed = None, error


def _look(active: _Side, standby: _Side, wait_s: float, limits: Limits, *, looks_at_shape: bool) -> Look:
    missed = {side.end.site: side.missed for side in (active, standby) if side.missed is not None}
    facts = Facts(
        active.end.site,
        standby.end.site,
        source_answers=active.connection is not None,
        target_answers=standby.connection is not None,
    )
    known = records.living(standby.connection, "target") if standby.connection else None
    if active.connection is None or standby.connection is None:
        one = standby.connection or active.connection
        facts = replace(facts, **(_newest(standby.connection, active.end.site) if standby.connection else _unknown()))
        return Look(_now(one), known.name if known else None, classify(facts, limits), facts, missed)
    if known is None:
        facts = replace(facts, is_recorded=False, **_unknown())
        return Look(_now(active.connection), None, classify(facts, limits), facts, missed)
    facts = _facts(facts, known, active.connection, standby.connection, standby.end, wait_s)
    state = classify(facts, limits)
    stopped = state.name in ("conflict", "broken", "stalled")
    return Look(
        at=_now(active.connection),
        name=known.name,
        state=state,
        facts=facts,
        drift=tuple(drift(active.connection, standby.connection)) if looks_at_shape else (),
        problems=tuple(_problems(active.connection, standby.connection, known, facts)),
        cause=_last_error(standby.end, standby.connection, known.name) if stopped else None,
        pause_reason=known.pause_reason,
        paused_at=known.paused_at,
    )


def _facts(
    facts: Facts, known: records.Record, active: Connection, standby: Connection, standby_end: End, wait_s: float
) -> Facts:
    other = records.living(active, "source")
    is_between = known.is_between(identity(standby), identity(active))
    was_line = known.paused_at is None and _was_line(standby_end, standby, known.name)
    number = beat(active, facts.source_site) if is_between and fence.standing(active).of_site is None else 0
    before = _target_facts(standby, known.name)
    deadline = time.monotonic() + wait_s
    while not (crossed := has_crossed(standby, facts.source_site, number)) and time.monotonic() < deadline:
        if not before["is_enabled"]:
            break
        time.sleep(_PAUSE_S)
    after = _target_facts(standby, known.name)
    moved = (before.pop("received"), before.pop("applied")) != (after.pop("received"), after.pop("applied"))
    return replace(
        facts,
        is_seeded=known.state in ("copied", "linked"),
        is_between_these=is_between and other is not None and other.name == known.name,
        is_paused=known.paused_at is not None,
        was_line=was_line,
        has_crossed=crossed,
        has_moved=moved,
        **{key: value for key, value in after.items() if key != "has_right_origin"},
        **_source_facts(active, known.name),
        **_newest(standby, facts.source_site),
    )


def _source_facts(active: Connection, name: str) -> dict[str, Any]:
    row = active.execute(sql_text("replicate/source_facts"), {"name": name}).fetchone() or ()
    keys = ("has_slot", "_", "wal_status", "lost_why", "lag_bytes", "kept_bytes", "safe_bytes", "limit_bytes")
    return {key: value for key, value in zip(keys, row, strict=True) if key != "_"}


def _target_facts(standby: Connection, name: str) -> dict[str, Any]:
    row = standby.execute(sql_text("replicate/target_facts"), {"name": name}).fetchone() or ()
    keys = (
        "has_subscription", "is_enabled", "has_right_origin", "pid", "silent_ms", "received", "applied",
        "apply_errors", "conflicts", "origin",
    )  # fmt: skip
    found = dict(zip(keys, row, strict=True))
    pid, _ = found.pop("pid"), found.pop("origin")
    return {**found, "has_worker": pid is not None}


def _newest(standby: Connection, site: int) -> dict[str, Any]:
    known = newest(standby, site)
    return {"lag_ms": known.age_ms, "beat": known.beat, "beat_at": known.beat_at} if known else _unknown()


def _unknown() -> dict[str, Any]:
    return {"lag_ms": None}


def _problems(active: Connection, standby: Connection, known: records.Record, facts: Facts) -> list[str]:
    """Return what is not as it should be, whatever the state; each is a reason to refuse a switch."""
    found = [f"site {facts.target_site} is not well fenced: {hole}" for hole in fence.standing(standby).holes]
    if fence.standing(standby).of_site is None:
        found.append(f"site {facts.target_site} is not fenced")
    if not _target_facts(standby, known.name)["has_right_origin"]:
        found.append('the subscription\'s origin is "any": changes would come back; set it to "none"')
    found += [f"prepared transaction open at site {facts.source_site}: {one}" for one in
              slot.prepared_transactions(active)]  # fmt: skip
    if facts.conflicts:
        found.append(f"{facts.conflicts} conflicts were counted; compare the sites with: twinmart verify")
    rows = active.execute(
        "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
        " AND starts_with(slot_name, %s) AND slot_name <> %s",
        (records.PREFIX, known.name),
    )
    found += [f'slot "{name}" of an earlier link is left at site {facts.source_site}' for (name,) in rows]
    return found


def _was_line(end: End, standby: Connection, name: str) -> bool:
    """Whether the subscription was disabled because the line broke, and not by a change that could not be applied.

    The server's log tells. Where we cannot read it, whatever was no conflict is tried again: it stops again if need be.
    """
    found = _target_facts(standby, name)
    if not found["has_subscription"] or found["is_enabled"] or found["conflicts"]:
        return False
    if end.server is None:
        return True
    lines = _log_lines(end)
    stopped = f'subscription "{name}" has been disabled because of an error'
    for place in range(len(lines) - 1, -1, -1):
        if stopped in lines[place]:
            process = re.search(r" \[\d+\] ", lines[place])
            told = [one for one in lines[:place] if process and process[0] in one and "ERROR:  " in one]
            return bool(told) and _LINE_ERROR.search(told[-1]) is not None
    return False


_LINE_ERROR = re.compile(
    "could not (receive|send) data|due to timeout|could not connect to the publisher|connection to server"
    "|closed the connection|could not start WAL streaming|end of WAL"
)


def _log_lines(end: End) -> list[str]:
    if end.server is None:
        return []
    try:
        with end.server.log.open("rb") as file:
            file.seek(max(end.server.log.stat().st_size - _LOG_BYTES, 0))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def _last_error(end: End, standby: Connection, name: str) -> str | None:
    """Return why apply stopped, from the log of an embedded server; PostgreSQL tells it nowhere else."""
    found = subscription.named(standby, name)
    if found is None:
        return None
    lines = _log_lines(end)
    for place in range(len(lines) - 1, -1, -1):
        if f'replication origin "{found.origin}"' in lines[place]:
            told = [line.split("ERROR:  ")[-1] for line in lines[max(place - 6, 0) : place] if "ERROR:  " in line]
            context = lines[place].split("CONTEXT:  ")[-1].strip()
            return f"{told[-1]} ({context})" if told else context
    return None


def _note(connection: Connection, found: Look) -> None:
    facts = found.facts
    told = {key: getattr(facts, key) for key in ("lag_ms", "lag_bytes", "kept_bytes", "safe_bytes", "beat", "beat_at")}
    if not (facts.source_answers and facts.target_answers):
        told |= {"lag_bytes": None, "kept_bytes": None}
    sites = {"source": facts.source_site, "target": facts.target_site, "state": found.state.name}
    connection.execute(sql_text("replicate/note_lag"), {**told, **sites})
    connection.execute(sql_text("replicate/thin_lag"))


def _now(connection: Connection | None) -> datetime:
    if connection is None:
        return datetime.now(UTC)
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101  the query always returns a row
    at: datetime = row[0]
    return at
