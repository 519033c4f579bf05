"""The link from the active mart to the standby: set up, held, gone on with, taken down.

A link has one name, which its slot at the source and its subscription at the target carry. Both ends write it down
before anything is made, so every act here may be broken off anywhere and run again: it looks at what is there and goes
on, or begins anew where a copy's snapshot is lost.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from twinmart import errors
from twinmart.db.connect import Connection, advisory_lock
from twinmart.db.sqlfiles import sql_text
from twinmart.replicate import copy, dump, fence, physical, records, slot, subscription
from twinmart.replicate.ends import End, Identity, ends_of, identity, is_superuser, reach
from twinmart.replicate.heartbeat import Beat, beat, newest, wait_for
from twinmart.replicate.schema import PUBLICATION, prepare, publish, require_same_shape
from twinmart.replicate.watch import heal
from twinmart.site.home import Home
from twinmart.site.mart import ensure_replicator

Tell = Callable[[str], None]
LOCK = "replication"
CATCH_UP_S = 600


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the standby has come, by its own word alone."""

    name: str | None
    of_site: int | None
    lsn: str | None
    last_commit_at: datetime | None
    last_load: int | None
    beat: Beat | None


def set_up(
    source: End, target: End, *, method: copy.Method = "online", discard_standby: bool = False, jobs: int = copy.JOBS,
    tell: Tell | None = None,
) -> str:  # fmt: skip
    """Make ``target`` a standby that follows ``source``, and return the link's name; the source goes on loading.

    Run again after it was broken off, or when the link stands, it goes on or changes nothing.

    Raises:
        Refused: the source is not the active site, the target holds loads that it does not know, a prepared transaction
            is open; nothing was changed.
        NotReady: a server or schema is not fit for it; nothing was changed.
        StepFailed: the copy or the catching up stopped; running it again goes on.
    """
    if method == "physical":
        physical.put_back(target)
    prepare(source, target, subscription=standing(source, target), tell=tell)
    if method == "physical":
        _seed_by_files(source, target, discard_standby=discard_standby, tell=tell)
    with both(source, target) as (active, standby):
        known = living(active, standby)
        if known is None:
            require_fit(source, active, target, standby, discard_standby=discard_standby)
            known = _seed(source, active, target, standby, method, jobs, tell)
        connect(source, active, target, standby, known, tell)
    return known


def migrate_linked(home: Home) -> None:
    """Bring linked marts of a folder to this program's version together, the standby first; others are left alone.

    Servers that do not run are left to whoever starts them: without both ends nothing can be migrated together.

    Raises:
        MigrationFailed: one stopped; running it again goes on.
        LockHeld: a loader is at work; nothing was changed.
    """
    if len(home.sites) < 2:
        return
    ends = ends_of(home)
    for target in ends.values():
        source = _source_of(target, ends)
        if source is not None and (name := standing(source, target)) is not None:
            prepare(source, target, subscription=name)


def _source_of(target: End, ends: Mapping[int, End]) -> End | None:
    with suppress(errors.SiteUnreachable, errors.NotReady, errors.UsageError):
        with reach(target, "replication") as standby:
            known = records.living(standby, "target") if _has_records(standby) else None
        if known is not None and known.peer_site in ends:
            with reach(ends[known.peer_site], "replication"):
                return ends[known.peer_site]
    return None


@contextmanager
def both(source: End, target: End) -> Iterator[tuple[Connection, Connection]]:
    """Give a connection to each end, and keep others from changing the link meanwhile.

    Raises:
        LockHeld: another process is at it.
    """
    with (
        reach(source, "replication") as active,
        reach(target, "replication") as standby,
        advisory_lock(active, LOCK),
        advisory_lock(standby, LOCK),
    ):
        yield active, standby


def standing(source: End, target: End) -> str | None:
    """Return the name of the link that is complete between these two ends, or None."""
    with reach(source, "replication") as active, reach(target, "replication") as standby:
        if not _has_records(active) or not _has_records(standby):
            return None
        name = living(active, standby)
        return name if name and subscription.named(standby, name) else None


def pause(target: End, reason: str = "") -> bool:
    """Hold the link up at the standby, and say whether it was held up now; the active site keeps what is not sent.

    Raises:
        NoLink: there is none.
    """
    with reach(target, "replication") as standby:
        known = _require_link(standby)
        if known.paused_at is not None:
            return False
        # Written first: a subscription that is disabled without this note was stopped by an error.
        records.move(standby, known.name, known.state, paused_at=_now(standby), pause_reason=reason or None)
        subscription.disable(standby, known.name)
        return True


def resume(target: End) -> bool:
    """Let the link go on, after a pause or after an error, and say whether it was held up.

    Raises:
        NoLink: there is none.
    """
    with reach(target, "replication") as standby:
        known = _require_link(standby)
        found = subscription.named(standby, known.name)
        if found is None:
            raise _no_link()
        subscription.enable(standby, known.name)
        records.move(standby, known.name, known.state, paused_at=None, pause_reason=None)
        return not found.is_enabled or known.paused_at is not None


def reached(target: End) -> Reached:
    """Ask the standby alone how far it has come; the other site may be gone."""
    with reach(target, "replication", statement_timeout_s=10) as standby:
        return _reached(standby)


def detach(target: End) -> Reached:
    """Take the subscription down at the standby without asking the other site, and return how far it had come.

    What was reached is written down before, since PostgreSQL forgets it with the subscription. The fences stay up.
    Where there is none any more, what was written down is returned.
    """
    with reach(target, "replication") as standby:
        return _detach(standby)


def tear_down(source: End | None, target: End | None, *, keep_fences: bool = False) -> list[str]:
    """Remove every trace of links from the sites that are given, and return what was removed, in words.

    A site that is None, because it is gone, is left out; what is left there is found by its own notes when it is back.
    """
    removed: list[str] = []
    if target is not None:
        with reach(target, "replication") as standby:
            removed += [f"site {target.site}: {one}" for one in clear(standby, keep_fences=keep_fences)]
    if source is not None:
        with reach(source, "replication") as active:
            removed += [f"site {source.site}: {one}" for one in clear(active)]
    return removed


def clear(connection: Connection, *, keep_fences: bool = False) -> list[str]:
    """Remove what links left at one site, finished or not: subscriptions, slots, publication, origins, fences."""
    if not _has_records(connection):
        return []
    removed = clear_role(connection, "target") + clear_role(connection, "source")
    if not keep_fences and fence.standing(connection).of_site is not None:
        fence.lower(connection)
        removed.append("fences")
    return removed


def clear_role(connection: Connection, role: records.Role) -> list[str]:
    """Remove what links left at a site as one of their ends, and note them as ended; return what was removed."""
    removed: list[str] = []
    if role == "target":
        for found in subscription.find(connection):
            _detach(connection, found)
            removed.append(f"subscription {found.name}")
        for name in leftover_origins(connection):
            connection.execute("SELECT pg_replication_origin_drop(%s)", (name,))
            removed.append(f"origin {name}")
    else:
        going = [*records.unfinished(connection, "source"), *leftover_slots(connection)]
        removed += [f"slot {name}" for name in dict.fromkeys(going) if slot.drop(connection, name)]
        for (publication,) in connection.execute(
            "SELECT pubname FROM pg_publication WHERE pubname = %s OR starts_with(pubname, %s)",
            (PUBLICATION, records.PREFIX),
        ).fetchall():
            connection.execute(sql.SQL("DROP PUBLICATION {}").format(sql.Identifier(publication)))
            removed.append(f"publication {publication}")
    records.end_all(connection, role)
    return removed


def leftover_slots(connection: Connection, *, living: str | None = None) -> list[str]:
    """Return the slots of this database that are ours and belong to no living link."""
    rows = connection.execute(
        "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
        " AND starts_with(slot_name, %s) AND slot_name IS DISTINCT FROM %s ORDER BY slot_name",
        (records.PREFIX, living),
    )
    return [name for (name,) in rows]


def leftover_origins(connection: Connection) -> list[str]:
    """Return the replication origins that links of this mart wrote down and whose subscription is gone."""
    return [name for (name,) in connection.execute(sql_text("replicate/leftover_origins"))]


def living(active: Connection, standby: Connection) -> str | None:
    """Return the name of the link that can be gone on with: known at both ends, between these two, slot in place."""
    known, other = records.living(standby, "target"), records.living(active, "source")
    if known is None or other is None or known.name != other.name or known.state not in ("copied", "linked"):
        return None
    if not known.is_between(identity(standby), identity(active)) or not slot.exists(active, known.name):
        return None
    return known.name


def require_fit(
    source: End, active: Connection, target: End, standby: Connection, *, discard_standby: bool
) -> None:  # fmt: skip
    """Refuse what must not be linked, before anything is changed."""
    if (level := _setting(active, "wal_level")) != "logical":
        raise errors.NotReady(
            f'setting "wal_level" of {source.place} is "{level}"; it must be "logical"',
            hint="Set it and restart that server. Nothing was changed.",
        )
    if identity(active) == identity(standby):
        raise errors.UsageError(
            "both ends of the link are one database", detail=f"{source.place}\n{target.place}",
            hint="Nothing was changed. Look with: twinmart status.",
        )  # fmt: skip
    _require_no_newer(source, active, standby)
    site, _ = _topology(active)
    if site != source.site:
        raise errors.SiteFenced(
            f"site {source.site} must not be the source: site {site} is active",
            hint=f"Nothing was changed. Set it up from there: twinmart replication setup --from {site}.",
        )
    if (of_site := fence.standing(active).of_site) is not None:
        raise errors.ReadOnlySite(
            f"site {source.site} is a replica of site {of_site} and cannot be a source",
            hint="Nothing was changed. Look with: twinmart replication show.",
        )
    slot.require_no_prepared(active, source.site)
    require_same_shape(active, standby)
    _require_no_more(active, standby, target.site, discard_standby=discard_standby)


def _require_no_newer(source: End, active: Connection, standby: Connection) -> None:
    """Refuse a source that knows an older topology than the site that would follow it."""
    (_, epoch), (site, other_epoch) = _topology(active), _topology(standby)
    if other_epoch > epoch:
        raise errors.SiteFenced(
            f"site {source.site} must not be the source: the other site knows a newer topology",
            detail=f"epoch {epoch} at site {source.site}; {other_epoch} there, by which site {site} is active",
            hint="Nothing was changed. Look with: twinmart status.",
        )


def _require_no_more(active: Connection, standby: Connection, site: int, *, discard_standby: bool) -> None:
    """Refuse to empty a mart that knows of loads the active one does not."""
    asking = "SELECT created_at, audit_key FROM ctl.audit_log"
    more = set(standby.execute(asking)) - set(active.execute(asking)) if not discard_standby else set()
    if more:
        first, last = min(more)[0], max(more)[0]
        raise errors.StandbyHoldsMore(
            f"site {site} holds {len(more):,} loads that the active site does not know",
            detail=f"committed from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC",
            hint="Nothing was changed. To throw them away: twinmart replication setup --discard-standby.",
        )


def _seed(
    source: End, active: Connection, target: End, standby: Connection, method: copy.Method, jobs: int,
    tell: Tell | None,
) -> str:  # fmt: skip
    """Give the standby its first rows, and a slot that goes on from there; return the link's name."""
    clear(standby, keep_fences=True)
    clear(active)
    name = f"{records.PREFIX}{source.site}_{target.site}_{secrets.token_hex(4)}"
    here, there = identity(active), identity(standby)
    records.begin(active, name, "source", (source.site, target.site), here, there, method)
    records.begin(standby, name, "target", (target.site, source.site), there, here, method)
    _let_in(source, active, target, standby)
    publish(active)
    # Planted now, while there is time, so that a switch need not wait for a lock.
    fence.plant(active)
    fence.raise_(standby, source.site)
    if method == "dump":
        copy.empty(standby)
    with slot.new_slot(source.reach, name) as made:
        for end in (active, standby):
            records.move(end, name, "copying", start_lsn=made.start_lsn)
        if tell:
            tell(f"copying site {source.site} as it is at {made.start_lsn}")
        seed = dump.through_files if method == "dump" else copy.online
        copied = seed(source, target, str(made.snapshot), jobs=jobs, tell=tell)
    records.move(active, name, "copied")
    records.move(standby, name, "copied")
    if tell:
        alike = f"; {copied.kept} of them were alike and stayed" if copied.kept else ""
        tell(f"copied {copied.tables} tables, {copied.rows:,} rows, {copied.bytes / 2**20:,.1f} MiB{alike}")
    return name


def _seed_by_files(source: End, target: End, *, discard_standby: bool, tell: Tell | None) -> None:
    """Exchange the standby's cluster for a copy of the active site's that subscribes to it, unless that was done."""
    _, there = physical.require_files(source, target)
    with both(source, target) as (active, standby):
        physical.remove_leftovers(there)
        if living(active, standby) is not None:
            return
        require_fit(source, active, target, standby, discard_standby=discard_standby)
        clear(standby, keep_fences=True)
        clear(active)
        name = f"{records.PREFIX}{source.site}_{target.site}_{secrets.token_hex(4)}"
        records.begin(
            active, name, "source", (source.site, target.site), identity(active), identity(standby), "physical"
        )
        _let_in(source, active, target, standby)
        publish(active)
        fence.plant(active)
    # The standby's server stops on the way, and with it every connection to it.
    with reach(source, "replication") as active, advisory_lock(active, LOCK):
        physical.through_base_backup(source, target, name, tell=tell)


def _let_in(source: End, active: Connection, target: End, standby: Connection) -> None:
    """See that the role for the link exists at both ends, and has the password that the string's file holds."""
    for end, connection in ((source, active), (target, standby)):
        if end.password is not None and is_superuser(connection):
            ensure_replicator(connection, end.password)
            if fence.standing(connection).of_site is None:
                fence.lower(connection)


def connect(
    source: End, active: Connection, target: End, standby: Connection, name: str, tell: Tell | None
) -> None:  # fmt: skip
    """Bring the subscription to life, unless somebody paused it, and wait until the first beat has crossed."""
    # A copy takes its time, in which the site that is copied to may have become the active one.
    _require_no_newer(source, active, standby)
    fence.raise_(standby, source.site)
    found = subscription.named(standby, name) or subscription.create(standby, name, source)
    known = records.living(standby, "target")
    if known is not None and known.paused_at is not None:
        return
    if known is None or known.state != "linked":
        records.move(standby, name, "copied", origin=found.origin)
        subscription.enable(standby, name)
        if tell:
            tell("catching up")
        wait_for(
            standby, source.site, beat(active, source.site), timeout_s=CATCH_UP_S, mend=lambda: heal(source, target)
        )
        for end in (active, standby):
            records.move(end, name, "linked", linked_at=_now(end))
    elif not found.is_enabled:
        heal(source, target)  # its line broke after that


def _reached(standby: Connection) -> Reached:
    row = standby.execute(sql_text("replicate/reached"), {"prefix": records.PREFIX}).fetchone()
    if row is None:  # the query always returns a row
        raise _no_link()
    name, of_site, lsn, last_commit_at, last_load = row
    return Reached(name, of_site, lsn, last_commit_at, last_load, newest(standby, of_site) if of_site else None)


def _detach(standby: Connection, found: subscription.Subscription | None = None) -> Reached:
    found = found or next(iter(subscription.find(standby)), None)
    known = _reached(standby)
    if found is not None:
        # Off first, so that nothing is applied after the note of how far it went.
        subscription.disable(standby, found.name)
        _wait_for_worker(standby, found.oid)
        known = _reached(standby)
        standby.execute(
            "UPDATE ops.link SET end_lsn = %s, end_source_at = %s, origin = %s WHERE name = %s AND role = 'target'",
            (known.lsn, known.last_commit_at, found.origin, found.name),
        )
        subscription.drop(standby, found.name)
    records.end_all(standby, "target")
    return known


def _wait_for_worker(standby: Connection, oid: int) -> None:
    """Wait until nothing is applied any more; a worker that does not end by itself is ended."""
    if _worker_is_gone(standby, oid, 5):
        return
    standby.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_subscription WHERE subid = %s AND pid IS NOT NULL", (oid,)
    )


def _worker_is_gone(standby: Connection, oid: int, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = standby.execute(
            "SELECT 1 FROM pg_stat_subscription WHERE subid = %s AND pid IS NOT NULL", (oid,)
        ).fetchone()
        if found is None:
            return True
        time.sleep(0.01)
    return False


def _require_link(standby: Connection) -> records.Record:
    known = records.living(standby, "target") if _has_records(standby) else None
    if known is None:
        raise _no_link()
    return known


def _no_link() -> errors.NoLink:
    return errors.NoLink(
        "no replication link ends at this site", hint="Nothing was changed. Make one with: twinmart replication setup."
    )


def _has_records(connection: Connection) -> bool:
    return connection.execute("SELECT to_regclass('ops.link') IS NOT NULL").fetchone() == (True,)


def _topology(connection: Connection) -> tuple[int, int]:
    row = connection.execute("SELECT active_site, epoch FROM cfg.topology").fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _setting(connection: Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else ""


def _now(connection: Connection) -> datetime:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101  the query always returns a row
    now: datetime = row[0]
    return now


__all__ = ["Identity", "Reached", "clear", "detach", "pause", "reached", "resume", "set_up", "standing", "tear_down"]
