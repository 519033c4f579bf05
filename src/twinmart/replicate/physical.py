"""The first copy of a mart as files: ``pg_basebackup``, then ``pg_createsubscriber`` makes a subscriber of the copy.

The quickest way for a large mart, where both servers are embedded and their folders can be reached from here. The whole
cluster is copied, and what belongs to the receiving site alone is carried over from its old one: its interaction
databases, its own records, its passwords. All of that is done beside the old cluster, which is exchanged at the end;
broken off before, nothing has happened to it. Nobody starts the receiving server meanwhile: it is held. The copy is
brought to disk once, as a whole, before it takes the old cluster's place.
"""

import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg import conninfo, sql

from twinmart import errors
from twinmart.db.connect import Connection, connect, mapped_errors
from twinmart.replicate import fence, records, subscription
from twinmart.replicate.copy import JOBS
from twinmart.replicate.ends import End, identity
from twinmart.replicate.schema import PUBLICATION
from twinmart.site.mart import OWNER, READER, REPLICATOR, create_database
from twinmart.site.ports import free_port
from twinmart.site.postgres import SUPERUSER, Server

Tell = Callable[[str], None]
_LONGEST_S = 24 * 3600
_FRESH = "copy-"

# Nothing may be applied before the copy has its fences and stands in its place, and nothing need be durable before.
_BESIDE = {"max_logical_replication_workers": "0", "fsync": "off"}


def require_files(source: End, target: End) -> tuple[Server, Server]:
    """Return both servers, whose files must be within reach.

    Raises:
        NotReady: they are not, or the receiving server holds databases that are none of ours; nothing was changed.
    """
    here, there = source.server, target.server
    if here is None or there is None:
        raise errors.NotReady(
            "a copy of files needs both servers embedded, with their folders within reach",
            hint="Nothing was changed. Copy through the line: --copy online.",
        )
    if here.programs.major < 17:
        raise errors.NotReady(
            f"a copy of files needs PostgreSQL 17 or newer; this is {here.programs.version}",
            hint="Nothing was changed. Copy through the line: --copy online.",
        )
    with _superuser(there, "postgres") as line:
        database = conninfo.conninfo_to_dict(target.dsn)["dbname"]
        rows = line.execute(
            "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1', %s)",
            (database,),
        ).fetchall()
    if rows:
        raise errors.NotReady(
            f"the server of site {target.site} holds other databases, which a copy of files would remove",
            detail=", ".join(name for (name,) in rows),
            hint="Nothing was changed. Copy through the line: --copy online.",
        )
    return here, there


def put_back(target: End) -> None:
    """See that the receiving server runs on its own cluster, wherever an earlier copy was broken off."""
    if target.server is not None:
        target.server.start()


def remove_leftovers(server: Server) -> None:
    """Remove what copies that were broken off have left beside the receiving server's cluster."""
    for left in server.folder.glob(f"{_FRESH}*"):
        remove_copy(server, left)


def remove_copy(server: Server, folder: Path) -> None:
    """End the server of a copy beside a server's own cluster, and remove its folder; either may be gone already."""
    copy = replace(server, folder=folder)
    if (copy.data / "postmaster.pid").exists():
        copy.stop("immediate")
    shutil.rmtree(copy.socket_folder, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def through_base_backup(source: End, target: End, name: str, *, tell: Tell | None = None) -> None:
    """Copy the source's cluster to the target and make it the subscriber ``name``; the target's server runs again.

    Raises:
        CopyFailed: a program stopped with an error; the target's old cluster is as it was.
        MartError: a server gave no answer; the same.
    """
    say = tell or (lambda _: None)
    here, there = require_files(source, target)
    database = str(conninfo.conninfo_to_dict(target.dsn)["dbname"])
    _require_same_name(source, database)
    folder = there.folder / f"{_FRESH}{secrets.token_hex(3)}"
    fresh = replace(there, folder=folder, port=free_port(), settings={**there.settings, **_BESIDE})
    there.account.make_folder(folder)
    there.account.write(fresh.passfile, there.passfile.read_text(encoding="utf-8"))
    try:
        back_up(here, fresh, "--write-recovery-conf")
        say("the source's files are copied")
        # The two leave each other time: one waits for a recovery, the other reads.
        with there.hold(), ThreadPoolExecutor(1) as beside:
            kept = beside.submit(_take_out, there, folder, database)
            _subscribe(here, fresh, database, name)
            fresh.start()
            _make_ours(source, target, fresh, database, name)
            say("the copy is a subscriber")
            _put_in(fresh, kept.result(), database)
            _note(source, target, fresh, database, name)
            fresh.stop()
            _to_disk(there, fresh)
            there.exchange(fresh.data)
    finally:
        remove_copy(there, folder)
        there.start()
    say(f"site {target.site} runs on the copy")


def _require_same_name(source: End, database: str) -> None:
    if conninfo.conninfo_to_dict(source.dsn)["dbname"] != database:
        raise errors.NotReady(
            "a copy of files needs databases of the same name at both sites",
            hint="Nothing was changed. Copy through the line: --copy online.",
        )


def back_up(here: Server, fresh: Server, *more: str) -> None:
    """Copy the files of a running server into the folder of another one, which was not started yet.

    They need not be on disk afterwards: the first start of a server with durable settings brings them there.

    Raises:
        CopyFailed: pg_basebackup stopped with an error.
    """
    options = ["--wal-method=stream", "--checkpoint=fast", "--no-manifest", "--no-sync", *more]
    _run(fresh, ["pg_basebackup", f"--dbname={here.dsn()}", f"--pgdata={fresh.data}", *options])


def _subscribe(here: Server, fresh: Server, database: str, name: str) -> None:
    """Let the copy catch up to a slot of the source and become a server of its own, with another identity.

    The program insists on a publication that it makes itself; it is exchanged for ours before anything is sent.
    """
    # The backup has the source's settings, below whose limits no recovery may be; those of its user lie beside it.
    if (theirs := here.folder / "local.conf").exists():
        fresh.account.write(fresh.folder / theirs.name, theirs.read_text(encoding="utf-8"))
    with (fresh.data / "twinmart.conf").open("a", encoding="utf-8") as settings:
        settings.write("fsync = 'off'\n")
    fresh.account.make_folder(fresh.socket_folder)
    # The source itself may be such a copy, and the place where its recovery ended is before any backup of it.
    _forget(fresh, "recovery_target")
    _run(
        fresh,
        ["pg_createsubscriber", f"--pgdata={fresh.data}", f"--publisher-server={here.dsn(database=database)}",
         f"--database={database}", f"--publication={name}", f"--subscription={name}",
         f"--replication-slot={name}", f"--socketdir={fresh.socket_folder}", f"--subscriber-port={fresh.port}",
         f"--subscriber-username={SUPERUSER}"],
    )  # fmt: skip
    _forget(fresh, "recovery_target", "primary_conninfo")
    (fresh.folder / "local.conf").unlink(missing_ok=True)


def _forget(server: Server, *settings: str) -> None:
    """Take settings out of the file of a server that does not run, which programs have written there."""
    file = server.data / "postgresql.auto.conf"
    kept = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith(settings)]
    server.account.write(file, "".join(f"{line}\n" for line in kept))


def _make_ours(source: End, target: End, fresh: Server, database: str, name: str) -> None:
    """Give the copy its own passwords and fences, and the subscription the shape that ours have."""
    roles = (SUPERUSER, OWNER, READER, REPLICATOR)
    create_database(fresh.dsn(), {role: fresh.password(role) for role in roles}, database=database)
    with _superuser(fresh, database) as line:
        subscription.adopt(line, name, source)
        for publication in (PUBLICATION, name):
            line.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(publication)))
        for (schema,) in line.execute(_LOCAL_SCHEMAS).fetchall():
            if schema != "ops":
                line.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        fence.raise_(line, source.site)
    # The role's password that the other site will need one day is the one in this site's own file.
    if target.server is not None:
        target.server.account.write(target.server.passfile, fresh.passfile.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class _Dump:
    """What was taken out of a cluster: schemas, whether with their tables or only what these hold, and the folder."""

    schemas: tuple[str, ...]
    how: tuple[str, ...]
    folder: Path


def _take_out(there: Server, folder: Path, database: str) -> list[_Dump]:
    """Shut everybody out of the old cluster, and take out what the receiving site alone has."""
    # Those who write to it are shut out by its other port: what they have waits in their spools.
    old = replace(there, port=free_port())
    there.stop()
    old.start_held()
    try:
        with _superuser(old, database) as line:
            schemas = [schema for (schema,) in line.execute(_LOCAL_SCHEMAS).fetchall()]
        idbs = tuple(schema for schema in schemas if schema != "ops")
        dumps = [_Dump(("ops",), ("--data-only",), folder / "ops"), _Dump(idbs, (), folder / "idbs")]
        dumps = [one for one in dumps if {*one.schemas} & {*schemas}]
        for one in dumps:
            which = [f"--schema={schema}" for schema in one.schemas]
            _run(old, ["pg_dump", *_IN_FILES, "--compress=none", *one.how, *which, f"--file={one.folder}",
                       f"--dbname={old.dsn(database=database)}"])  # fmt: skip
    finally:
        old.stop()
    return dumps


def _put_in(fresh: Server, dumps: Sequence[_Dump], database: str) -> None:
    """Give the copy what was taken out, in the place of the source's own."""
    with _superuser(fresh, database) as line:
        tables = line.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'ops'").fetchall()
        names = sql.SQL(", ").join(sql.Identifier("ops", table) for (table,) in tables)
        line.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
    options = "-c default_transaction_read_only=off -c session_replication_role=replica"
    into = conninfo.make_conninfo(fresh.dsn(database=database), options=options)
    for one in dumps:
        _run(fresh, ["pg_restore", *_IN_FILES, "--exit-on-error", *one.how, f"--dbname={into}", one.folder])


def _note(source: End, target: End, fresh: Server, database: str, name: str) -> None:
    """Write the link down at both ends, with the fences of a replica, before the copy takes its place."""
    with _superuser(fresh, database) as line:
        own, sites = identity(line), (target.site, source.site)
        with _superuser(source.server, database) if source.server else _nobody() as active:
            records.begin(line, name, "target", sites, own, identity(active), "physical")
            fence.raise_(line, source.site)
            found = subscription.named(line, name)
            records.move(line, name, "copied", origin=found.origin if found else None)
            records.move(active, name, "copied", peer_system=own.system)
            active.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(name)))


@contextmanager
def _nobody() -> Iterator[Connection]:
    raise errors.NotReady("the source has no server here")
    yield  # type: ignore[unreachable]  # a context manager has one


def _to_disk(there: Server, fresh: Server) -> None:
    """See that all of the copy is on disk, which wrote without waiting for it."""
    if there.settings.get("fsync") != "off":
        # One by one its files take longer than to copy them: a mart of years has tens of thousands.
        how = ["--sync-method=syncfs"] if sys.platform == "linux" else []
        _run(fresh, ["initdb", "--sync-only", *how, f"--pgdata={fresh.data}"])


@contextmanager
def _superuser(server: Server, database: str) -> Iterator[Connection]:
    with mapped_errors(), connect(
        server.dsn(database=database), application_name="twinmart copy", autocommit=True
    ) as line:  # fmt: skip
        line.execute("SET default_transaction_read_only = off")
        yield line


_IN_FILES = ("--format=directory", f"--jobs={JOBS}")
_LOCAL_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname = 'ops' OR starts_with(nspname, 'idb_') ORDER BY 1"


def _run(server: Server, command: Sequence[str | Path]) -> None:
    program, *rest = command
    done: subprocess.CompletedProcess[str] = server.account.run(
        [server.programs / str(program), *rest], cwd=server.folder, timeout_s=_LONGEST_S
    )
    if done.returncode != 0:
        raise errors.CopyFailed(
            f"{program} stopped with an error",
            detail=_told(done.stdout, done.stderr),
            hint="The standby's cluster is as it was. Run the same command again when the cause is gone.",
        )


def _told(out: str, error: str) -> str:
    """Return why a program stopped: what a server that it started said against it, then its own last words."""
    lines = re.sub(r"password=\S+", "password=***", f"{out}\n{error}").splitlines()
    decisive = [line for line in lines if re.search(r"\b(PANIC|FATAL|ERROR|error):", line)]
    last = [line for line in lines if line.strip() and line not in decisive][-4:]
    return "\n".join([*decisive[:6], *last])[:2000]
