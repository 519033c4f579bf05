"""source and collect: from registering a switch to its events at two sites, with and without databases."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.collect.live import eventually, obedient, replaying, rows, timed
from tests.collect.messages import SECOND, message
from tests.support import Mart

CALLER = {"Channel": "PJSIP/trunk-1", "Uniqueid": "pbx-1.1", "Linkedid": "pbx-1.1"}


class Sites:
    """Two sites on servers that run already, and commands that know them by their connection strings."""

    def __init__(self, folder: Path, marts: list[Mart]) -> None:
        self.folder = folder
        self.dsns = {number: mart.dsn for number, mart in enumerate(marts, 1)}
        (folder / "secret").write_text("collector\n")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command(words), capture_output=True, text=True, env=self._environment(), timeout=60)

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(self._command(words), stderr=subprocess.PIPE, text=True, env=self._environment())
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=30)
        assert process.returncode == 0, log

    def add(self, port: int) -> None:
        secret = f"file:{self.folder / 'secret'}"
        done = self.run(
            *("source", "add", "pbx", "--host", "127.0.0.1", "--port", str(port)),
            *("--username", "collector", "--secret", secret),
        )
        assert done.returncode == 0, done.stderr

    def status(self, name: str, site: int) -> dict[str, dict[str, object]]:
        path = self.folder / "home" / f"site{site}" / "collectors" / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else {"source": {}, "idb": {}}

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "twinmart", "--home", str(self.folder / "home"), *words]

    def _environment(self) -> dict[str, str]:
        named = {f"TWINMART_SITE_{number}_DSN": dsn for number, dsn in self.dsns.items()}
        return {**os.environ, **named}


@pytest.fixture
def sites(tmp_path: Path, mart: Mart, other_mart: Mart) -> Sites:
    return Sites(tmp_path, [mart, other_mart])


def test_a_source_is_heard_at_both_sites(sites: Sites, mart: Mart, other_mart: Mart) -> None:
    with replaying("--speed", "max", "--clients", "2", "--close") as port:
        sites.add(port)
        listed = json.loads(sites.run("source", "list", "--json").stdout)["collectors"]
        assert [(one["collector"], one["site"]) for one in listed] == [("pbx_a", 1), ("pbx_b", 2)]
        with sites.running("collect", "--collector", "pbx_a"), sites.running("collect", "--collector", "pbx_b"):
            eventually(lambda: sites.status("pbx_a", 1)["source"].get("state") == "waiting")
            eventually(lambda: sites.status("pbx_b", 2)["source"].get("state") == "waiting")
    heard = timed(mart.connect(autocommit=True), "idb_pbx_a")
    assert len(heard) > 1000
    assert timed(other_mart.connect(autocommit=True), "idb_pbx_b") == heard


def test_a_collector_that_is_started_while_no_database_answers_collects_all_the_same(sites: Sites, mart: Mart) -> None:
    there = dict(sites.dsns)
    with obedient() as switch:
        sites.add(switch.port)
        with sites.running("collect", "--collector", "pbx_a"):
            eventually(lambda: switch.logins == 1)
        sites.dsns = dict.fromkeys(there, "host=127.0.0.1 port=1 dbname=gone")
        with sites.running("collect", "--collector", "pbx_a"):
            eventually(lambda: switch.logins == 2 and "Agents" in switch.asked)
            switch.say(message("Hold", SECOND + 5, **CALLER))
            eventually(lambda: sites.status("pbx_a", 1)["source"].get("events") == 2)
            assert sites.status("pbx_a", 1)["idb"]["state"] == "waiting"
        sites.dsns = there
        with sites.running("collect", "--collector", "pbx_a"):
            eventually(lambda: switch.logins == 3)
    kinds = [kind for (kind,) in rows(mart.connect(autocommit=True), "idb_pbx_a", "event", "kind")]
    assert kinds == ["hold_start", "switch_boot"]


def test_what_is_missing_is_said_with_the_command_that_mends_it(sites: Sites) -> None:
    unknown = sites.run("collect", "--collector", "nobody_a")
    assert (unknown.returncode, "twinmart source list" in unknown.stderr) == (2, True)
    assert sites.run("source", "add", "bare").returncode == 0
    bare = sites.run("collect", "--collector", "bare_a")
    assert (bare.returncode, "twinmart source add bare --host" in bare.stderr) == (2, True)
    sites.run("source", "add", "bare", "--host", "127.0.0.1", "--username", "me", "--secret", "env:NOT_SET")
    secret = sites.run("collect", "--collector", "bare_a")
    assert (secret.returncode, 'no variable "NOT_SET" is set' in secret.stderr) == (2, True)
    itself = sites.run("source", "add", "bare", "--secret", "hunter2")
    assert (itself.returncode, "hunter2" in itself.stderr) == (2, False)


def test_a_source_that_is_added_again_keeps_what_is_not_told(sites: Sites, mart: Mart) -> None:
    sites.add(5040)
    assert sites.run("source", "add", "pbx", "--host", "10.1.1.1", "--tls").returncode == 0
    told = mart.connect().execute("SELECT host, port, tls, username FROM cfg.source WHERE name = 'pbx'").fetchone()
    assert told == ("10.1.1.1", 5040, True, "collector")
