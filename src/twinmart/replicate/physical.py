"""The first copy of a mart as files: ``pg_basebackup``, then ``pg_createsubscriber`` makes a subscriber of the copy.

The quickest way for a large mart, where both servers are embedded and their folders can be reached from here. The whole
cluster is copied, and what belongs to the receiving site alone is carried over from its old one: its interaction
databases, its own records, its passwords. All of that is done beside the old cluster, which is exchanged at the end;
broken off before, nothing has happened to it. Nobody starts the receiving server meanwhile: it is held.
"""

import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from psycopg import conninfo, sql

from twinmart import errors
from twinmart.db.connect import Connection, connect, mapped_errors
from twinmart.replicate import fence, records, subscription
from twinmart.replicate.ends import End, identity
from twinmart.replicate.schema import PUBLICATION
from twinmart.site.mart import OWNER, READER, REPLICATOR, create_database
from twinmart.site.ports import free_port
from twinmart.site.postgres import SUPERUSER, Server

Tell = Callable[[str], None]
_LONGEST_S = 24 * 3600
_FRESH = "copy-"

# Nothing may be applied before the copy has its fences and stands in its place.
_AT_REST = {"max_logical_replication_workers": "0"}


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
    fresh = replace(there, folder=folder, port=free_port(), settings={**there.settings, **_AT_REST})
    there.account.make_folder(folder)
    there.account.write(fresh.passfile, there.passfile.read_text(encoding="utf-8"))
    try:
        back_up(here, fresh, "--write-recovery-conf")
        say("the source's files are copied")
        _subscribe(here, fresh, database, name)
        fresh.start()
        _make_ours(source, target, fresh, database, name)
        say("the copy is a subscriber")
        with there.hold():
            _exchange(there, fresh, lambda old: _keep_what_is_local(source, target, fresh, old, database, name))
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

    Raises:
        CopyFailed: pg_basebackup stopped with an error.
    """
    options = ["--wal-method=stream", "--checkpoint=fast", "--no-manifest", *more]
    if fresh.settings.get("fsync") == "off":
        options.append("--no-sync")
    _run(fresh, ["pg_basebackup", f"--dbname={here.dsn()}", f"--pgdata={fresh.data}", *options])


def _subscribe(here: Server, fresh: Server, database: str, name: str) -> None:
    """Let the copy catch up to a slot of the source and become a server of its own, with another identity.

    The program insists on a publication that it makes itself; it is exchanged for ours before anything is sent.
    """
    # As the server itself writes them at each start; in recovery the limits of the source must not be undercut.
    for file in ("data/twinmart.conf", "data/pg_hba.conf", "local.conf"):
        if (here.folder / file).exists():
            fresh.account.write(fresh.folder / file, (here.folder / file).read_text(encoding="utf-8"))
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


def _keep_what_is_local(source: End, target: End, fresh: Server, old: Server, database: str, name: str) -> None:
    """Carry over what the receiving site alone has: its interaction databases, and its own records."""
    # Those who write to it were shut out by its other port: what they have waits in their spools.
    kept = fresh.folder / "local"
    with _superuser(old, database) as line:
        schemas = [schema for (schema,) in line.execute(_LOCAL_SCHEMAS).fetchall()]
    with _superuser(fresh, database) as line:
        tables = line.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'ops'").fetchall()
        names = sql.SQL(", ").join(sql.Identifier("ops", table) for (table,) in tables)
        line.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
        before = {row[0] for row in line.execute(_LOCAL_SCHEMAS)}
    options = "-c default_transaction_read_only=off -c session_replication_role=replica"
    into = conninfo.make_conninfo(fresh.dsn(database=database), options=options)
    for chosen, how in (([one for one in schemas if one == "ops"], ["--data-only"]), (_idbs(schemas, before), [])):
        if chosen:
            which = [f"--schema={one}" for one in chosen]
            _run(fresh, ["pg_dump", "--format=custom", "--compress=none", *how, *which, f"--file={kept}",
                         f"--dbname={old.dsn(database=database)}"])  # fmt: skip
            _run(fresh, ["pg_restore", "--exit-on-error", *how, f"--dbname={into}", kept])
            kept.unlink()
    with _superuser(fresh, database) as line:
        own, sites = identity(line), (target.site, source.site)
        with _superuser(source.server, database) if source.server else _nobody() as active:
            records.begin(line, name, "target", sites, own, identity(active), "physical")
            fence.raise_(line, source.site)
            found = subscription.named(line, name)
            records.move(line, name, "copied", origin=found.origin if found else None)
            records.move(active, name, "copied", peer_system=own.system)
            active.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(name)))


def _idbs(schemas: Sequence[str], there: set[str]) -> list[str]:
    return [one for one in schemas if one != "ops" and one not in there]


@contextmanager
def _nobody() -> Iterator[Connection]:
    raise errors.NotReady("the source has no server here")
    yield  # type: ignore[unreachable]  # a context manager has one


def _exchange(there: Server, fresh: Server, carry_over: Callable[[Server], None]) -> None:
    """Shut everybody out of the old cluster, carry over what is local, and put the copy in its place."""
    old = replace(there, port=free_port())
    there.stop()
    with _unfenced(old):
        carry_over(old)
    fresh.stop()
    there.exchange(fresh.data)


@contextmanager
def _unfenced(old: Server) -> Iterator[None]:
    old.start_held()
    try:
        yield
    finally:
        old.stop()


@contextmanager
def _superuser(server: Server, database: str) -> Iterator[Connection]:
    with mapped_errors(), connect(
        server.dsn(database=database), application_name="twinmart copy", autocommit=True
    ) as line:  # fmt: skip
        line.execute("SET default_transaction_read_only = off")
        yield line


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
