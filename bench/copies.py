"""What the first copy of a mart costs, beside PostgreSQL's own programs on the same database in the same run.

Online is compared with ``pg_dump -Fd -j2`` and ``pg_restore -j2`` into an empty database; a copy of the files with
``pg_basebackup`` alone, which ends where ours has still to make a subscriber of the copy and to exchange the clusters.
"""

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.large import GB_1, Size, by_role, gigabytes, two_sites
from bench.report import Figure, show, stopwatch
from twinmart.db.connect import connect
from twinmart.replicate import copy, link
from twinmart.replicate.ends import End, reach
from twinmart.site.postgres import Server

OTHER = "restored"


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--days", type=int, default=GB_1.days)
    options.add_argument("--calls", type=int, default=GB_1.calls)
    options.add_argument("--folder", type=Path)
    chosen = options.parse_args(argv)
    online = Figure("copy online", "s", limit_name="pg_dump and pg_restore, -j2")
    files = Figure("copy of the files", "s", limit_name="pg_basebackup")
    again = Figure("copy online onto an old copy", "s")
    with tempfile.TemporaryDirectory(prefix="twinmart-bench-") as passing:
        Path(passing).chmod(0o755)
        home = two_sites(chosen.folder or Path(passing) / "home", Size(chosen.days, chosen.calls))
        try:
            ends = by_role(home)
            gb = gigabytes(ends[1])
            online.limits.append(_dump_and_restore(ends[1], ends[2]))
            _clear(ends, empty=True)
            online.values.append(_set_up(ends, "online"))
            _clear(ends, empty=False)
            again.values.append(_set_up(ends, "online"))
            files.limits.append(_base_backup(ends[1], ends[2]))
            _clear(ends, empty=False)
            show(f"copies of {gb:.1f} GB", [online, again])
            files.values.append(_set_up(ends, "physical"))
            show("and of the files", [files])
        finally:
            home.down()


def _set_up(ends: dict[int, End], method: copy.Method) -> float:
    with stopwatch() as elapsed:
        link.set_up(ends[1], ends[2], method=method, discard_standby=True)
    return elapsed()


def _clear(ends: dict[int, End], *, empty: bool) -> None:
    link.tear_down(ends[1], ends[2])
    with reach(ends[2], "bench") as standby:
        if empty:
            copy.empty(standby)
        standby.execute("CHECKPOINT")


def _dump_and_restore(source: End, target: End) -> float:
    """Dump the mart without its interaction databases, and restore it into an empty database of the other server."""
    here, there = _server(source), _server(target)
    folder = there.folder / "bench-dump"
    with connect(there.dsn(), application_name="bench", autocommit=True) as line:
        line.execute(f"DROP DATABASE IF EXISTS {OTHER} WITH (FORCE)")  # type: ignore[arg-type]
        line.execute(f"CREATE DATABASE {OTHER}")  # type: ignore[arg-type]
    try:
        with stopwatch() as elapsed:
            _run(here, ["pg_dump", "-Fd", "-j2", "--exclude-schema=idb_*", "-f", folder, here.dsn(database="twinmart")])
            _run(there, ["pg_restore", "-j2", f"--dbname={there.dsn(database=OTHER)}", folder])
        return elapsed()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with connect(there.dsn(), application_name="bench", autocommit=True) as line:
            line.execute(f"DROP DATABASE {OTHER} WITH (FORCE)")  # type: ignore[arg-type]


def _base_backup(source: End, target: End) -> float:
    here, there = _server(source), _server(target)
    folder = there.folder / "bench-backup"
    try:
        with stopwatch() as elapsed:
            _run(here, ["pg_basebackup", "--checkpoint=fast", f"--dbname={here.dsn()}", "-D", folder])
        return elapsed()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _server(end: End) -> Server:
    assert end.server is not None
    return end.server


def _run(server: Server, command: Sequence[str | Path]) -> None:
    program, *rest = command
    done = server.account.run([server.programs / str(program), *rest], cwd=server.folder, timeout_s=1800)
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stderr[-2000:]}")


if __name__ == "__main__":
    main()
