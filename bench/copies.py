"""What the first copy of a mart costs, beside PostgreSQL's own programs on the same database in the same run.

Online is compared with ``pg_dump -Fd -j2`` and ``pg_restore -j2`` into an empty database; a copy of the files, which a
return makes after a failover, with ``pg_basebackup`` alone. That ends where ours has still to make a subscriber of the
copy and to exchange the clusters.
"""

import argparse
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.failover import command, end_servers, fail_over, kill, leave_behind, timings
from bench.large import by_role, gigabytes
from bench.report import Figure, show, stopwatch
from twinmart.db.connect import connect
from twinmart.replicate import copy, link
from twinmart.replicate.ends import End, reach
from twinmart.site.home import Home
from twinmart.site.postgres import Server

OTHER = "restored"


def main(home: Home, chosen: argparse.Namespace) -> None:
    """Measure and print."""
    online = Figure("copy online", "s", limit_name="pg_dump and pg_restore, -j2")
    again = Figure("copy online onto an old copy", "s")
    files = Figure("copy of the files in a return", "s", limit_name="pg_basebackup")
    ends = by_role(home)
    gb = gigabytes(ends[1])
    for _ in range(chosen.runs):
        online.limits.append(_dump_and_restore(ends[1], ends[2]))
        online.values.append(_copy_online(ends, onto_nothing=True))
        again.values.append(_copy_online(ends, onto_nothing=False))
    for _ in range(chosen.runs):
        limit_s, spent_s = _return_by_files(home)
        files.limits.append(limit_s)
        files.values.append(spent_s)
    show(f"copies of {gb:.1f} GB, {chosen.runs} runs", [online, again, files])


def _copy_online(ends: dict[int, End], *, onto_nothing: bool) -> float:
    link.tear_down(ends[1], ends[2])
    with reach(ends[2], "bench") as standby:
        if onto_nothing:
            copy.empty(standby)
        standby.execute("CHECKPOINT")
    with stopwatch() as elapsed:
        link.set_up(ends[1], ends[2], method="online", discard_standby=True)
    return elapsed()


def _return_by_files(home: Home) -> tuple[float, float]:
    """Lose site 1 and bring it back by a copy of files; return the seconds of a plain copy, and of the step."""
    leave_behind(home)
    kill(home)
    fail_over(home)
    end_servers(home)
    home.up()
    ends = by_role(home)
    _settle()
    with _base_backup(ends[1], ends[2]) as limit_s:
        command(home, "return", "--active", "2", "--copy", "physical", "--yes", "2")
        spent_s = timings(home)["  copy-mart"]
    command(home, "switchover", "--yes", "1")
    end_servers(home)
    return limit_s, spent_s


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


def _settle() -> None:
    """Wait until what was removed before has no effect on either copy.

    A file system without a journal gives out the numbers of removed files for a minute after all others only, and looks
    for these at each file that is made: with thousands removed a copy took three times as long.
    """
    os.sync()
    time.sleep(65)


@contextmanager
def _base_backup(source: End, target: End) -> Iterator[float]:
    """Give the seconds of a plain copy, which is removed after the block."""
    here, there = _server(source), _server(target)
    folder = there.folder / "bench-backup"
    try:
        with stopwatch() as elapsed:
            _run(here, ["pg_basebackup", "--checkpoint=fast", f"--dbname={here.dsn()}", "-D", folder])
        yield elapsed()
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
