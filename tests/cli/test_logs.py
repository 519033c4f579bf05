"""Log lines: where they go, and in which shape."""

import io
import json
import sys
from collections.abc import Iterator
from subprocess import PIPE, Popen

import pytest
import structlog

from twinmart.cli.logs import start_logging

log = structlog.get_logger(__name__)


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_line_is_json_in_utc_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("info")
    log.info("load.started", site=1)
    log.debug("not.told")
    out, err = capsys.readouterr()
    line = json.loads(err)
    assert (out, line["event"], line["site"], line["level"]) == ("", "load.started", 1, "info")
    assert line["at"].endswith("Z")


def test_lines_go_to_what_is_stderr_when_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    start_logging("info")
    log.info("one")
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    log.info("two")
    assert json.loads(second.getvalue())["event"] == "two"


def test_a_reader_that_has_seen_enough_ends_a_command_without_a_word() -> None:
    command = [sys.executable, "-m", "twinmart", "config", "--help"]
    with Popen(command, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(60)) == (b"", 141)
