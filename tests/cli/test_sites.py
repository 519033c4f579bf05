"""init, up, down, status, dsn: what people and programs get to read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from twinmart import __version__
from twinmart.db.connect import connect


def test_a_site_from_its_making_to_its_stop(twinmart: Run) -> None:
    twinmart("init", "--sites", "1").is_as_in("init")
    twinmart("status").is_as_in("status-ready")
    twinmart("status", "--json").is_as_in("status-ready-json")
    twinmart("dsn").is_as_in("dsn")
    twinmart("dsn", "--site", "2").is_as_in("dsn-unknown-site")
    twinmart("up").is_as_in("up")
    twinmart("down").is_as_in("down")
    twinmart("status").is_as_in("status-down")


def test_before_there_are_sites_every_command_says_how_to_make_them(twinmart: Run) -> None:
    for words in (["status"], ["up"], ["down"], ["dsn"]):
        twinmart(*words).is_as_in("not-initialised")
    twinmart("status", "--json").is_as_in("not-initialised-json")


def test_what_is_no_command_or_option_is_a_usage_error(twinmart: Run) -> None:
    twinmart("statsu").is_as_in("no-such-command")
    twinmart("status", "--jsn").is_as_in("no-such-option")
    twinmart("init", "--sites", "none").is_as_in("no-number")
    twinmart("init", "--sites", "0").is_as_in("number-out-of-range")


def test_without_a_command_there_is_help(twinmart: Run) -> None:
    result = twinmart()
    assert result.code == 0
    assert result.out.startswith("Usage: twinmart [OPTIONS] COMMAND [ARGS]...")


def test_the_printed_connection_string_opens_the_mart(
    twinmart: Run, home_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twinmart("init", "--sites", "1")
    for options in ([], ["--reader"]):
        run = [sys.executable, "-m", "twinmart", "--home", str(home_path), "dsn", "--site", "1", *options]
        dsn = subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()
        with connect(dsn, application_name="test") as connection:
            assert connection.execute("SELECT count(*) FROM mart.interaction_fact").fetchone() == (0,)


def test_a_server_of_ones_own_is_shown_without_its_password(
    twinmart: Run, home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWINMART_SITE_1_DSN", "host=127.0.0.1 port=1 user=me password=hunter2 dbname=theirs")
    result = twinmart("status", "--json")
    assert "hunter2" not in result.out + result.err
    (site,) = json.loads(result.out)["sites"]
    assert (site["kind"], site["state"], site["reason"]["code"]) == ("own", "no answer", "TM601")
    assert twinmart("dsn", "--reader").code == 2


def test_the_version_is_one_line() -> None:
    run = [sys.executable, "-m", "twinmart", "--version"]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == f"twinmart {__version__}\n"


def test_a_mistake_of_ours_is_one_line_and_a_file(tmp_path: Path) -> None:
    # A fault where no code of ours expects one: the module behind a command cannot be read.
    program = (
        "import sys, twinmart.cli.sites as sites\n"
        "del sites.overview\n"
        "from twinmart.cli.main import run\n"
        f"run(['--home', {str(tmp_path)!r}, 'status'])\n"
    )
    (tmp_path / "sites.toml").write_text('[sites.1]\ndsn = "host=127.0.0.1 port=1"\n')
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: a mistake in Twinmart itself: name 'overview' is not defined\n")
    (log,) = tmp_path.glob("twinmart-*.log")
    assert str(log) in done.stderr
    assert "Traceback" in log.read_text()
