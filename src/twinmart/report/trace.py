"""Everything that the mart knows of one call: its events, the facts made of them, and the loads that made these.

The answer to "why does the mart say so": from the key of a fact, or from what the switch calls a call, back to what
the source said. How it is told to people is not decided here; see ``timeline`` for the words and ``cli/trace`` for the
page.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from psycopg.rows import class_row

from twinmart import errors
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text

DISCARDED = 2

Row = TypeVar("Row")
Named = TypeVar("Named", "Event", "Visit", "Part")


@dataclass(frozen=True, slots=True)
class Found:
    """An interaction, or a call that is none yet, by what it was looked for."""

    source_key: int
    source: str | None
    call_id: str
    interaction_id: UUID | None
    date_time_key: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is kept, in the order in which it happened."""

    source: str | None
    event_id: UUID
    at: datetime
    kind: str
    channel_id: str
    linked_id: str | None
    other_id: str | None
    bridge_id: str | None
    channel: str | None
    queue: str | None
    member: str | None
    number: str | None
    target: str | None
    value: str | None
    reason: str | None
    detail: dict[str, Any] | None
    batch: int


@dataclass(frozen=True, slots=True)
class Interaction:
    """The interaction's own fact; where it was discarded, why."""

    source_key: int
    source: str | None
    interaction_id: UUID
    start_date_time_key: int
    root_id: str
    direction: str | None
    source_address: str | None
    target_address: str | None
    status: int
    active_flag: int
    call_count: int
    start_at: datetime
    end_at: datetime | None
    duration_ms: int | None
    create_audit_key: int
    update_audit_key: int
    discard_code: str | None
    discard_reason: str | None
    discarded_at: datetime | None
    discard_audit_key: int | None
    fact: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit of a caller to a queue."""

    source: str | None
    mediation_segment_id: UUID
    channel_id: str
    queue: str | None
    entry_ordinal: int
    entered_by: str
    position: int | None
    offer_count: int
    result: str
    technical_result: str | None
    result_reason: str | None
    agent: str | None
    target_ixn_resource_id: UUID | None
    start_at: datetime
    end_at: datetime | None
    wait_ms: int | None
    create_audit_key: int
    update_audit_key: int
    fact: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """The part that a resource took, with how long it dialled, rang, talked, held and worked afterwards."""

    source: str | None
    interaction_resource_id: UUID
    ordinal: int
    channel_id: str
    resource_type: str | None
    resource: str | None
    resource_name: str | None
    attempt_kind: str
    resource_role: str | None
    role_reason: str | None
    technical_result: str | None
    result_reason: str | None
    mediation_segment_id: UUID | None
    received_from_ixn_resource_id: UUID | None
    start_at: datetime
    answered_at: datetime | None
    end_at: datetime | None
    dial_ms: int
    ring_ms: int
    talk_ms: int
    hold_ms: int
    work_ms: int
    create_audit_key: int
    update_audit_key: int
    fact: dict[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """A state of a resource inside the interaction."""

    ixn_resource_state_fact_key: UUID
    interaction_resource_id: UUID
    state: str | None
    role: str | None
    start_at: datetime
    end_at: datetime | None
    duration_ms: int | None
    create_audit_key: int
    update_audit_key: int
    fact: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Load:
    """A load that inserted or changed one of the facts."""

    audit_key: int
    created_at: datetime
    job: str
    site: int
    epoch: int
    row_count: int


@dataclass(frozen=True, slots=True)
class Batch:
    """An extraction that brought some of the events."""

    batch: int
    collector: str | None
    site: int | None
    started_at: datetime
    ended_at: datetime
    rows_read: int
    rows_new: int
    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True)
class Trace:
    """All of it; lists are empty where there is nothing, or nothing any more.

    The source is the one at which the interaction began. What another switch calls a call, a channel or a bridge is
    written ``SOURCE:ID``, since two switches may use one id.
    """

    source: str | None
    calls: list[str]
    channels: list[str]
    waiting_agent: str | None
    pending_batch: int | None
    interaction: Interaction | None
    events: list[Event] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)

    @property
    def facts(self) -> Iterator[tuple[str, Interaction | Visit | Part | State]]:
        """Every fact with the word for its kind."""
        if self.interaction is not None:
            yield "interaction", self.interaction
        for word, facts in (("visit", self.visits), ("part", self.parts), ("state", self.states)):
            for fact in facts:
                yield word, fact


def trace(mart: Connection, wanted: str, *, source: str | None = None) -> Trace:
    """Return everything that the mart knows of one call.

    ``wanted`` is the key of an interaction or of a visit, a part or a state in it, or what the switch calls one of its
    calls or channels. Call it in one read-only transaction, or a load may come between the queries.

    Raises:
        UnknownId: no event and no fact has that id.
        AmbiguousId: calls of several sources have it, and none of them was named.
    """
    found = _find(mart, wanted, source)
    whole = _part(mart, found)
    fact = whole.interaction
    if fact is not None and (fact.source_key, fact.root_id) != (found.source_key, found.call_id):
        # Whichever part was asked for, the page is that of the interaction, which has the name of its first part.
        began = Found(fact.source_key, fact.source, fact.root_id, fact.interaction_id, fact.start_date_time_key)
        whole = _part(mart, began)
    if whole.interaction is not None:
        identity = (whole.interaction.interaction_id, whole.interaction.start_date_time_key)
        _add_other_parts(mart, whole, whole.interaction)
        whole.visits.extend(_named(one, whole.source) for one in _rows(mart, Visit, "visit", _of(identity)))
        whole.parts.extend(_named(one, whole.source) for one in _rows(mart, Part, "part", _of(identity)))
        whole.states.extend(_rows(mart, State, "state", _of(identity)))
    whole.loads.extend(_rows(mart, Load, "load", {"audit_keys": sorted(_audit_keys(whole))}))
    whole.batches.extend(_rows(mart, Batch, "batch", {"batches": sorted({event.batch for event in whole.events})}))
    return whole


def _part(mart: Connection, found: Found) -> Trace:
    """Return the calls, channels and events of one part, and the fact of the interaction that it belongs to."""
    known = {"source_key": found.source_key, "call_id": found.call_id}
    row = mart.execute(sql_text("trace/call"), known).fetchone()
    assert row is not None  # noqa: S101  the query gives one row, whatever it finds
    calls, channels, waiting_agent, pending_batch, interaction_id, date_time_key = row
    identity = (found.interaction_id, found.date_time_key)
    if found.interaction_id is None:
        identity = (interaction_id, date_time_key)
    part = Trace(
        source=found.source,
        calls=calls or [found.call_id],
        channels=channels or [found.call_id],
        waiting_agent=waiting_agent,
        pending_batch=pending_batch,
        interaction=next(iter(_rows(mart, Interaction, "interaction", _of(identity))), None),
    )
    of_part: dict[str, object] = {"source_key": found.source_key, "source": found.source, "channels": part.channels}
    part.events.extend(_rows(mart, Event, "event", of_part))
    return part


def _add_other_parts(mart: Connection, whole: Trace, fact: Interaction) -> None:
    """Add the calls, channels and events of the other parts of the interaction, in the order of time."""
    known = {"source_key": fact.source_key, "calls": list(whole.calls)}
    identity = _of((fact.interaction_id, fact.start_date_time_key))
    for found in _rows(mart, Found, "other_part", {**known, **identity}):
        part = _part(mart, found)
        for mine, other in ((whole.calls, part.calls), (whole.channels, part.channels)):
            named = [_name(one, found.source, whole.source) for one in other]
            mine.extend(one for one in named if one not in mine)
        whole.events.extend(_named(event, whole.source) for event in part.events)
    whole.events.sort(key=lambda event: (event.at, event.event_id))


def _name(name: str, source: str | None, of: str | None) -> str:
    return name if source == of else f"{source}:{name}"


def _named(row: Named, of: str | None) -> Named:
    """Return a row of another source than that of the whole with the names that its switch gave qualified."""
    if row.source == of:
        return row
    names = ("channel_id", "linked_id", "other_id", "bridge_id")
    given = {name: value for name in names if (value := getattr(row, name, None)) is not None}
    qualified: dict[str, Any] = {name: _name(value, row.source, of) for name, value in given.items()}
    return replace(row, **qualified)


def _find(mart: Connection, wanted: str, source: str | None) -> Found:
    """Return what the id stands for: a fact if it is the key of one, else a call or a channel, else a root call."""
    found: list[Found] = []
    if (key := _uuid(wanted)) is not None:
        date_time_key = (key.int >> 80) // 900_000 * 900
        found = _rows(mart, Found, "find_fact", {"key": key, "date_time_key": date_time_key, "source": source})
    for name in ("find_call", "find_root"):
        found = found or _rows(mart, Found, name, {"id": wanted, "source": source})
    match found:
        case [one]:
            return one
        case []:
            of = "" if source is None else f' of source "{source}"'
            raise errors.UnknownId(
                f'no call, channel or fact{of} has the id "{wanted}"',
                detail="an id is the key of a row in the facts, or what the switch calls a channel or a call",
                hint="List calls with: twinmart visits --csv. News that is not loaded yet is taken with: twinmart etl.",
            )
    names = sorted(one.source or "" for one in found)
    raise errors.AmbiguousId(
        f'calls of {len(names)} sources have the id "{wanted}"',
        detail=f"sources: {', '.join(names)}",
        hint=f"Name one of them: twinmart trace interaction {wanted} --source {names[0]}.",
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _of(identity: tuple[UUID | None, int | None]) -> dict[str, object]:
    return {"interaction_id": identity[0], "date_time_key": identity[1]}


def _rows(mart: Connection, kind: type[Row], name: str, parameters: dict[str, object]) -> list[Row]:
    with mart.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(sql_text(f"trace/{name}"), parameters).fetchall()


def _audit_keys(whole: Trace) -> set[int]:
    keys = {key for _, fact in whole.facts for key in (fact.create_audit_key, fact.update_audit_key)}
    if whole.interaction is not None and whole.interaction.discard_audit_key is not None:
        keys.add(whole.interaction.discard_audit_key)
    return keys


def work_of(whole: Trace, audit_key: int) -> tuple[list[str], list[str]]:
    """Return the kinds of facts that a load inserted, and of those that it changed last, one word a fact."""
    facts = list(whole.facts)
    inserted = [word for word, fact in facts if fact.create_audit_key == audit_key]
    changed = [word for word, fact in facts if fact.update_audit_key == audit_key != fact.create_audit_key]
    return inserted, changed
