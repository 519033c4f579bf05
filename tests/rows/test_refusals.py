"""Errors that only a person at a command meets: jobs that fail or are not heard of, processes that do not stop."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest

from tests.config.conftest import Run
from tests.jobs.support import eventually, serving
from tests.report.test_scheduled import planned
from tests.rows.test_commands import SAMPLE
from tests.support import Mart
from twinmart import errors
from twinmart.cli import jobs, supervise
from twinmart.db.connect import advisory_lock, connect
from twinmart.jobs import desk
from twinmart.jobs.look import State
from twinmart.site.ports import free_port


def test_a_job_that_fails_at_the_server_is_told_with_the_reason_and_what_stands(run: Run, mart: Mart) -> None:
    with serving({1: mart.dsn}) as server:
        eventually(lambda: server.state is State.PAUSED, 60)
        failed = run("jobs", "run", "export")
    assert (failed.code, "error TM480" in failed.err) == (errors.JobFailed.exit_code, True), failed.err
    assert "no folder is known for exports" in failed.err
    assert "what it had committed stands" in failed.err
    assert "twinmart jobs run export" in failed.err
    listed = run("jobs", "list").out
    assert "✘ failed" in listed


@contextmanager
def at_the_desk(mart: Mart, answer: Callable[[Any, desk.Request], None]) -> Iterator[None]:
    """Hold the place of a mart server, do something when somebody asks, and leave."""

    def sit() -> None:
        with (
            connect(mart.dsn, application_name="a server that dies", autocommit=True) as line,
            advisory_lock(line, desk.SERVER_LOCK),
        ):
            is_there.append(True)
            eventually(lambda: desk.open_requests(line) or not is_wanted, 60)
            for request in desk.open_requests(line):
                answer(line, request)

    is_there: list[bool] = []
    is_wanted = [True]
    thread = Thread(target=sit)
    thread.start()
    eventually(lambda: is_there, 60)
    try:
        yield
    finally:
        is_wanted.clear()
        thread.join(60)


def test_a_server_that_says_nothing_or_dies_leaves_the_outcome_unknown(
    run: Run, mart: Mart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ANSWER_WITHIN_S", 0.3)
    with connect(mart.dsn, application_name="busy", autocommit=True) as line, advisory_lock(line, desk.SERVER_LOCK):
        silent = run("jobs", "run", "maintain")
        assert desk.open_requests(line) == [], "it was taken back"
    assert (silent.code, "error TM580" in silent.err) == (errors.JobNotConfirmed.exit_code, True), silent.err
    assert "the request was taken back" in silent.err

    monkeypatch.setattr(jobs, "ANSWER_WITHIN_S", 60.0)
    run_id = uuid4()
    with at_the_desk(mart, lambda line, request: desk.answer(line, request, run_id)):
        gone = run("jobs", "run", "maintain")
    assert (gone.code, "error TM580" in gone.err) == (6, True), gone.err
    assert "went away" in gone.err

    # Another server is in its place before anybody looks: it knows nothing of a run that was never begun.
    command = [sys.executable, "-m", "twinmart", "--home", str(tmp_path / "home"), "jobs", "run", "maintain"]
    environment = {**os.environ, "TWINMART_SITE_1_DSN": mart.dsn}
    with at_the_desk(mart, lambda line, request: desk.answer(line, request, run_id)):
        asking = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        eventually(lambda: answered(mart) == 2, 60)
    with serving({1: mart.dsn}):
        told = asking.communicate(timeout=60)[1]
    assert (asking.returncode, "error TM580" in told) == (6, True), told


def answered(mart: Mart) -> int:
    with connect(mart.dsn, application_name="test", autocommit=True) as line:
        row = line.execute("SELECT count(*) FROM ops.job_request WHERE answered_at IS NOT NULL").fetchone()
        return int(row[0]) if row else 0


def test_a_supervisor_that_does_not_stop_is_not_called_stopped(
    run: Run, mart: Mart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "STOP_S", 0.3)
    run("status")
    folder = tmp_path / "home" / "site1"
    stubborn = (
        "import fcntl, os, pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "folder = pathlib.Path(sys.argv[1]); folder.mkdir(parents=True, exist_ok=True)\n"
        "file = (folder / 'supervisor.lock').open('w'); fcntl.flock(file, fcntl.LOCK_EX)\n"
        "file.write(str(os.getpid())); file.flush(); print('here', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", stubborn, str(folder)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"here\n"
            told = run("site", "stop", "--site", "1")
        finally:
            process.send_signal(signal.SIGKILL)
    assert (told.code, "error TM501" in told.err) == (errors.StopNotConfirmed.exit_code, True), told.err
    assert f"its process id is {process.pid}" in told.err
    assert "twinmart site status --site 1" in told.err


@pytest.mark.rows(84)
def test_an_aggregate_that_is_not_what_the_facts_say_is_told_and_mended(run: Run, mart: Mart) -> None:
    assert run("backfill", "asterisk-ami", str(SAMPLE), "--source", "bristol").code == 0
    assert run("jobs", "run", "aggregate").code == 0
    with connect(mart.dsn, application_name="test", autocommit=True) as owner:
        row = owner.execute(
            "SELECT to_timestamp(min(date_time_key)), to_timestamp(max(date_time_key)) FROM agg.queue_subhr"
        ).fetchone()
        assert row is not None
        span = ("--from", f"{row[0]:%Y-%m-%dT%H:%M}Z", "--to", f"{row[1]:%Y-%m-%dT%H:59}Z")
        assert run("aggregate", "audit", *span).code == 0
        changed = owner.execute("UPDATE agg.queue_subhr SET entered = entered + 1 WHERE entered > 0").rowcount
    assert changed > 0
    told = run("aggregate", "audit", *span)
    assert (told.code, "error TM270" in told.err) == (errors.AggregateDiffers.exit_code, True), told.err
    assert "QUEUE" in told.out
    assert "twinmart aggregate redo" in told.err
    assert run("aggregate", "redo", *span).code == 0
    assert run("jobs", "run", "aggregate").code == 0
    assert run("aggregate", "audit", *span).code == 0


class Choosy:
    """A mail server that takes a message for some and refuses others."""

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.startswith("gone"):
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 yes"


def test_a_report_that_a_mail_server_refuses_for_somebody_is_not_called_delivered(run: Run, mart: Mart) -> None:
    from aiosmtpd.controller import Controller  # noqa: PLC0415

    from tests.report.test_scheduled import run as deliver  # noqa: PLC0415

    server = Controller(Choosy(), hostname="127.0.0.1", port=free_port())
    to = ["boss@example.com", "gone@example.com"]
    planned(
        mart, mail={"host": "127.0.0.1", "port": server.port, "security": "none", "to": to, "from": "m@example.com"}
    )
    server.start()
    try:
        assert deliver(mart)["failed"] == 1
    finally:
        server.stop()
    rows = mart.connect(autocommit=True).execute("SELECT state, message FROM ctl.report_delivery").fetchall()
    assert [state for state, _ in rows] == ["failed"]
    assert errors.NotDelivered.code in rows[0][1] or "gone@example.com" in rows[0][1]
