"""The first copy of a mart by way of files: ``pg_dump`` and ``pg_restore``, with the link's slot taken before.

What happens at the active site meanwhile is sent by the link afterwards, so loads go on here as well.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from psycopg import conninfo

from twinmart import errors
from twinmart.replicate import fence
from twinmart.replicate.copy import JOBS, Copied, pieces
from twinmart.replicate.ends import End, reach
from twinmart.site.account import Account
from twinmart.site.programs import find_programs

_LONGEST_S = 24 * 3600


def through_files(
    source: End, target: End, snapshot: str, *, jobs: int = JOBS, tell: Callable[[str], None] | None = None
) -> Copied:
    """Dump the tables that cross the link as the snapshot shows them, and restore them into the emptied target.

    Raises:
        CopyFailed: a program stopped with an error; the next copy begins by emptying the target.
    """
    account = source.server.account if source.server else Account.choose()
    programs = source.server.programs if source.server else find_programs()
    folder = Path(tempfile.mkdtemp(prefix="twinmart-dump-", dir=source.server.folder if source.server else None))
    try:
        shutil.chown(folder, account.uid, account.gid)
        files = folder / "mart"
        what = ["--data-only", *(f"--schema={schema}" for schema in fence.SCHEMAS)]
        with reach(source, "copy") as connection:
            todo = pieces(connection)
        _run(
            account,
            [programs / "pg_dump", "--format=directory", f"--jobs={jobs}", f"--snapshot={snapshot}", "--compress=none",
             "--no-sync", *what, f"--file={files}", f"--dbname={_with_options(source.reach)}"],
        )  # fmt: skip
        if tell:
            tell("dumped; restoring")
        # The triggers rest in every session of the restore, and the database is read-only for others.
        _run(
            account,
            [programs / "pg_restore", f"--jobs={jobs}", "--data-only", "--exit-on-error",
             f"--dbname={_with_options(target.reach, '-c session_replication_role=replica')}", files],
        )  # fmt: skip
        return Copied(len(todo), _rows(target), sum(file.stat().st_size for file in files.iterdir()))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rows(target: End) -> int:
    with reach(target, "copy") as connection:
        row = connection.execute("SELECT coalesce(sum(n_live_tup), 0) FROM pg_stat_user_tables").fetchone()
    return int(row[0]) if row else 0


def _with_options(dsn: str, more: str = "") -> str:
    options = f"-c default_transaction_read_only=off -c statement_timeout=0 {more}".strip()
    return conninfo.make_conninfo(dsn, options=options, application_name="twinmart copy")


def _run(account: Account, command: Sequence[str | Path]) -> None:
    done = account.run(command, timeout_s=_LONGEST_S)
    if done.returncode != 0:
        raise errors.CopyFailed(
            f"{Path(command[0]).name} stopped with an error",
            detail=done.stderr.strip()[-2000:],
            hint="Run the same command again when its cause is gone; it begins the copy anew.",
        )
