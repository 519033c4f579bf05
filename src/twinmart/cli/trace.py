"""The commands that follow facts back to their events: trace interaction, trace fact."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import psycopg
import typer

from twinmart.cli.context import answer, answer_json, home_of, table
from twinmart.config.topology import active_site
from twinmart.db.connect import Connection, session
from twinmart.db.migrate import schema_state
from twinmart.report.timeline import Fold, Line, channel_names, folded, timeline
from twinmart.report.trace import DISCARDED, Interaction, Part, State, Trace, Visit, trace, work_of
from twinmart.site.home import Home
from twinmart.upkeep.lineage import Lineage, lineage


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    tracing = typer.Typer(help="Follow facts back to their events.", no_args_is_help=True)
    tracing.command("interaction")(trace_interaction)
    tracing.command("fact")(trace_fact)
    app.add_typer(tracing, name="trace")


def trace_interaction(
    ctx: typer.Context,
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Key of an interaction or of a visit, part or state in it; or the switch's id of a channel or call.",
        ),
    ],
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Source of the call, where several know the id.")
    ] = None,
    site: Annotated[int | None, typer.Option("--site", min=1, help="Number of the site; else the active one.")] = None,
    is_whole: Annotated[bool, typer.Option("--all", help="Every event; else long runs of noise are folded.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs; nothing is folded.")] = False,
) -> None:
    """Tell one call from its first event to its facts, and which loads made these. Changes nothing.

    Example: twinmart trace interaction 1795366405.239
    """
    home = home_of(ctx)
    number = home.site(site).number if site is not None else _active_site(home)
    with _snapshot(home.site(number).dsn()) as mart:
        found = trace(mart, wanted, source=source)
    if as_json:
        answer_json(id=wanted, site=number, **_data(found))
        return
    answer("\n".join(_page(found, is_whole=is_whole)))


def trace_fact(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of a row of any table of facts.")],
    site: Annotated[int | None, typer.Option("--site", min=1, help="Number of the site; else the active one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")] = False,
) -> None:
    """Tell where a row comes from: the loads that made it, the extractions and the events behind it. Changes nothing.

    Rows of agents' sessions, states and groups have no interaction; of the others, trace interaction tells more.

    Example: twinmart trace fact 019a9f5e-8c60-8000-b1c2-0123456789ab
    """
    home = home_of(ctx)
    number = home.site(site).number if site is not None else _active_site(home)
    with _snapshot(home.site(number).dsn()) as mart:
        found = lineage(mart, key)
    if as_json:
        answer_json(key=key, site=number, **_plain(asdict(found)))
        return
    answer("\n".join(_fact_page(found)))


def _active_site(home: Home) -> int:
    return active_site({one.number: one.dsn() for one in home.require_sites()})


@contextmanager
def _snapshot(dsn: str) -> Iterator[Connection]:
    """Give a connection that sees the mart as it stands at one moment, whatever is loaded meanwhile."""
    with session(dsn, application_name="twinmart trace", autocommit=True) as mart:
        if (obstacle := schema_state(mart).obstacle()) is not None:
            raise obstacle
        mart.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        mart.read_only = True
        with mart.transaction():
            yield mart


# --- the page --------------------------------------------------------------------------------------------------------


def _page(found: Trace, *, is_whole: bool) -> Iterator[str]:
    """Yield the page piece by piece."""
    names = channel_names(found)
    parts: list[tuple[str, str]] = [
        ("", _head(found, datetime.now(UTC))),
        ("timeline", _timeline(found, is_whole=is_whole)),
        ("visits", _visits(found, names)),
        ("parts", _parts(found.parts, names)),
        ("states", _states(found)),
        ("audit", _audit(found)),
    ]
    for title, text in parts:
        if text:
            yield f"\n{title}\n{text}" if title else text


def _fact_page(found: Lineage) -> Iterator[str]:
    """Yield where a fact comes from, piece by piece."""
    yield f"{found.table}, a row of schema mart"
    yield _laid_out(
        ("column", "value"), [(name, _cell(value)) for name, value in found.row.items() if value is not None]
    )
    for title, rows in (("loads", found.loads), ("extractions", found.extractions), ("events", found.events)):
        told = _laid_out(tuple(rows[0]), [[_cell(value) for value in row.values()] for row in rows]) if rows else ""
        yield f"\n{title}\n{told or '  none is kept any more'}"


def _cell(value: object) -> str:
    match value:
        case None:
            return "—"
        case datetime():
            return _absolute(value)
        case _:
            return str(value)


def _printable(text: object) -> str:
    """Return what a switch sent without the signs that a terminal would obey, line ends among them."""
    return "".join(sign if sign.isprintable() else "�" for sign in str(text))


def _laid_out(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return table(head, [[_printable(cell) for cell in row] for row in rows])


def _head(found: Trace, now: datetime) -> str:
    fact = found.interaction
    name = "none" if fact is None else str(fact.interaction_id)
    lines = [f"interaction {name}  of source {found.source or '(no longer known)'}"]
    if fact is not None:
        caller, called = fact.source_address or "(not told)", fact.target_address or "(not told)"
        lines += [
            f"  from       {caller} to {called}, {(fact.direction or 'unknown').lower()}",
            f"  started    {_absolute(fact.start_at)} ({_length(now - fact.start_at)} ago)",
            f"  ended      {_end(fact)}",
        ]
    lines += [f"  status     {line}" for line in _status(found)]
    lines += [f"  call       {', '.join(found.calls)}"]
    counts = [
        (len(found.calls), "call"),
        (len(found.channels), "channel"),
        (len(found.events), "event"),
        (len(found.visits), "visit"),
        (len(found.parts), "part"),
        (len(found.states), "state"),
    ]
    lines += [f"  numbers    {', '.join(_count(number, word) for number, word in counts)}"]
    return "\n".join(map(_printable, lines))


def _status(found: Trace) -> Iterator[str]:
    """Yield how the interaction stands, in as many lines as there are things to know."""
    fact = found.interaction
    if found.waiting_agent is not None:
        yield f"no interaction: the line on which {found.waiting_agent} waits for work"
    elif fact is None:
        yield "not in the facts yet"
    elif fact.status == DISCARDED:
        yield f"discarded: {fact.discard_code}: {fact.discard_reason}"
        yield "nothing but the row of the interaction is in the facts"
    elif fact.status:
        yield "ended abnormally: how is not told, the switch died or no longer knew it"
    else:
        yield "goes on" if fact.active_flag else "ended"
    if found.pending_batch is not None:
        yield f"news of batch {found.pending_batch} waits for the next load: twinmart etl"
    if not found.events:
        yield "its events are no longer kept"


def _timeline(found: Trace, *, is_whole: bool) -> str:
    lines = timeline(found)
    if not lines:
        return ""
    start = lines[0].event.at
    rows = []
    for item in lines if is_whole else folded(lines):
        at = item.event.at
        times = (_clock(at, _day(found)), f"{(at - start).total_seconds():+10.3f}")
        rows.append((*times, *_what(item)))
    return _laid_out(("at, UTC", "       + s", "kind", "channel", "what → facts"), rows)


def _what(item: Line | Fold) -> tuple[str, str, str]:
    facts = f"  → {', '.join(item.facts)}" if item.facts else ""
    if isinstance(item, Line):
        return item.event.kind, item.channel, item.says + facts
    channels = len({line.channel for line in item.lines})
    return f"… {len(item.lines)} folded", _count(channels, "channel"), f"{item.says}; --all tells each{facts}"


def _visits(found: Trace, names: dict[str, str]) -> str:
    day = _day(found)
    rows = [
        (
            number,
            names.get(visit.channel_id, visit.channel_id),
            visit.queue or "?",
            visit.entered_by,
            _clock(visit.start_at, day),
            _seconds(visit.wait_ms),
            visit.result,
            visit.agent or "—",
            visit.offer_count,
            _load(visit),
            visit.mediation_segment_id,
        )
        for number, visit in enumerate(found.visits, start=1)
    ]
    head = ("no", "channel", "queue", "by", "entered", f"{'waited':>8}", "result", "agent", "offers", "load", "key")
    return _laid_out(head, rows) if rows else ""


def _parts(parts: Sequence[Part], names: dict[str, str]) -> str:
    rows = [
        (
            part.ordinal,
            part.resource_name or "?",
            part.attempt_kind,
            _words(part.resource_role, part.role_reason),
            _words(part.technical_result, part.result_reason),
            *(_seconds(value) for value in (part.dial_ms, part.ring_ms, part.talk_ms, part.hold_ms, part.work_ms)),
            names.get(part.channel_id, part.channel_id),
            _load(part),
            part.interaction_resource_id,
        )
        for part in parts
    ]
    times = (f"{word:>8}" for word in ("dialled", "rang", "talked", "held", "worked"))
    head = ("no", "resource", "kind", "role", "outcome", *times, "channel", "load", "key")
    return _laid_out(head, rows) if rows else ""


def _states(found: Trace) -> str:
    ordinals = {part.interaction_resource_id: part for part in found.parts}
    rows = []
    for state in found.states:
        part = ordinals.get(state.interaction_resource_id)
        who = (part.ordinal, part.resource_name or "?") if part else ("?", "?")
        span = (_clock(state.start_at, _day(found)), _seconds(state.duration_ms))
        rows.append((*who, f"{state.state} as {(state.role or '?').lower()}", *span, _load(state)))
    return _laid_out(("part", "resource", "state", "from", f"{'lasted':>8}", "load"), rows) if rows else ""


def _audit(found: Trace) -> str:
    """Return the loads that made the facts, and the extractions that brought the events."""
    loads = []
    for load in found.loads:
        inserted, changed = work_of(found, load.audit_key)
        loads.append(
            (
                load.audit_key,
                load.job,
                _absolute(load.created_at),
                load.site,
                load.epoch,
                _kinds(inserted),
                _kinds(changed),
            )
        )
    brought = Counter(event.batch for event in found.events)
    batches = [
        (one.batch, one.collector or "?", one.site, _absolute(one.started_at), brought[one.batch], one.rows_new)
        for one in found.batches
    ]
    parts = []
    if loads:
        parts.append(_laid_out(("load", "job", "committed", "site", "epoch", "inserted", "changed last"), loads))
    if batches:
        parts.append(
            _laid_out(("batch", "collector", "site", "extracted", "events of this call", "events in all"), batches)
        )
    return "\n\n".join(parts)


def _load(fact: Interaction | Visit | Part | State) -> str:
    """Return which load inserted a fact and, if it was another, which one changed it last."""
    first, last = fact.create_audit_key, fact.update_audit_key
    return f"{first}" if first == last else f"{first}, {last}"


def _kinds(words: Sequence[str]) -> str:
    return ", ".join(_count(number, word) for word, number in Counter(words).items()) or "—"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _words(what: str | None, why: str | None) -> str:
    told = [word for word in (what, why) if word and word != "Unspecified"]
    return ", ".join(told) or "—"


# --- times -----------------------------------------------------------------------------------------------------------


def _absolute(at: datetime) -> str:
    return f"{at:%-d %b %Y} {_clock(at)} UTC"


def _clock(at: datetime, day: date | None = None) -> str:
    """Return the time of day, with the day before it where that is not the one given."""
    time = f"{at:%H:%M:%S}.{at:%f}"[:-3]
    return time if day in {None, at.date()} else f"{at:%-d %b} {time}"


def _day(found: Trace) -> date | None:
    """Return the day on which the call began."""
    starts = [event.at for event in found.events[:1]] + [visit.start_at for visit in found.visits[:1]]
    return min(starts).date() if starts else None


def _end(fact: Interaction) -> str:
    if fact.end_at is None:
        return "not yet" if fact.active_flag else "not known"
    return f"{_absolute(fact.end_at)}, after {(fact.duration_ms or 0) / 1000:.3f} s"


def _seconds(value: int | None) -> str:
    return f"{'—' if value is None else f'{value / 1000:.3f}':>8}"


def _length(span: timedelta) -> str:
    """Return a span in its two largest units.

    >>> _length(timedelta(minutes=2, seconds=26.4)), _length(timedelta(days=3, hours=2, minutes=5))
    ('2 min 26 s', '3 d 2 h')
    """
    left = max(0, int(span.total_seconds()))
    parts: list[str] = []
    for unit, width in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, width)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


# --- for programs ----------------------------------------------------------------------------------------------------


def _data(found: Trace) -> dict[str, Any]:
    names = channel_names(found)
    whole: dict[str, Any] = _plain(asdict(found))
    words = [{"name": line.channel, "says": line.says, "facts": line.facts} for line in timeline(found)]
    whole["events"] = [{**event, **told} for event, told in zip(whole["events"], words, strict=True)]
    whole["channels"] = [{"channel_id": channel, "name": names[channel]} for channel in found.channels]
    whole["status"] = list(_status(found))
    return whole


def _plain(value: Any) -> Any:
    """Return the value with moments in the form that programs read."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
