"""Scheduled reports are made when they are due, once, into a folder or by mail; what failed is tried again."""

import email
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

from tests.support import Mart
from twinmart.report.question import Question
from twinmart.report.saved import Schedule, put_schedule, save
from twinmart.report.scheduled import run_due
from twinmart.site.ports import free_port

NOW = datetime(2026, 11, 22, 6, 31, tzinfo=UTC)


class Box:
    """Keeps the messages that a mail server takes."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.taken.append(envelope.content)
        return "250 taken"


def planned(mart: Mart, *, folder: Path | None = None, mail: dict[str, object] | None = None) -> None:
    owner = mart.connect(autocommit=True)
    save(owner, "morning", Question("queue-summary", preset="yesterday"), author="test")
    since = NOW - timedelta(hours=1)
    where = str(folder) if folder else None
    put_schedule(owner, Schedule("morning", "morning", "30 6", "UTC", "csv", where, mail, True, since))


def run(mart: Mart, now: datetime = NOW) -> dict[str, object]:
    return dict(run_due(1, {1: mart.dsn}, stop=Event(), now=now))


def test_a_due_report_is_written_once_and_again_only_if_it_failed(mart: Mart, tmp_path: Path) -> None:
    blocked = tmp_path / "out"
    blocked.write_text("a file, where a folder is wanted")
    planned(mart, folder=blocked)
    assert run(mart)["failed"] == 1
    assert run(mart)["failed"] == 0, "it waits before it is tried again"
    blocked.unlink()
    assert run(mart, NOW + timedelta(minutes=2))["done"] == 1
    assert run(mart, NOW + timedelta(minutes=9))["done"] == 0
    assert [file.name for file in blocked.iterdir()] == ["morning-20261122T0630Z.csv"]


def test_a_due_report_is_mailed_once(mart: Mart) -> None:
    from aiosmtpd.controller import Controller  # noqa: PLC0415

    box, port = Box(), free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    mail = {"host": "127.0.0.1", "port": port, "security": "none", "to": ["boss@example.com"], "from": "m@example.com"}
    planned(mart, mail=mail)
    assert run(mart)["failed"] == 1, "no server yet"
    server.start()
    try:
        assert run(mart, NOW + timedelta(minutes=2))["done"] == 1
        assert run(mart, NOW + timedelta(minutes=9))["done"] == 0
    finally:
        server.stop()
    (message,) = (email.message_from_bytes(one) for one in box.taken)
    assert message["Message-ID"] == "<morning-20261122T0630Z@twinmart>"
    assert [part.get_filename() for part in message.walk()][-1] == "morning-20261122T0630Z.csv"
