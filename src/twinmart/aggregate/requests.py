"""Requests: which intervals of which sets are to be computed again, asked for by people and programs.

Loads leave theirs by triggers, in their own transaction. A request is a row in ``ctl.aggregate_request`` and survives
restarts and failovers; the rebuild takes it in the transaction that stores what it computed.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from twinmart import errors
from twinmart.aggregate.sets import BY_NAME, SETS
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text

INTERVAL_S = 900

# Twenty years of intervals; a longer span holds a wrong date.
LONGEST_SPAN = timedelta(days=7320)

_RAW = re.compile(r"(?P<tenants>[^:]+):(?P<sets>[^:]+):(?P<first>\d{1,12}):(?P<last>\d{1,12})")


@dataclass(frozen=True, slots=True)
class RawRequest:
    """What the original's argument ``-insertPendingAggRaw`` asks for."""

    tenant: str | None
    sets: tuple[str, ...] | None
    from_at: datetime
    to_at: datetime


def parse_raw(text: str) -> RawRequest:
    """Read ``<tenants>:<sets>:<epoch>:<epoch>``, with ALLTENANTS and ALLSETS for all, as the original has it.

    Raises:
        WrongAggregateRequest: it is not of that form, or names no moment.
    """
    found = _RAW.fullmatch(text)
    if found is None:
        raise errors.WrongAggregateRequest(
            f'"{text}" is not TENANTS:SETS:FROM:TO',
            detail="nothing was requested",
            hint="Write it like: twinmart aggregate -insertPendingAggRaw ALLTENANTS:ALLSETS:1795305600:1795392000",
        )
    try:
        from_at, to_at = (datetime.fromtimestamp(int(found[name]), UTC) for name in ("first", "last"))
    except (OverflowError, ValueError, OSError):
        raise _wrong(f'"{text}" names a moment that no calendar has') from None
    sets = None if found["sets"].upper() == "ALLSETS" else tuple(found["sets"].lower().split(","))
    return RawRequest(None if found["tenants"].upper() == "ALLTENANTS" else found["tenants"], sets, from_at, to_at)


def request(
    connection: Connection,
    *,
    from_at: datetime,
    to_at: datetime,
    sets: tuple[str, ...] | list[str] | None = None,
    tenant: str | None = None,
    current_thresholds: bool = False,
) -> int:
    """Ask for every interval that the span ``from_at <= t < to_at`` touches; return how many requests were added.

    ``sets`` are names of sets, all when None; ``tenant`` is a name, all tenants when None. With ``current_thresholds``
    the thresholds of now hold for the span from now on; else each interval keeps those of its own time. Inside the
    caller's transaction.

    Raises:
        WrongAggregateRequest: a set or tenant is not known, or the span is empty or impossibly long.
    """
    wanted = names_of(sets, from_at, to_at)
    if tenant is not None and not _is_tenant(connection, tenant):
        raise _wrong(f'there is no tenant "{tenant}"')
    if current_thresholds:
        connection.execute(
            "INSERT INTO ctl.aggregate_threshold_span VALUES (%s, %s, now()) ON CONFLICT DO NOTHING", (from_at, to_at)
        )
    first, last = (int(at.timestamp()) for at in (from_at, to_at - timedelta(microseconds=1)))
    span = {"from_key": first // INTERVAL_S * INTERVAL_S, "last_key": last // INTERVAL_S * INTERVAL_S}
    return connection.execute(sql_text("aggregate/request"), {**span, "sets": wanted, "tenant": tenant}).rowcount


def names_of(sets: tuple[str, ...] | list[str] | None, from_at: datetime, to_at: datetime) -> list[str]:
    """Return the names of sets as we have them, all for None, after a look at the span.

    Raises:
        WrongAggregateRequest: a set is not known, or the span is empty or impossibly long.
    """
    names = [one.name for one in SETS] if sets is None else [name.lower().removeprefix("ag2_") for name in sets]
    if unknown := [name for name in names if name not in BY_NAME]:
        raise _wrong(f'there is no set "{unknown[0]}"', f"sets are {', '.join(sorted(BY_NAME)).upper()}")
    if not from_at < to_at:
        raise _wrong(f"the span is empty: {from_at.isoformat()} to {to_at.isoformat()}")
    if to_at - from_at > LONGEST_SPAN:
        raise _wrong(f"the span is {(to_at - from_at).days} days long", f"at most {LONGEST_SPAN.days} can be asked for")
    return names


@dataclass(frozen=True, slots=True)
class Pending:
    """What is requested of a set at a level."""

    set_name: str
    level: str
    intervals: int
    first_at: datetime
    last_at: datetime
    requested_at: datetime

    def data(self) -> dict[str, object]:
        """Return it as data for programs."""
        times = {name: getattr(self, name).isoformat() for name in ("first_at", "last_at", "requested_at")}
        return {"set": self.set_name, "level": self.level, "intervals": self.intervals, **times}


def pending(connection: Connection) -> list[Pending]:
    """Return what is requested and not rebuilt yet, by set and level; ``requested_at`` is that of the oldest."""
    return [Pending(*row) for row in connection.execute(sql_text("aggregate/status"))]


def _is_tenant(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM mart.tenant WHERE tenant_name = %s", (name,)).fetchone() is not None


def _wrong(message: str, detail: str | None = None) -> errors.WrongAggregateRequest:
    why = "nothing was requested" if detail is None else f"{detail}; nothing was requested"
    return errors.WrongAggregateRequest(message, detail=why, hint="Look with: twinmart aggregate redo --help.")
