"""How long a failover takes, from the command to the first committed load, split by step."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from tests.etl.story import SESSION, Switch
from tests.recover.conftest import tell_story
from tests.support import scratch_folder

from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.db.connect import connect, session
from twinmart.recover.report import Report
from twinmart.recover.site import Recovery
from twinmart.replicate import link
from twinmart.settings import Settings
from twinmart.site.home import Home


class _Mart:
    """A site's mart as the story's switch wants it."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def connect(self, *, autocommit: bool = False) -> object:
        return connect(self.dsn, application_name="bench", autocommit=autocommit)


@contextmanager
def lose_and_fail_over(folder: Path) -> Iterator[tuple[Home, Report]]:
    """Lose site 1 by SIGKILL with loads behind, and fail over with the command; nothing runs on afterwards."""
    home = Home(Settings(home=folder / "h", site_dsns={}))
    home.init(2)
    recovery = Recovery(home)
    switch = Switch(_Mart(home.site(1).dsn()))  # type: ignore[arg-type]
    ensure_collector(switch.mart, ensure_source(switch.mart, "pbx"), site=2)
    tell_story(switch)
    said = list(switch.said)
    switch.hear(said[:7])
    link.set_up(recovery.world.ends[1], recovery.world.ends[2])
    rest = [Record(Tag.EVENTS, copy_lines(said, SESSION, datetime.now(UTC)))]
    Idb.open(switch.mart, "idb_pbx_a").write([Record(Tag.EVENTS, copy_lines(said[7:], SESSION, datetime.now(UTC)))])
    with session(home.site(2).dsn(), application_name="bench", autocommit=True) as twin:
        twin.execute("SET default_transaction_read_only = off")
        Idb.open(twin, "idb_pbx_b").write(rest)
    switch.mart.close()
    _kill(home)
    told = subprocess.run(
        [sys.executable, "-m", "twinmart", "--home", str(home.path), "failover", "--yes", "2"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        if told.returncode:
            raise RuntimeError(told.stderr)
        with recovery.journal(2) as journal:
            yield home, recovery.report(journal.runs()[-1], journal)
    finally:
        with suppress(OSError, ValueError):
            os.kill(int((home.folder(2) / "mart.pid").read_text()), signal.SIGTERM)
        home.down()


def measure() -> dict[str, float]:
    """Return seconds from the command to the first committed load, and by step."""
    with scratch_folder() as folder:
        with lose_and_fail_over(folder) as (_, report):
            pass
        run = report.run
        assert run.ended_at is not None
        steps = {f"  {name}": taken.spent_ms / 1000 for name, taken in run.steps.items() if taken.state == "done"}
        return {
            "from the begin of the run to the first committed load": (report.rto_ms or 0) / 1000,
            "whole run": (run.ended_at - run.started_at).total_seconds(),
            **steps,
        }


def _kill(home: Home) -> None:
    server = home.site(1).server
    assert server is not None
    pid = server.pid()
    assert pid is not None
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (pid, *map(int, children)):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def main() -> None:
    """Measure once and print."""
    for name, seconds in measure().items():
        print(f"{name:<56}{seconds:8.2f} s")


if __name__ == "__main__":
    main()
