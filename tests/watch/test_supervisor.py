"""The supervisor: what it starts runs, what dies is started again, what it leaves behind is taken over."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from twinmart.errors import LockHeld, SiteUnreachable
from twinmart.watch.process import Process, began, trim_log
from twinmart.watch.supervisor import Patience, Program, Supervisor, read_state, running_pid

QUICK = Patience(look_s=0.02, ask_every_s=0.05, retry_first_s=0.05, retry_longest_s=0.2, well_after_s=60, stop_s=5)

SLEEPER = "import time\nprint('here', flush=True)\ntime.sleep(600)"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('here', flush=True)\ntime.sleep(600)"
)
SHORT = "raise SystemExit(3)"


def program(name: str, code: str) -> Program:
    return Program(name, ("-c", code))


def eventually(holds: Callable[[], object], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.01)


@contextmanager
def supervised(
    folder: Path,
    wanted: Callable[[], Sequence[Program]],
    patience: Patience = QUICK,
    ground: Callable[[], object] = lambda: None,
) -> Iterator[threading.Event]:
    stop = threading.Event()
    failures: list[BaseException] = []
    supervisor = Supervisor(folder, [sys.executable], wanted, ground, dict(os.environ), patience)

    def run() -> None:
        try:
            supervisor.run(stop)
        except BaseException as error:  # noqa: BLE001  told to the test below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)
    if failures:
        raise failures[0]


def state(folder: Path, name: str) -> dict[str, object]:
    return next((one for one in read_state(folder).get("programs", []) if one["name"] == name), {})


def printed(folder: Path, name: str) -> str:
    path = folder / "logs" / f"{name}.log"
    return path.read_text() if path.exists() else ""


def pid_of(folder: Path, name: str) -> int:
    eventually(lambda: state(folder, name).get("state") == "running" and "here" in printed(folder, name))
    pid = state(folder, name)["pid"]
    assert isinstance(pid, int)
    return pid


def test_programs_run_until_it_stops_and_leave_nothing(tmp_path: Path) -> None:
    with supervised(tmp_path, lambda: [program("one", SLEEPER), program("two", SLEEPER)]):
        pids = [pid_of(tmp_path, "one"), pid_of(tmp_path, "two")]
        assert running_pid(tmp_path) == os.getpid()
    assert [began(pid) for pid in pids] == [None, None]
    assert [state(tmp_path, name)["state"] for name in ("one", "two")] == ["stopped", "stopped"]
    assert running_pid(tmp_path) is None


def test_what_is_killed_is_started_again_and_it_is_told_how_it_ended(tmp_path: Path) -> None:
    with supervised(tmp_path, lambda: [program("one", SLEEPER)]):
        first = pid_of(tmp_path, "one")
        os.kill(first, signal.SIGKILL)
        eventually(lambda: state(tmp_path, "one").get("pid") not in (first, None))
        assert state(tmp_path, "one")["last_end"] == "killed by SIGKILL"
        assert state(tmp_path, "one")["starts"] == 2


def test_what_ends_at_once_is_tried_with_pauses_that_grow(tmp_path: Path) -> None:
    patience = Patience(look_s=0.01, ask_every_s=0.05, retry_first_s=0.2, retry_longest_s=30)
    with supervised(tmp_path, lambda: [program("short", SHORT)], patience):
        began_s = time.monotonic()
        eventually(lambda: state(tmp_path, "short").get("starts", 0) == 3)
        # Pauses of at least 0.1 s and 0.2 s lie between three starts.
        assert time.monotonic() - began_s > 0.3
        eventually(lambda: state(tmp_path, "short")["state"] == "waiting")
        assert state(tmp_path, "short")["last_end"] == "ended with exit code 3"


def test_the_configuration_starts_and_stops_programs_at_run_time(tmp_path: Path) -> None:
    wanted = [program("one", SLEEPER)]
    with supervised(tmp_path, lambda: list(wanted)):
        first = pid_of(tmp_path, "one")
        wanted.append(program("two", SLEEPER))
        second = pid_of(tmp_path, "two")
        wanted.pop(0)
        eventually(lambda: not state(tmp_path, "one"))
        assert began(first) is None
        assert pid_of(tmp_path, "two") == second


def test_while_nobody_can_tell_what_shall_run_everything_stays(tmp_path: Path) -> None:
    asked = threading.Event()
    is_away = False

    def wanted() -> list[Program]:
        if is_away:
            asked.set()
            raise SiteUnreachable("the database is away")
        return [program("one", SLEEPER)]

    with supervised(tmp_path, wanted):
        pid = pid_of(tmp_path, "one")
        is_away = True
        assert asked.wait(10)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: state(tmp_path, "one").get("pid") not in (pid, None))
        asked.clear()
        assert asked.wait(10)
        assert state(tmp_path, "one")["state"] == "running"


def test_nothing_is_started_before_the_ground_is_there(tmp_path: Path) -> None:
    tries: list[int] = []

    def ground() -> None:
        tries.append(1)
        if len(tries) < 4:
            raise SiteUnreachable("not yet")

    with supervised(tmp_path, lambda: [program("one", SLEEPER)], ground=ground):
        pid_of(tmp_path, "one")
    assert len(tries) >= 4


def test_who_does_not_stop_is_killed(tmp_path: Path) -> None:
    patience = Patience(look_s=0.02, ask_every_s=0.05, stop_s=0.3)
    with supervised(tmp_path, lambda: [program("one", STUBBORN)], patience):
        pid = pid_of(tmp_path, "one")
    assert began(pid) is None


def test_a_second_supervisor_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with supervised(tmp_path, lambda: [program("one", SLEEPER)]):
        pid = pid_of(tmp_path, "one")
        with (
            pytest.raises(LockHeld, match="another supervisor") as refused,
            supervised(tmp_path, lambda: [program("one", SLEEPER)]),
        ):
            pass
        assert str(os.getpid()) in str(refused.value.detail)
        assert pid_of(tmp_path, "one") == pid


def test_what_a_killed_supervisor_left_running_is_taken_over(tmp_path: Path) -> None:
    process = Process.start([sys.executable, "-c", SLEEPER], tmp_path / "logs" / "one.log", dict(os.environ))
    words = ["-c", SLEEPER]
    row = {"name": "one", "words": words, "state": "running", "pid": process.pid, "began": process.began}
    gone = {"name": "two", "words": words, "state": "running", "pid": process.pid, "began": "1"}
    rows = [{**one, "since": None, "starts": 7, "last_end": None} for one in (row, gone)]
    (tmp_path / "supervisor.json").write_text(json.dumps({"v": 1, "pid": 1, "programs": rows}))
    try:
        with supervised(tmp_path, lambda: [program("one", SLEEPER), program("two", SLEEPER)]):
            other = pid_of(tmp_path, "two")
            assert pid_of(tmp_path, "one") == process.pid
            assert other != process.pid
            assert state(tmp_path, "one")["starts"] == 7
        assert not process.is_running()
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def test_a_number_that_belongs_to_somebody_else_now_is_not_taken_for_ours() -> None:
    assert Process.found(os.getpid(), "some other moment") is None
    moment = began(os.getpid())
    assert moment is not None
    assert Process.found(os.getpid(), moment) is not None


def test_a_long_log_is_put_aside_while_its_process_writes_on(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    with log.open("a") as writer:
        writer.write("x" * 2000)
        writer.flush()
        assert trim_log(log, largest_bytes=1000)
        writer.write("after")
        writer.flush()
        assert log.read_text() == "after"
        assert len((tmp_path / "one.log.1").read_text()) == 2000
        assert not trim_log(log, largest_bytes=1000)
