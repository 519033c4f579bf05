"""The first look: five lines on a good day, and each thing that is not right is told with what to do."""

import json
import os
import pty
import re
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from tests.support import Mart
from twinmart.cli.main import exit_code
from twinmart.settings import Settings
from twinmart.site.home import Home
from twinmart.site.status import SiteStatus
from twinmart.watch.overview import Note, Overview, SiteView, overview


@pytest.fixture
def asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    for site in home.sites:
        monkeypatch.setenv(f"TWINMART_SITE_{site.number}_DSN", site.dsn())
    return home


def lines(home: Home, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert exit_code(["--home", str(home.path), "status", *words]) == 0
    return capsys.readouterr().out.splitlines()


def as_json(home: Home, capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads("\n".join(lines(home, capsys, "--json")))


def test_a_good_day_is_five_lines(asked: Home, capsys: pytest.CaptureFixture[str]) -> None:
    shown = lines(asked, capsys)
    assert len(shown) == 5
    assert re.match(r"OK +every site is ready", shown[0])
    assert re.match(r" +site 1 +✔ active +mart v\d+ ", shown[1])
    assert re.match(r" +site 2 +✔ unreplicated +mart v\d+ ", shown[2])
    assert len(lines(asked, capsys, "-v")) > 5
    told = as_json(asked, capsys)
    assert (told["v"], told["verdict"], told["active_site"], told["epoch"], told["notes"]) == (1, "ok", 1, 1, [])
    assert [site["replication"] and site["replication"]["state"] for site in told["sites"]] == [None, "not set up"]


def test_an_active_site_that_was_replaced_is_fenced(
    asked: Home, other_mart: Mart, capsys: pytest.CaptureFixture[str]
) -> None:
    other_mart.connect(autocommit=True).execute("UPDATE cfg.topology SET active_site = 2, epoch = 2")
    assert [site.role for site in overview(asked).sites] == ["fenced", "active"]
    shown = lines(asked, capsys)
    assert shown[0].startswith("DEGRADED")
    assert "  site 1: was replaced: it is of epoch 1" in shown
    assert shown[-1] == "next   twinmart replication show"


def test_a_job_that_failed_and_one_that_is_held_are_told(
    asked: Home, mart: Mart, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = mart.connect(autocommit=True)
    connection.execute(
        "INSERT INTO ctl.job_run (run, started_at, ended_at, job, site, epoch, status, cause, message)"
        " VALUES (gen_random_uuid(), now(), now(), 'export', 1, 1, 'failed', 'schedule', 'no room')"
    )
    assert exit_code(["--home", str(asked.path), "jobs", "hold", "maintain", "--reason", "disk"]) == 0
    capsys.readouterr()
    shown = lines(asked, capsys)
    assert "every site is ready, 2 things to look at" in shown[0]
    assert "  job export: failed: no room" in shown
    assert any(re.fullmatch(r"  job maintain: held by .+: disk", line) for line in shown)
    assert shown[-2:] == ["next   twinmart jobs release maintain", "next   twinmart jobs log export"]


def test_a_watch_needs_a_terminal_and_refreshes_there(asked: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["--home", str(asked.path), "status", "--watch"]) == 2
    assert "twinmart status --json" in capsys.readouterr().err
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "twinmart", "--home", str(asked.path), "status", "--watch"]
    process = Popen(command, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    shown = b""
    try:
        while shown.count(b"\x1b[H\x1b[J") < 2:
            shown += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    finally:
        process.kill()
        os.close(ours)
    assert b"every site is ready" in shown


def test_a_site_that_is_gone_is_no_guess(asked: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINMART_SITE_1_DSN", "host=127.0.0.1 port=1 dbname=gone user=me")
    found = overview(Home(Settings.load(home=tmp_path / "home")))
    assert (found.verdict, found.sites[0].role, found.sites[0].data_to) == ("degraded", None, None)
    # Site 2 says that site 1 is active, and nobody else says otherwise.
    assert found.active == 1
    assert found.link_of(2) is not None
    assert found.jobs == ()


def test_a_lost_active_site_is_told_with_the_standby_that_can_take_over() -> None:
    lost = SiteView(SiteStatus(1, "own", "no answer", "there"), {"programs": []})
    standby = SiteView(SiteStatus(2, "own", "ready", "here"), {"programs": []}, 1, 1, follows=1, role="standby")
    wanted = "the active site gives no answer; should it be lost, site 2 can take over"
    found = Overview(datetime.now(UTC), [lost, standby], 1, [], [], [])
    assert found.notes() == [Note("site 1", wanted, "twinmart check failover")]
    # Nothing can be done about a standby that is lost but to bring it back.
    assert Overview(datetime.now(UTC), [lost, standby], 2, [], [], []).notes() == []
