"""Brings what only a lost site has to the active one, through ordinary extraction, and files what cannot be merged.

Events have an identity, so a union is safe: facts are computed anew from them, and a second salvage finds nothing. Each
step is committed together with the mark of the database that was read, so one that was broken off goes on. What a
person changed at the lost site after the last transaction that crossed is told and never merged: two truths of one
configuration are for people to settle.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from psycopg.types.json import Jsonb

from twinmart.config.sources import collectors
from twinmart.config.topology import active_site
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import LockHeld, NothingToSalvage
from twinmart.etl.cycle import TRANSFORM, Etl
from twinmart.recover.loss import close_found
from twinmart.recover.salvage.decode import Change, changes
from twinmart.replicate.ends import End, reach
from twinmart.replicate.link import leftover_slots
from twinmart.replicate.schema import PUBLICATION

Tell = Callable[[str], None]

# A load of the mart server is waited for so long.
PATIENCE_S = 30.0

_NOT_FILED = "cfg.topology"


@dataclass(slots=True)
class Salvage:
    """What a salvage found and did."""

    run: str
    lost: int
    active: int
    events_read: int = 0
    events_brought: int = 0
    interactions: int = 0
    losses_closed: int = 0
    gaps_closed: int = 0
    # Changes that had not crossed, by table; those of data follow from events and are computed anew.
    unshipped: dict[str, int] = field(default_factory=dict)
    filed: list[dict[str, object]] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Return the report as data for programs."""
        return asdict(self)


def salvage(ends: Mapping[int, End], lost: int, *, tell: Tell | None = None) -> Salvage:
    """Bring what the lost site has alone to the active site, and return what that was.

    Raises:
        NothingToSalvage: the site is the active one. Nothing was changed.
        SiteUnreachable: the site, or the active one, gives no answer; run it again.
        LockHeld: the mart server loads without a pause. Nothing was changed.
    """
    dsns = {site: end.dsn for site, end in ends.items()}
    active = active_site(dsns)
    if lost == active or lost not in ends:
        raise NothingToSalvage(
            f"site {lost} is the active one" if lost == active else f"there is no site {lost}",
            hint="Nothing was changed. Look with: twinmart status.",
        )
    say = tell or _nobody
    with reach(ends[lost], "salvage") as old, reach(ends[active], "salvage") as mart:
        _fence(old, active)
        done = Salvage(_begin(mart, lost), lost, active)
        found = unshipped(old)
        done.unshipped = dict(Counter(one.table for one in found))
        done.filed = [_filed(one) for one in found if one.table.startswith("cfg.") and one.table != _NOT_FILED]
        say(f"{len(found):,} changes of site {lost} had not crossed, {len(done.filed)} of them of the configuration")
        _bring(dsns, old, mart, done, say)
        _close(mart, done)
        _end(mart, done)
    return done


def unshipped(old: Connection) -> list[Change]:
    """Return what the slots that a lost site has kept were about to send; they are left as they are."""
    if old.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", (PUBLICATION,)).fetchone() is None:
        return []
    found: list[Change] = []
    for name in leftover_slots(old):
        rows = old.execute(
            "SELECT data FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, 'proto_version', '1',"
            " 'publication_names', %s)",
            (name, PUBLICATION),
        )
        found += changes(bytes(data) for (data,) in rows)
    return found


def _fence(old: Connection, active: int) -> None:
    """See that the lost site loads nothing meanwhile, whatever runs there; a copy has its fences already."""
    row = old.execute("SELECT epoch FROM cfg.topology WHERE NOT EXISTS (SELECT FROM ops.replica)").fetchone()
    if row is not None:
        reason = f"it was replaced by site {active}"
        old.execute(sql_text("witness/hold"), {"epoch": row[0], "until": "-infinity", "reason": reason})


def _bring(dsns: Mapping[int, str], old: Connection, mart: Connection, done: Salvage, say: Tell) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with Etl(done.active, dsns) as etl:
                for collector in [one for one in collectors(mart) if one.site == done.lost]:
                    read, new = etl.take(old, collector)
                    done.events_read += read
                    done.events_brought += new
                    mart.execute(
                        "UPDATE ops.salvage_run SET events_brought = events_brought + %s WHERE run = %s",
                        (new, done.run),
                    )
                    say(f"{collector.name}: {new:,} events that only site {done.lost} had")
                done.interactions = etl.cycle(parts=frozenset({TRANSFORM})).interactions
            return
        except LockHeld as error:
            if time.monotonic() > deadline:
                raise LockHeld(
                    f"site {done.active} loads without a pause",
                    detail=error.detail,
                    hint="Nothing was brought. Hold jobs extract and transform: twinmart jobs hold extract.",
                ) from error
            time.sleep(0.2)


def _close(mart: Connection, done: Salvage) -> None:
    """Close what is no longer missing, in the manifest and in the gaps that reports show."""
    with mart.transaction():
        for run, source_key, to_at in mart.execute(sql_text("salvage/end_open_loss"), {"lost": done.lost}).fetchall():
            rest = {"run": run, "lost": done.lost, "source_key": source_key, "class": "gone", "from_at": to_at}
            mart.execute(sql_text("recover/write_loss"), {**rest, "to_at": None, "cause": "not heard since"})
            mart.execute(
                sql_text("recover/loss_gap"),
                {"source_key": source_key, "from_at": to_at, "to_at": None, "kind": "gone", "run": run},
            )
        done.losses_closed = close_found(mart)
        done.gaps_closed = mart.execute(sql_text("salvage/close_gap"), {"lost": done.lost}).rowcount


def _begin(mart: Connection, lost: int) -> str:
    """Go on with a salvage of this site that was broken off, or begin one."""
    row = mart.execute(
        "SELECT run::text FROM ops.salvage_run WHERE lost_site = %s AND ended_at IS NULL", (lost,)
    ).fetchone()
    if row is not None:
        return str(row[0])
    run = str(uuid.uuid4())
    mart.execute(
        "INSERT INTO ops.salvage_run (run, lost_site, started_at) VALUES (%s, %s, clock_timestamp())", (run, lost)
    )
    return run


def _end(mart: Connection, done: Salvage) -> None:
    mart.execute(
        "UPDATE ops.salvage_run SET ended_at = clock_timestamp(), gaps_closed = %s, report = %s WHERE run = %s",
        (done.gaps_closed, Jsonb(done.to_json()), done.run),
    )


def _filed(change: Change) -> dict[str, object]:
    return {
        "table": change.table,
        "operation": change.operation,
        "committed_at": change.committed_at.isoformat(),
        "row": change.row,
    }


def _nobody(message: str) -> None:
    del message
