"""Scheduled reports are made when they are due, once, into a folder or by mail; what failed is tried again."""

import email
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

from tests.jobs.support import ALWAYS, eventually, rows, runs, serving, set_options
from tests.support import Mart
from twinmart.jobs.look import State
from twinmart.report.period import zone_named
from twinmart.report.question import Question
from twinmart.report.saved import Schedule, latest_due, put_schedule, save
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


def test_the_mart_server_makes_them_at_the_active_site_and_the_other_site_not_again(mart: Mart, tmp_path: Path) -> None:
    out = tmp_path / "out"
    owner = mart.connect(autocommit=True)
    save(owner, "daily", Question("queue-summary", preset="yesterday"), author="test")
    now = datetime.now(UTC).replace(second=0, microsecond=0)

    def plan(name: str, due_at: datetime) -> str:
        when = f"{due_at.minute} {due_at.hour}"
        put_schedule(
            owner, Schedule(name, "daily", when, "UTC", "csv", str(out), None, True, due_at - timedelta(hours=1))
        )
        return f"{name}-{due_at:%Y%m%dT%H%MZ}.csv"

    set_options(mart, **ALWAYS)
    with serving({1: mart.dsn}) as server:
        eventually(lambda: server.state is State.RUNNING)
        first = plan("first", now - timedelta(minutes=2))
        run = eventually(lambda: [run for run in runs(mart.dsn, "reports") if run["status"] == "done"])[0]
    assert [file.name for file in out.iterdir()] == [first]
    assert (run["cause"], run["due_at"]) == ("schedule", now - timedelta(minutes=2))
    # The other site takes over with what was replicated: the delivery too.
    owner.execute("UPDATE cfg.topology SET (active_site, epoch) = (2, epoch + 1)")
    with serving({2: mart.dsn}, site=2) as server:
        eventually(lambda: server.state is State.RUNNING)
        second = plan("second", now - timedelta(minutes=1))
        eventually(lambda: len([run for run in runs(mart.dsn, "reports") if run["status"] == "done"]) == 2)
    assert sorted(file.name for file in out.iterdir()) == [first, second]
    found = rows(mart.dsn, "SELECT schedule, site, state, attempts FROM ctl.report_delivery ORDER BY due_at")
    assert [tuple(row.values()) for row in found] == [("first", 1, "done", 1), ("second", 2, "done", 1)]


def test_a_site_that_is_not_active_delivers_nothing(mart: Mart, tmp_path: Path) -> None:
    planned(mart, folder=tmp_path / "out")
    told = run_due(2, {1: mart.dsn, 2: mart.dsn}, stop=Event(), now=NOW)
    assert told["message"] == "another site is active"
    assert not (tmp_path / "out").exists()


def test_the_time_before_is_found_on_the_days_when_clocks_change() -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    for name, day in (("Australia/Lord_Howe", 4), ("Europe/London", 24), ("Asia/Kathmandu", 3)):
        zone = zone_named(name)
        now = datetime(2026, 10, day, tzinfo=UTC) + timedelta(hours=40)
        minutes = [now - timedelta(minutes=n) for n in range(2881)]
        for hour in range(24):
            plain = [at for at in minutes if at.astimezone(zone).hour == hour and at.astimezone(zone).minute == 30]
            assert latest_due(f"30 {hour}", zone, since, now) == (plain[0] if plain else None), (name, hour)
