"""A drill: the whole failover with the same steps, on a copy of the standby; the marts in use are not touched.

The standby's cluster is copied as files into a folder beside it and started there, on a port of its own and with no
worker that receives changes. For the steps this copy is the surviving site, and the active one does not answer. What
was used is removed in the end, or by the next drill. Hashes of both marts in use, taken before and after, prove that
they were left alone.
"""

import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event as Signal
from threading import Thread

from psycopg import conninfo

from twinmart import errors
from twinmart.db.connect import Connection, advisory_lock, session
from twinmart.jobs.desk import hold
from twinmart.recover.journal import Journal, Run
from twinmart.recover.links import MOVING, differing
from twinmart.recover.model import Wish
from twinmart.recover.procedure import Event
from twinmart.recover.report import first_load
from twinmart.recover.run import Executor, plan_now
from twinmart.recover.world import SiteWorld
from twinmart.replicate.ends import End, embedded_end, reach
from twinmart.replicate.physical import back_up, remove_copy
from twinmart.replicate.signatures import Unit, signature, tables
from twinmart.report.losses import manifest
from twinmart.site.mart import OWNER
from twinmart.site.ports import free_port
from twinmart.site.postgres import Server

# Drills have a journal of their own, so that a failover never waits for one or finds one in its way.
DRILLS = "drills.sqlite"

LOCK = "drill"
_PREFIX = "drill-"

# The copy of the subscription must not take what is the standby's.
_DEAF = {"max_logical_replication_workers": "0"}

# Jobs whose work leaves the mart: nobody shall get a report of a drill.
_OUTWARD = ("reports", "export")

# What a recovery writes that does not cross the link, as text in a fixed order.
_LOCAL = {
    "subscriptions": "SELECT subname, subenabled, subslotname FROM pg_subscription"
    " WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1",
    "slots": "SELECT slot_name FROM pg_replication_slots WHERE database = current_database() AND NOT temporary"
    " ORDER BY 1",
    "ops.replica": "SELECT of_site FROM ops.replica",
    "ops.recovery_fence": "SELECT number, run, promised_epoch, fenced_for FROM ops.recovery_fence",
    "ops.recovery_mark": "SELECT run, mark FROM ops.recovery_mark ORDER BY 1, 2",
    "ops.recovery_record": "SELECT count(*), max(seq) FROM ops.recovery_record",
}

Tell = Callable[[Event], None]
Signatures = Mapping[tuple[int, str], object]


@dataclass(frozen=True, slots=True)
class Drill:
    """The two sites as they are, the wish that is practised, and the journal of drills."""

    ends: Mapping[int, End]
    wish: Wish
    journal: Journal
    who: str = ""

    def carry_out(self, tell: Tell) -> Run:
        """Practise, prove and clean up; return the run.

        Raises:
            LockHeld: another drill is going on.
            NotReady: the standby's server is not one of ours, or has no room for a copy. Nothing was changed.
            RunSuperseded: the standby became active in earnest meanwhile; the drill was broken off.
            StepFailed: a mart in use is not as it was.
            MartError: whatever a step of a failover raises; the copy is gone.
        """
        end = self.ends[self.wish.target]
        server = _server(end)
        with reach(end, "drill") as watching, advisory_lock(watching, LOCK):
            for left in leftovers(end):
                remove_copy(server, left)
            self._close_open_run()
            before, epoch = self._signatures(), _epoch(watching)
            with _copied(end, server) as there:
                run = self._practise(there, tell, lambda: _epoch(watching) == epoch)
            proof = self._prove(before, self._signatures())
        self.journal.write(run.id, "note", name="proof", value=proof)
        return self.journal.run(run.id)

    def _practise(self, there: End, tell: Tell, goes_on: Callable[[], bool]) -> Run:
        """Walk the steps of a failover in the copy, and note what they would have cost."""
        with _served(there) as serve:
            world = SiteWorld({there.site: there}, serve=serve)
            executor = Executor(world, self.journal, who=self.who)
            run = executor.start(plan_now(world, self.wish, self.journal))
            for event in executor.walk(run):
                tell(event)
                if not goes_on():
                    self.journal.write(run.id, "ended", state="superseded")
                    raise errors.RunSuperseded(
                        f"site {there.site} has become active in earnest; the drill was broken off",
                        detail="nothing but its copy was changed, and that is gone",
                        hint="Look with: twinmart status.",
                    )
        with session(there.dsn, application_name="twinmart drill", autocommit=True) as mart:
            first = first_load(mart, run)
            losses = [asdict(one) for one in manifest(mart, run.id)]
        self.journal.write(run.id, "note", name="losses", value=losses)
        if first is not None:
            self.journal.write(run.id, "note", name="first load", value=first.isoformat())
        return run

    def _close_open_run(self) -> None:
        run = self.journal.open_run()
        if run is not None:
            self.journal.write(run.id, "ended", state="given up")

    def _signatures(self) -> Signatures:
        """Return count and hash sum of every table of both marts in use; of one that gives no answer nothing."""
        found: dict[tuple[int, str], object] = {}
        for site in (self.wish.target, self.wish.other):
            if site not in self.ends:
                continue
            with suppress(errors.SiteUnreachable), reach(self.ends[site], "drill") as mart:
                for name, query in _LOCAL.items():
                    found[site, name] = mart.execute(query.encode()).fetchall()
                for table in tables(mart):
                    if (table.schema_name, table.table_name) not in MOVING:
                        found[site, table.name] = signature(mart, Unit(table))
        return found

    def _prove(self, before: Signatures, after: Signatures) -> str:
        """Say how the marts in use are known to be untouched; what work of theirs changed must be the same at both.

        Raises:
            StepFailed: something is not as it was and is not production's own work either.
        """
        moved = {name for site, name in before if before[site, name] != after.get((site, name))}
        if moved:
            ours = sorted(moved & _LOCAL.keys())
            pairs = [
                (schema, table) for schema, _, table in (name.partition(".") for name in sorted(moved - set(ours)))
            ]
            both = all(site in self.ends for site in (self.wish.target, self.wish.other))
            if not ours and both:
                ours = [
                    ".".join(pair) for pair in differing(self.ends[self.wish.other], self.ends[self.wish.target], pairs)
                ]
            elif not both:
                ours = sorted(moved)
            if ours:
                raise errors.StepFailed(
                    "a mart in use is not as it was before the drill",
                    detail="in " + ", ".join(ours),
                    hint="Look with: twinmart verify.",
                )
        own = f"; {len(moved)} of them by production's own loads, equal at both sites" if moved else ""
        return f"{len(before)} hashes of the marts in use were taken before and after{own or ', and none differs'}"


def leftovers(end: End) -> list[Path]:
    """Return the folders of copies that a drill which was interrupted has left at a site."""
    return [] if end.server is None else sorted(end.server.folder.glob(f"{_PREFIX}*"))


@contextmanager
def _copied(end: End, server: Server) -> Iterator[End]:
    """Give a running copy of the site's whole cluster, with its interaction databases; it is gone afterwards."""
    _require_room(server)
    database = str(conninfo.conninfo_to_dict(end.dsn)["dbname"])
    folder = server.folder / f"{_PREFIX}{secrets.token_hex(3)}"
    copy = replace(server, folder=folder, port=free_port(), settings={**server.settings, **_DEAF})
    try:
        server.account.make_folder(folder)
        server.account.write(copy.passfile, server.passfile.read_text(encoding="utf-8"))
        back_up(server, copy)
        copy.start()
        there = embedded_end(end.site, copy, copy.dsn(database=database, user=OWNER), database=database)
        with reach(there, "drill") as mart:
            mart.execute("SET session_replication_role = replica")
            for job in _OUTWARD:
                hold(mart, job, "twinmart drill", "nobody shall get a report of a drill")
            # What the server in earnest says of itself is not said by the one of the copy.
            mart.execute("DELETE FROM ops.server")
        yield there
    finally:
        remove_copy(server, folder)


@contextmanager
def _served(there: End) -> Iterator[Callable[[int], None]]:
    """Give what starts the mart server of the copy; it ends with the drill."""
    # Slow to load, and a failover, which passes by here, cannot wait for it.
    from twinmart.jobs.server import MartServer  # noqa: PLC0415

    stop, threads = Signal(), []

    def serve(site: int) -> None:
        thread = Thread(target=MartServer(site, {site: there.dsn}).run, args=(stop,), name="drill", daemon=True)
        thread.start()
        threads.append(thread)

    try:
        yield serve
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def _server(end: End) -> Server:
    if end.server is None or end.server.programs.major < 17:
        raise errors.NotReady(
            f"a drill copies files, and the server of site {end.site} is no embedded PostgreSQL 17 or newer",
            hint="Nothing was changed. Judge by facts alone: twinmart check failover.",
        )
    return end.server


def _require_room(server: Server) -> None:
    used = sum(path.stat().st_size for path in server.data.rglob("*") if path.is_file() and not path.is_symlink())
    free = shutil.disk_usage(server.folder).free
    if free < used * 1.2:
        raise errors.NotReady(
            f'"{server.folder}" has no room for a copy of the standby',
            detail=f"{used / 1e9:.1f} GB are used, {free / 1e9:.1f} GB are free",
            hint="Nothing was changed. Make room, then run: twinmart drill.",
        )


def _epoch(connection: Connection) -> object:
    """Return what changes when a site becomes active."""
    return connection.execute(
        "SELECT active_site, epoch, EXISTS (SELECT FROM ops.replica) FROM cfg.topology"
    ).fetchone()
