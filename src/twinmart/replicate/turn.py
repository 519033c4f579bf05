"""Turns the link round: the standby becomes the source and the active site its standby, and no row is copied.

Both have the same at one moment, in which nobody may write: the active site is fenced, what is under way there ends, a
last beat crosses. The new source gets its slot before the first write, so nothing is missed and nothing comes twice.
Broken off anywhere, the same call goes on; what it could not finish before anything was decided it takes back.
"""

import secrets
import time
from collections.abc import Callable

from twinmart import errors
from twinmart.config.topology import raise_epoch
from twinmart.db.connect import Connection
from twinmart.replicate import copy, fence, link, records, slot
from twinmart.replicate.ends import End, identity
from twinmart.replicate.heartbeat import beat, wait_for
from twinmart.replicate.schema import prepare, publish
from twinmart.replicate.watch import require_steady

Tell = Callable[[str], None]
DRAIN_S = 30


def reverse(source: End, target: End, *, drain_s: float = DRAIN_S, tell: Tell | None = None) -> str:
    """Make ``target`` the active site and ``source`` its standby; return the name of the new link.

    Raises:
        LinkNotSteady: the link does not stream, or something is in the way; nothing was changed.
        OpenTransaction: a transaction did not end in time; the fence was taken back, and ``source`` goes on.
        NotCaughtUp: the last beat did not cross in time; the same.
    """
    say = tell or (lambda _: None)
    if not _is_begun(source, target):
        prepare(source, target, subscription=link.standing(source, target), tell=tell)
        require_steady(source, target)
    with link.both(source, target) as (active, standby):
        name = link.living(standby, active)
        if name is None:
            _hold(active, standby, source, target, drain_s, say)
            name = _turn(active, standby, source, target)
            say(f"site {target.site} has its slot")
        link.clear_role(standby, "target")
        link.clear_role(active, "source")
        epoch = open_site(standby, target.site)
        say(f"site {target.site} is active since epoch {epoch}")
        link.connect(target, standby, source, active, name, tell)
    return name


def turn_link(source: End, target: End, *, tell: Tell | None = None) -> str:
    """Turn the link alone round, between two marts that are both fenced and hold the same; return the new link's name.

    Whoever calls it has stopped the writes before and opens one of the sites afterwards. It may be run again.
    """
    with link.both(source, target) as (active, standby):
        name = link.living(standby, active) or _turn(active, standby, source, target)
        link.clear_role(standby, "target")
        link.clear_role(active, "source")
        link.connect(target, standby, source, active, name, tell)
    return name


def rebuild(
    source: End, target: End, *, method: copy.Method = "online", discard_standby: bool = False,
    tell: Tell | None = None,
) -> str:  # fmt: skip
    """Take the link down and copy the standby anew; its fences stay up all the time.

    Raises:
        StandbyHoldsMore: the standby knows of loads that the active site does not; nothing was changed.
        MartError: whatever ``link.set_up`` raises.
    """
    with link.both(source, target) as (active, standby):
        link.require_fit(source, active, target, standby, discard_standby=discard_standby)
        link.clear(standby, keep_fences=True)
        link.clear(active)
    return link.set_up(source, target, method=method, discard_standby=True, tell=tell)


def hold_writes(active: Connection, of_site: int, *, drain_s: float = DRAIN_S) -> None:
    """Fence the active site and wait until every transaction that may have written before has ended.

    Raises:
        OpenTransaction: one has not within ``drain_s``; the fence was taken back.
    """
    fence.raise_(active, of_site)
    row = active.execute("SELECT pg_current_xact_id()::text").fetchone()
    assert row is not None  # noqa: S101  the query always returns a row
    deadline = time.monotonic() + drain_s
    while open_before := _open_before(active, str(row[0])):
        if time.monotonic() > deadline:
            fence.lower(active)
            raise errors.OpenTransaction(
                f"{len(open_before)} transactions did not end within {drain_s:g} s",
                detail="\n".join(open_before),
                hint="The fence was taken back; the active site goes on. End them, then run the same command again.",
            )
        time.sleep(0.05)


def open_site(connection: Connection, site: int) -> int:
    """Take the fences of a site down and make it the active one under a new epoch; return the epoch."""
    fence.lower(connection)
    row = connection.execute("SELECT epoch, active_site FROM cfg.topology").fetchone()
    assert row is not None  # noqa: S101  the table always has its row
    epoch, active = row
    return int(epoch) if active == site else raise_epoch(connection, expected_epoch=epoch, active_site=site)


def _is_begun(source: End, target: End) -> bool:
    """Whether an earlier call has fenced the active site already; then the look at the link is behind us."""
    with link.both(source, target) as (active, standby):
        return fence.standing(active).of_site == target.site or link.living(standby, active) is not None


def _hold(active: Connection, standby: Connection, source: End, target: End, drain_s: float, say: Tell) -> None:
    slot.require_no_prepared(active, source.site)
    hold_writes(active, target.site, drain_s=drain_s)
    try:
        say(f"site {source.site} is fenced")
        wait_for(standby, source.site, beat(active, source.site), timeout_s=drain_s)
    except errors.MartError:
        fence.lower(active)
        raise
    say(f"site {target.site} has everything")


def _turn(active: Connection, standby: Connection, source: End, target: End) -> str:
    """Give the new source its slot, while both sites are fenced; return the new link's name."""
    for leftover in link.leftover_slots(standby):
        slot.drop(standby, leftover)
    records.end_all(standby, "source")
    records.end_all(active, "target")
    name = f"{records.PREFIX}{target.site}_{source.site}_{secrets.token_hex(4)}"
    here, there = identity(standby), identity(active)
    records.begin(standby, name, "source", (target.site, source.site), here, there, "none")
    records.begin(active, name, "target", (source.site, target.site), there, here, "none")
    publish(standby)
    start_lsn = slot.new_slot_now(standby, name)
    # Looked at after the slot was made: had somebody opened the site before, what was written then would be missed.
    if fence.standing(standby).of_site is None:
        raise errors.SiteFenced(
            f"site {target.site} was opened while the link was turned round",
            detail="what it has written since would be missing at the other site; the link was not turned",
            hint="Copy the other site anew: twinmart return. Look with: twinmart status.",
        )
    records.move(standby, name, "copied", start_lsn=start_lsn)
    # This decides it: from here on the new link is the one that is gone on with.
    records.move(active, name, "copied", start_lsn=start_lsn)
    return name


def _open_before(active: Connection, fence_xid: str) -> list[str]:
    """Return the transactions that began to write before the fence stood and go on, prepared ones too."""
    rows = active.execute(
        "SELECT format('process %%s of %%s (%%s), since %%s', pid, usename, application_name, xact_start)"
        " FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        " AND age(backend_xid) >= age(%s::xid8::xid)",
        (fence_xid,),
    )
    return [told for (told,) in rows] + slot.prepared_transactions(active)
