"""jobs, mart, db, calendars and export: what an operator of the mart server reads, word for word."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Result, Run
from tests.etl.story import Switch
from tests.jobs.support import ALWAYS, eventually, serving, set_options
from tests.jobs.test_server import asked, job_state
from tests.support import Mart
from tests.upkeep.stories import queue_call
from twinmart.jobs.catalogue import CATALOGUE
from twinmart.jobs.look import State

_TIMES = (
    # What the server in our own process says to its log while we ask it.
    (r"(?m)^(?:\{.*\}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[.*)\n", ""),
    (r"(?:\d{1,2} [A-Z][a-z]{2} )?\d\d:\d\d:\d\d UTC \([^)]*\)", "WHEN"),
    (r"\d{1,2} [A-Z][a-z]{2} \d\d:\d\d:\d\d", "BEGIN"),
    (r"\b\d\d:\d\d:\d\d(?: UTC)?", "TIME"),
    (r"\b\d+\.\d s\b", "TOOK"),
    (r"process \d+(?: at [\w.-]+)?", "process PID"),
    (r"\d{4}-\d\d-\d\d TIME", "DAY TIME"),
)
# What depends on the day on which the test runs.
_DAYS = (
    (r"\d{4}-\d\d-\d\d(?:T[\d:.]+\+\d\d:\d\d|T\d{6}Z| \d\d:\d\d)?", "DAY"),
    (r"\b\d[\d,]*(?:\.\d+)?(?: [kM]iB| bytes)?", "N"),
)


def masked(result: Result, *, days: bool = False) -> Result:
    def mask(text: str) -> str:
        for pattern, name in (*_TIMES, *(_DAYS if days else ())):
            text = re.sub(pattern, name, text)
        return re.sub(r"(?<=\S) {2,}(?=\S)", "  ", re.sub(r" +$", "", text, flags=re.MULTILINE))

    return Result(result.code, mask(result.out), mask(result.err))


@pytest.fixture
def site(mart: Mart, monkeypatch: pytest.MonkeyPatch, twinmart: Run) -> Run:
    """The command, on a mart that runs already."""
    monkeypatch.setenv("TWINMART_SITE_1_DSN", mart.dsn)
    return twinmart


@pytest.mark.rows(32, 42)
def test_a_new_mart_says_what_is_missing_for_the_schedule_to_run(site: Run, mart: Mart) -> None:
    masked(site("jobs", "list")).is_as_in("jobs-list-new")
    masked(site("mart", "status")).is_as_in("mart-status-none")
    with serving({1: mart.dsn}) as server:
        eventually(lambda: server.state is State.PAUSED, 60)
        eventually(lambda: job_state(mart.dsn, "extract"), 60)
        masked(site("jobs", "list")).is_as_in("jobs-list-paused")
        masked(site("mart", "status")).is_as_in("mart-status-paused")
        masked(site("status")).is_as_in("status-paused")
        site("config", "set", "application", "mart", "schedule/run-scheduler=true")
        eventually(lambda: server.state is State.RUNNING, 60)
        masked(site("mart", "status")).is_as_in("mart-status-running")


@pytest.mark.rows(42)
def test_on_a_good_day_jobs_and_status_are_five_lines(site: Run, mart: Mart) -> None:
    set_options(mart, **{**ALWAYS, "etl_start_time": "03:30", "etl_end_time": "03:00"})
    set_options(mart, run_maintain="true", run_aggregates="true", aggregate_schedule="0 0")
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.write()
    with serving({1: mart.dsn}) as server:
        eventually(lambda: server.state is State.RUNNING, 60)
        eventually(lambda: job_state(mart.dsn, "aggregate").get("state") == "running", 60)
        # A line for each site: with two of them status has five.
        for words, lines in ((("jobs", "list"), 5), (("status",), 4)):
            shown = masked(site(*words))
            assert (shown.code, len(shown.out.splitlines())) == (0, lines), shown.out
            assert "run-scheduler" not in shown.out
        told = json.loads(site("jobs", "list", "--json").out.splitlines()[-1])
        assert (told["v"], len(told["jobs"]), told["server"]["state"]) == (1, len(CATALOGUE.jobs), "running")


@pytest.mark.rows(42)
def test_jobs_are_run_held_released_and_told_of(site: Run, mart: Mart) -> None:
    masked(site("jobs", "log")).is_as_in("jobs-log-none")
    masked(site("jobs", "run", "Job_UpdateStats")).is_as_in("jobs-run")
    masked(site("jobs", "hold", "export", "--reason", "disk is full")).is_as_in("jobs-hold")
    masked(site("jobs", "hold", "export")).is_as_in("jobs-hold-again")
    masked(site("jobs", "list")).is_as_in("jobs-list-held")
    masked(site("jobs", "release", "export")).is_as_in("jobs-release")
    masked(site("jobs", "release", "export")).is_as_in("jobs-release-again")
    masked(site("jobs", "run", "agregate")).is_as_in("jobs-unknown")
    masked(site("jobs", "stop", "aggregate")).is_as_in("jobs-stop-no-server")
    masked(site("jobs", "log", "update-stats", "--last", "1")).is_as_in("jobs-log")
    with serving({1: mart.dsn}) as server:
        eventually(lambda: server.state is State.PAUSED, 60)
        assert asked(mart.dsn, "update-stats").error is None
        masked(site("jobs", "stop", "aggregate")).is_as_in("jobs-stop-idle")
        masked(site("mart", "run", "--site", "1")).is_as_in("mart-run-twice")


@pytest.mark.rows(36, 51, 76)
def test_databases_calendars_and_exports_are_told_of(site: Run, mart: Mart, home_path: Path) -> None:
    masked(site("db", "status"), days=True).is_as_in("db-status")
    masked(site("db", "migrate"), days=True).is_as_in("db-migrate")
    masked(site("db", "initialize"), days=True).is_as_in("db-initialize")
    masked(site("db", "maintain"), days=True).is_as_in("db-maintain")
    masked(site("calendars", "list"), days=True).is_as_in("calendars-list")
    site("config", "set", "application", "mart", "date-time-berlin/date-time-tz=Europe/Berlin")
    assert site("db", "maintain").code == 0
    masked(site("calendars", "list"), days=True).is_as_in("calendars-list-two")
    changed = site("config", "set", "application", "mart", "date-time-berlin/date-time-tz=Europe/Paris")
    assert changed.code == 0
    masked(site("db", "maintain"), days=True).is_as_in("db-maintain-fixed")
    switch = Switch(mart)
    queue_call(switch, 100, 1)
    switch.hear()
    masked(site("export"), days=True).is_as_in("export")
    masked(site("export"), days=True).is_as_in("export-nothing")
    masked(site("export", "--format", "cvs"), days=True).is_as_in("export-format")
