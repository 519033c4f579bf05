"""etl and visits: from events to figures, as people and programs get to read them."""

import csv
import io
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Result, Run
from twinmart.db.connect import connect
from twinmart.settings import Settings
from twinmart.sim.samples import sample
from twinmart.site.home import Home

BRISTOL = sample("bristol")
COLUMNS = ["uniqueid", "queue", "nth", "result", "agent", "wait_s", "talk_s", "hold_s", "transferred"]


def fill(twinmart: Run, name: str = "bristol") -> None:
    recording = str(sample(name).recording)
    assert twinmart("backfill", "asterisk-ami", recording, "--source", name, "--no-etl").code == 0


def masked(result: Result) -> Result:
    """Take out what differs from run to run, and what belongs to the tests of the facts."""
    out = re.sub(r"in [\d.]+ s|(?<=\"seconds\": )[\d.]+", "TIME", result.out)
    return Result(result.code, re.sub(r"\d+ (agents|rows)", r"N \1", out), result.err)


@contextmanager
def following(home: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "twinmart", "--home", str(home), "etl", "--follow", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def visits(home: Path) -> int:
    with connect(Home(Settings(home=home)).site(1).dsn(), application_name="test") as mart:
        row = mart.execute("SELECT count(*) FROM mart.queue_visit").fetchone()
        assert row is not None
        return int(row[0])


def wait_until_loaded(home: Path, count: int) -> None:
    deadline = time.monotonic() + 20
    while visits(home) != count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_events_become_figures(twinmart: Run) -> None:
    twinmart("init", "--sites", "1")
    masked(twinmart("etl")).is_as_in("etl-nothing")
    twinmart("visits").is_as_in("visits-none")
    fill(twinmart)
    masked(twinmart("etl")).is_as_in("etl")
    masked(twinmart("etl", "--json")).is_as_in("etl-json-nothing")
    twinmart("visits", "--last", "5").is_as_in("visits")
    twinmart("visits", "--queue", "vip", "--source", "elsewhere").is_as_in("visits-none-of")


def test_visits_as_csv_are_what_the_phones_noted(twinmart: Run) -> None:
    twinmart("init", "--sites", "1")
    fill(twinmart)
    twinmart("etl")
    rows = list(csv.DictReader(io.StringIO(twinmart("visits", "--csv", "--source", "bristol").out)))
    assert list(rows[0])[: len(COLUMNS)] == COLUMNS
    found = {(row["uniqueid"], row["queue"], int(row["nth"])): row for row in rows}
    assert len(found) == len(rows) == len(BRISTOL.visits)
    for true in BRISTOL.visits:
        row = found[true[:3]]
        assert row["result"] == true.result
        assert row["agent_name"] == (BRISTOL.agents[true.agent] if true.agent else "")
        assert int(row["transferred"]) == true.transferred
        for column in ("wait_s", "talk_s", "hold_s"):
            expected = getattr(true, column)
            assert (row[column] == "") == (expected is None)
            assert expected is None or float(row[column]) == pytest.approx(expected, abs=0.5)


def test_only_the_active_site_loads(twinmart: Run, home_path: Path) -> None:
    twinmart("init", "--sites", "1")
    with connect(Home(Settings(home=home_path)).site(1).dsn(), application_name="test") as mart:
        mart.execute("UPDATE cfg.topology SET active_site = 2, epoch = 7")
    twinmart("etl", "--site", "1").is_as_in("etl-fenced")
    twinmart("etl").is_as_in("etl-active-elsewhere")


def test_a_follower_loads_what_comes_and_ends_when_it_is_told(twinmart: Run, home_path: Path) -> None:
    twinmart("init", "--sites", "1")
    with following(home_path, "--json") as process:
        fill(twinmart)
        wait_until_loaded(home_path, len(BRISTOL.visits))
        second = twinmart("etl")
        assert (second.code, "TM303" in second.err, "twinmart transform" in second.err) == (4, True, True)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    told = [json.loads(line) for line in out.splitlines()]
    assert sum(line["events"] for line in told) == 2596
    assert [json.loads(line)["event"] for line in err.splitlines()] == ["load.started", "load.stopped"]


def test_ctrl_c_ends_a_follower_between_two_steps(twinmart: Run, home_path: Path) -> None:
    twinmart("init", "--sites", "1")
    with following(home_path) as process:
        fill(twinmart)
        wait_until_loaded(home_path, len(BRISTOL.visits))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 0
    assert "up to date" in twinmart("etl").out


def test_a_site_that_is_down_is_named(twinmart: Run) -> None:
    twinmart("init", "--sites", "1")
    twinmart("down")
    for words in (["etl"], ["etl", "--site", "1"], ["visits"], ["visits", "--site", "1"]):
        result = twinmart(*words)
        assert (result.code, result.out) == (6, "")
        assert result.err.startswith("error TM601: ")
        assert "twinmart up" in result.err


def test_without_a_reader_the_list_ends_quietly(twinmart: Run, home_path: Path) -> None:
    twinmart("init", "--sites", "1")
    fill(twinmart)
    twinmart("etl")
    command = f"({sys.executable} -m twinmart --home {home_path} visits --csv; echo $? >&2) | true"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "0\n")


def test_status_tells_how_far_each_source_is(twinmart: Run) -> None:
    twinmart("init", "--sites", "1")
    fill(twinmart)
    (before,) = json.loads(twinmart("status", "--json").out)["sources"]
    assert (before["name"], before["events_in_24_h"], before["last_event_at"]) == ("bristol", 0, None)
    twinmart("etl")
    (after,) = json.loads(twinmart("status", "--json").out)["sources"]
    assert (after["events_in_24_h"], after["open_gaps"]) == (2596, 0)
    assert re.search(r"\n  sources +1 with 2,596 events in 24 h, .*no open gaps\n", twinmart("status").out)
    assert re.search(
        r"\n  source +events in 24 h +last event +open gaps\n  bristol +2,596 ", twinmart("status", "-v").out
    )
