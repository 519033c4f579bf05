"""The service manager is told that we are ready, if there is one."""

import socket
from pathlib import Path

from twinmart.watch.notify import notify


def test_the_service_manager_hears_us(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        assert notify(str(tmp_path / "notify"), "READY=1", "STATUS=here")
        assert manager.recv(100) == b"READY=1\nSTATUS=here"


def test_without_one_nothing_happens(tmp_path: Path) -> None:
    assert not notify(None, "READY=1")
    assert not notify(str(tmp_path / "nobody"), "READY=1")
