"""Verification: whether the standby holds what the active site holds, and the facts what their events give.

What each part can and cannot see: the comparison sees every row that is not alike at the two sites, and nothing that is
equally wrong at both; computing facts anew from their events sees that, as far back as events are kept.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from twinmart import errors
from twinmart.aggregate.audit import audit
from twinmart.config.topology import active_site
from twinmart.db.connect import Connection, session
from twinmart.etl.recompute import Recomputed, recompute
from twinmart.replicate import fence
from twinmart.replicate.compare import Comparer, Comparison
from twinmart.replicate.ends import End, reach
from twinmart.replicate.heartbeat import beat, wait_for
from twinmart.replicate.repair import repair

Outcome = Literal["right", "different", "unknown"]

# Closed partitions whose signature was computed so recently are trusted while nobody has written to them.
TRUSTS_DAYS = 7.0
DRAIN_S = 30.0
# So much before the newest fact is audited: a day of a million calls would take minutes.
AUDITED = timedelta(hours=2)


@dataclass(slots=True)
class Verification:
    """What a verification looked at and what it found."""

    run: str
    started_at: datetime
    active: int
    standby: int | None = None
    ended_at: datetime | None = None
    is_deep: bool = False
    comparison: Comparison | None = None
    recomputed: Recomputed | None = None
    aggregates: list[dict[str, object]] = field(default_factory=list)
    open_gaps: int = 0
    repaired: int = 0
    unknown: list[errors.MartError] = field(default_factory=list)

    @property
    def verdict(self) -> Outcome:
        """Right, different, or unknown when a part of it could not be told."""
        if self.aggregates or (self.recomputed and self.recomputed.different):
            return "different"
        if self.comparison and not self.comparison.is_equal:
            return "different"
        if any(isinstance(error, errors.DataSpoilt) for error in self.unknown):
            return "different"
        if self.unknown or (self.comparison and not self.comparison.is_drained):
            return "unknown"
        return "right"

    def to_json(self) -> dict[str, object]:
        """Return the report as data for programs."""
        return {
            "run": self.run,
            "verdict": self.verdict,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at and self.ended_at.isoformat(),
            "active": self.active,
            "standby": self.standby,
            "deep": self.is_deep,
            "comparison": self.comparison and asdict(self.comparison),
            "recomputed": self.recomputed and asdict(self.recomputed),
            "aggregates": self.aggregates,
            "open_gaps": self.open_gaps,
            "repaired": self.repaired,
            "unknown": [error.to_json() for error in self.unknown],
        }


def verify(
    ends: Mapping[int, End],
    *,
    is_deep: bool = False,
    is_repairing: bool = False,
    workers: int = 2,
    sample: int = 2_000,
    drain_s: float = DRAIN_S,
    tell: Callable[[Comparison], None] = lambda _: None,
) -> Verification:
    """Compare the standby with the active site, if there is one, and a sample of the facts with their events.

    Deep trusts no signature kept from before and computes every fact anew. Repairing mends the standby's rows, and the
    comparison is then made again.

    Raises:
        SiteUnreachable: no site answers.
        NotAStandby: there is nothing to be repaired; nothing was changed.
    """
    active = active_site({number: end.dsn for number, end in ends.items()})
    made = Verification(str(uuid.uuid4()), datetime.now(UTC), active, is_deep=is_deep)
    with session(ends[active].dsn, application_name="twinmart verify", autocommit=True) as mart:
        row = mart.execute("SELECT count(*) FROM ctl.gap WHERE NOT filled").fetchone()
        made.open_gaps = int(row[0]) if row else 0
        made.standby = _standby(ends, active, made)
        if made.standby is not None:
            _compare(made, ends, mart, workers, drain_s, tell)
            if is_repairing and made.comparison and made.comparison.listed:
                _repair(made, ends, mart)
                _compare(made, ends, mart, workers, drain_s, tell)
        elif is_repairing:
            raise errors.NotAStandby(
                f"no site is a standby of site {active}", hint="Nothing was changed. See: twinmart replication show."
            )
        made.recomputed = recompute(ends[active].dsn, active, sample=None if is_deep else sample)
        made.aggregates = _audit_aggregates(mart, is_deep=is_deep)
        made.ended_at = datetime.now(UTC)
        _record(made, mart)
    return made


def _standby(ends: Mapping[int, End], active: int, made: Verification) -> int | None:
    """Return the site that is the standby of the active one; of one that gives no answer nothing is known."""
    for number, end in ends.items():
        if number != active:
            try:
                with session(end.dsn, application_name="twinmart verify") as other:
                    if fence.standing(other).of_site == active:
                        return number
            except errors.MartError as error:
                made.unknown.append(error)
    return None


def _compare(
    made: Verification,
    ends: Mapping[int, End],
    mart: Connection,
    workers: int,
    drain_s: float,
    tell: Callable[[Comparison], None],
) -> None:
    assert made.standby is not None  # noqa: S101  asked by the caller
    trusts = 0.0 if made.is_deep else TRUSTS_DAYS
    with session(ends[made.standby].dsn, application_name="twinmart verify", autocommit=True) as standby:

        def drain() -> bool:
            try:
                wait_for(standby, made.active, beat(mart, made.active), timeout_s=drain_s)
            except errors.NotCaughtUp as error:
                made.unknown.append(error)
                return False
            return True

        drain()
        comparer = Comparer(ends[made.active].dsn, ends[made.standby].dsn, drain, workers, trusts, tell)
        try:
            made.comparison = comparer.compare()
        except errors.DataSpoilt as error:
            # Nothing is compared that cannot be read, and nobody shall take the site for a good copy.
            made.unknown.append(error)


def _repair(made: Verification, ends: Mapping[int, End], mart: Connection) -> None:
    assert made.standby is not None  # noqa: S101  asked by the caller
    assert made.comparison is not None  # noqa: S101  asked by the caller
    with reach(ends[made.standby], "verify") as standby:
        made.repaired += repair(mart, standby, made.comparison.listed)


def _audit_aggregates(mart: Connection, *, is_deep: bool) -> list[dict[str, object]]:
    """Compare the aggregates with the facts: of the newest hours that have facts, or of all time."""
    first, last = mart.execute(
        "SELECT to_timestamp(min(start_date_time_key)), to_timestamp(max(start_date_time_key))"
        " FROM mart.interaction_fact"
    ).fetchone() or (None, None)
    if first is None:
        return []
    from_at = first if is_deep else last - AUDITED
    return [one.data() for one in audit(mart, from_at=from_at, to_at=last + timedelta(minutes=15))]


def _record(made: Verification, mart: Connection) -> None:
    compared = made.comparison or Comparison()
    recomputed = made.recomputed or Recomputed()
    mart.execute(
        "INSERT INTO ops.verify_run VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)",
        (
            made.run,
            made.started_at,
            made.ended_at,
            made.active,
            made.standby,
            made.verdict,
            compared.rows,
            compared.different + recomputed.different,
            made.is_deep,
            json.dumps(made.to_json()),
        ),
    )
