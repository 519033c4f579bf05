"""A whole site as its supervisor runs it: real programs on a home of its own, and a switch that is played to them."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog

from twinmart.cli.main import exit_code
from twinmart.db.connect import connect
from twinmart.site.ports import free_port

SAMPLE = Path(__file__).parents[2] / "src" / "twinmart" / "sim" / "samples" / "bristol" / "ami.raw.gz"

pytestmark = [
    pytest.mark.soak,  # two sites are made, and each of their programs is a process that has to start
    pytest.mark.timeout(300),
]


class Site:
    """A home of two sites, and the processes that a test starts in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._started: list[subprocess.Popen[bytes]] = []

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "twinmart", "--home", str(self.home), *words]

    def run(self, *words: str, code: int = 0) -> str:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            ended = exit_code(["--home", str(self.home), *words])
        structlog.reset_defaults()
        assert ended == code, f"{words}: {out.getvalue()}{err.getvalue()}"
        return out.getvalue() + err.getvalue()

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.home.parent / f"{words[0]}.log").open("ab") as log:
            process = subprocess.Popen(self.command(*words), stdout=log, stderr=log, env=environment())
        self._started.append(process)
        return process

    def pid_of(self, program: str) -> int | None:
        """Return the process that the supervisor of site 1 runs for a program, once it runs."""
        state = self.json("site", "status", "--site", "1")
        found = [one for one in state["programs"] if one["name"] == program and one["state"] == "running"]
        return found[0]["pid"] if found else None

    def end(self) -> None:
        with suppress(AssertionError):
            self.run("site", "stop", "--site", "1")
        for process in self._started:
            process.kill()
            process.wait()
        self.run("down")


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("TWINMART", "PG"))}


def eventually(holds: Callable[[], Any], within_s: float = 60.0) -> Any:
    deadline_s = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < deadline_s, "it did not come to be"
        time.sleep(0.1)
    return found


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()


@pytest.fixture
def site(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in [name for name in os.environ if name.startswith("TWINMART_SITE")]:
        monkeypatch.delenv(name)
    made = Site(scratch / "home")
    made.run("init", "--sites", "2")
    try:
        yield made
    finally:
        made.end()


@pytest.mark.rows(52, 105)
def test_row_52_a_site_is_run_stopped_and_started_again_after_kills_and_a_good_day_is_five_lines(site: Site) -> None:
    port = free_port()
    secret = site.home / "secret"
    secret.write_text("collector\n")
    secret.chmod(0o600)
    site.start("sim", "replay", str(SAMPLE), "--port", str(port), "--speed", "20", "--shift-to-now")
    reach = ("--host", "127.0.0.1", "--port", str(port), "--username", "collector", "--secret", f"file:{secret}")
    site.run("source", "add", "bristol", *reach)
    around_the_clock = ("etl-frequency=0", "run-maintain=false", "etl-start-time=00:00", "etl-end-time=24:00")
    site.run("config", "set", "application", "mart", *(f"schedule/{one}" for one in around_the_clock))
    site.run("config", "set", "application", "mart", "schedule/run-scheduler=true")
    supervisor = site.start("site", "run", "--site", "1", "--keep-database")

    mart = eventually(lambda: site.pid_of("mart"))
    collector = eventually(lambda: site.pid_of("bristol_a"))
    assert site.pid_of("bristol_b") is None, "the twin is run by the other site"
    eventually(lambda: site.json("mart", "status")["state"] == "running")
    with connect(site.run("dsn", "--site", "1").strip(), application_name="test", autocommit=True) as connection:

        def interactions() -> int:
            row = connection.execute("SELECT count(*) FROM mart.interaction_fact").fetchone()
            return int(row[0]) if row else 0

        eventually(lambda: interactions() > 5)

        shown = site.run("status").splitlines()
        told = site.json("status")
        assert shown[0].startswith("OK")
        # On a machine with much to do the collector may be late for the first events, and that is told below.
        assert len(shown) == 5 or told["sources"][0]["open_gaps"], shown
        assert told["sites"][0]["mart_server"]["state"] == "running"
        assert told["sites"][0]["supervisor"]["pid"]
        assert len(site.run("jobs", "list").splitlines()) <= 5

        # Another server of the same mart is refused, and told who is there.
        assert "TM380" in site.run("mart", "run", "--site", "1", code=4)

        # Killed, each is started again, and what comes in meanwhile is not lost.
        for pid in (mart, collector):
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: site.pid_of("mart") not in (mart, None))
        eventually(lambda: site.pid_of("bristol_a") not in (collector, None))
        eventually(lambda: site.json("mart", "status")["state"] == "running")
        before = interactions()
        eventually(lambda: interactions() > before or interactions() > 60)

        # The supervisor itself killed: its processes go on, and the next one takes them over.
        kept = site.pid_of("mart")
        assert kept is not None
        supervisor.kill()
        supervisor.wait()
        assert lives(kept)
        site.start("site", "run", "--site", "1", "--keep-database")
        eventually(lambda: site.pid_of("mart") == kept)

        # What the killed collector did not hear, while its twin did not run, is told.
        assert any(": data are missing there" in line for line in site.run("status").splitlines())

    site.run("site", "stop", "--site", "1")
    assert not lives(kept)
    assert "no supervisor runs" in site.run("site", "status", "--site", "1")
    assert site.json("mart", "status")["state"] == "none"
