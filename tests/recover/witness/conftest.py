"""Witnesses: a third PostgreSQL server, and etcd where it is installed."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.replicate.conftest import pair as pair  # noqa: PLC0414  a fixture of ours too
from tests.support import Mart, MartServer, running_server
from twinmart.site.ports import free_port


@pytest.fixture(scope="session")
def third_server(scratch_root: Path) -> Iterator[MartServer]:
    with running_server(scratch_root / "3") as running:
        yield running


@pytest.fixture
def third(third_server: MartServer) -> Iterator[Mart]:
    """A database in a third place."""
    fresh = third_server.new_mart()
    yield fresh
    third_server.drop(fresh)


@pytest.fixture(scope="session")
def etcd(scratch_root: Path) -> Iterator[str]:
    """The address of an etcd of one member."""
    program = shutil.which("etcd")
    if program is None:
        pytest.skip("no etcd on PATH")
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    command = [
        program, "--data-dir", str(scratch_root / "etcd"), "--listen-client-urls", client, "--advertise-client-urls",
        client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster",
        f"default={peer}", "--heartbeat-interval", "20", "--election-timeout", "200", "--unsafe-no-fsync",
    ]  # fmt: skip
    if b"unsafe-no-fsync" not in subprocess.run([program, "--help"], capture_output=True).stdout:
        command.remove("--unsafe-no-fsync")
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(client)
        yield client
    finally:
        running.kill()
        running.wait()


def _wait(client: str) -> None:
    for _ in range(200):
        try:
            if post(client, "kv/range", {"key": "AA=="}):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("etcd does not answer")


def post(client: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(f"{client}/v3/{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
