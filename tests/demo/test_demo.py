"""The demo as a person runs it: what it says, how it ends, and that nothing is left of it, however it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

pytestmark = [
    pytest.mark.slow,  # two servers and seven processes are started, and recordings played
    pytest.mark.timeout(240),
]

WITHIN_S = 30.0


@contextmanager
def demo(folder: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "twinmart", "demo", "--home", str(folder), *options]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(stream: IO[str] | None, pattern: str) -> str:
    assert stream is not None
    read = ""
    while not re.search(pattern, read):
        line = stream.readline()
        assert line, f"ended before {pattern!r}:\n{read}"
        read += line
    return read


def of(folder: Path) -> dict[int, str]:
    """Return the processes that work in a folder, by what they were told and where they are."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            place = (process / "cwd").readlink()
        except OSError:
            continue
        if str(folder) in words or place.is_relative_to(folder):
            found[int(process.name)] = words
    return found


def assert_nothing_is_left(folder: Path) -> None:
    deadline = time.monotonic() + WITHIN_S
    while (running := of(folder)) or folder.exists():
        assert time.monotonic() < deadline, f"still there: {running or folder}"
        time.sleep(0.1)


def test_the_demo_agrees_with_the_truth_and_leaves_nothing(scratch: Path) -> None:
    # Whatever sites the user has are none of its business.
    mine = {"TWINMART_SITE_1_DSN": "host=127.0.0.1 port=1 dbname=mine", "TWINMART_HOME": str(scratch / "mine")}
    with demo(scratch / "demo", "--quick", "--speed", "30", **mine) as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, ""), out
    assert "london_a at site 2 and london_b at site 1" in out
    assert "london 154 of 154" in out
    assert re.search(r"london +ring +28/28 +6/6 +6/6 +16/16 ", out)
    assert re.search(r"bristol +Gina Gallo +1/1 ", out)
    assert "\nAGREES   8 queues and 36 agents: " in out
    assert "✘" not in out
    assert_nothing_is_left(scratch / "demo")
    assert list(scratch.iterdir()) == []


def test_a_site_is_killed_on_the_way_and_nothing_is_lost(scratch: Path) -> None:
    with demo(scratch / "demo", "--speed", "8") as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, ""), out
    assert "SITE 1 IS LOST" in out
    assert re.search(r"london \(RPO\) +nothing lost; [\d,]+ events came from the twin", out)
    assert re.search(r"rows compared between the sites +[\d,]{4,}, 0 differ", out)
    assert "\nRIGHT   nothing is gone, and both sites hold the same\n" in out
    assert "\nAGREES   8 queues and 36 agents: " in out
    assert_nothing_is_left(scratch / "demo")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_stopped_leaves_nothing(scratch: Path, number: signal.Signals) -> None:
    with demo(scratch / "demo", "--quick") as process:
        read_until(process.stdout, "switch london is collected" if number == signal.SIGINT else "making two sites")
        time.sleep(0.5)
        process.send_signal(number)
        _, err = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, err) == (130, "")
    assert_nothing_is_left(scratch / "demo")


def test_a_demo_that_is_killed_leaves_nothing(scratch: Path) -> None:
    with demo(scratch / "demo", "--quick") as process:
        read_until(process.stdout, "switch london is collected")
        assert len(of(scratch / "demo")) > 8
        process.kill()
        process.wait()
    assert_nothing_is_left(scratch / "demo")


def test_a_process_that_ends_too_early_is_named_and_nothing_is_left(scratch: Path) -> None:
    with demo(scratch / "demo", "--quick") as process:
        read_until(process.stdout, "switch london is collected")
        (loader,) = [pid for pid, words in of(scratch / "demo").items() if "etl --follow" in words]
        os.kill(loader, signal.SIGKILL)
        _, err = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 5
    assert err.startswith('error TM400: process "etl" ended with exit code -9\n')
    assert_nothing_is_left(scratch / "demo")


def test_a_demo_can_be_kept(scratch: Path) -> None:
    folder = scratch / "demo"
    with demo(folder, "--quick", "--speed", "50", "--keep") as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, ""), out
    assert f"next   twinmart --home {folder} up" in out
    assert of(folder) == {}
    run = [sys.executable, "-m", "twinmart", "--home", str(folder)]
    try:
        subprocess.run([*run, "up"], check=True, capture_output=True)
        visits = subprocess.run([*run, "visits", "--csv"], check=True, capture_output=True, text=True).stdout
        assert len(visits.splitlines()) == 1 + 154 + 74
    finally:
        subprocess.run([*run, "down"], check=True, capture_output=True)


def test_a_folder_with_something_in_it_is_left_alone(scratch: Path) -> None:
    (scratch / "mine").write_text("mine")
    with demo(scratch) as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert "is not an empty folder" in err
    assert (scratch / "mine").read_text() == "mine"
