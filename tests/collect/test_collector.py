"""Live collectors: what a switch says is in the database, once, whatever dies, stalls or fills up meanwhile."""

import json
import random
import signal
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from psycopg import sql

from tests.collect.live import (
    SAMPLE,
    config,
    eventually,
    impatient,
    obedient,
    replaying,
    rows,
    running,
    spawned,
    timed,
)
from tests.collect.messages import SECOND, message
from tests.support import Mart
from twinmart.collect.backfill import backfill_file
from twinmart.db.connect import Connection
from twinmart.site.ports import free_port

CALLER = {"Channel": "PJSIP/trunk-1", "Uniqueid": "pbx-1.1", "Linkedid": "pbx-1.1"}


@pytest.fixture
def connection(mart: Mart) -> Connection:
    return mart.connect(autocommit=True)


@pytest.fixture
def everything(connection: Connection) -> set[str]:
    """All that the sample says to every listener."""
    backfill_file(connection, "idb_all", "pbx", SAMPLE)
    return timed(connection, "idb_all")


def shut(mart: Mart, connection: Connection, *, away: bool) -> None:
    """Let nobody into the mart's database any more, and throw out who is in, but for our own connection."""
    name = sql.Identifier(mart.name)
    allow = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(name, 0 if away else -1)
    connection.execute(allow)
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'twinmart collector%%'"
    )


def holds(connection: Connection, name: str = "pbx_a") -> int:
    return len(rows(connection, f"idb_{name}", "event", "seq"))


def test_twins_hear_the_same_and_all_of_it(
    mart: Mart, connection: Connection, everything: set[str], tmp_path: Path
) -> None:
    with replaying("--speed", "max", "--clients", "2", "--close") as port:
        twins = [config(mart, tmp_path, port, f"pbx_{twin}") for twin in "ab"]
        with running(*twins) as collectors:
            eventually(lambda: all(one.status.source.state == "waiting" for one in collectors))
    assert timed(connection, "idb_pbx_a") == everything
    assert timed(connection, "idb_pbx_b") == everything
    ((version, system, reason, kind),) = rows(
        connection, "idb_pbx_a", "data_source_session", "version system_name disconnect_reason connect_type"
    )
    assert (system, kind) == ("site3", 1)
    assert "closed the connection" in str(reason)
    assert str(version).startswith("22.10.1")
    assert rows(connection, "idb_pbx_a", "bad_message") == []


def test_who_comes_in_the_middle_is_told_the_state(mart: Mart, connection: Connection, tmp_path: Path) -> None:
    told = config(mart, tmp_path, 0)
    with replaying("--speed", "20", "--clients", "1") as port:
        first = replace(told, port=port, name="pbx_b", idb_schema="idb_pbx_b", spool_folder=tmp_path / "b")
        with running(first):
            eventually(lambda: holds(connection, "pbx_b") > 500)
            with running(replace(told, port=port)):
                eventually(lambda: rows(connection, "idb_pbx_a", "data_source_session"))
                eventually(lambda: holds(connection) > 100)
    kinds = {str(kind) for (kind,) in rows(connection, "idb_pbx_a", "event", "kind")}
    assert {"switch_boot", "queue_seen", "member_seen", "member_snapshot", "channel_snapshot", "channel_seen"} <= kinds
    boots = [row for schema in "ab" for row in rows(connection, f"idb_pbx_{schema}", "event", "kind event_id")]
    assert len({identity for kind, identity in boots if kind == "switch_boot"}) == 1


@pytest.mark.parametrize(
    ("kills", "speed"), [(4, "8"), pytest.param(60, "1", marks=pytest.mark.soak, id="for a minute")]
)
def test_a_killed_collector_has_all_of_what_it_heard_and_knows_when_it_heard_nothing(
    kills: int, speed: str, mart: Mart, connection: Connection, everything: set[str], tmp_path: Path
) -> None:
    chance = random.Random(4)

    def heard() -> list[tuple[object, ...]]:
        return rows(connection, "idb_pbx_a", "data_source_session", "connected_at last_heard_at")

    with replaying("--speed", speed, "--clients", "2", "--close") as port:
        victim, twin = (config(mart, tmp_path, port, f"pbx_{one}") for one in "ab")
        with running(twin) as (witness,):
            for kill in range(kills):
                process = spawned(victim)
                eventually(lambda: len(heard()) > kill or witness.status.source.state == "waiting")  # noqa: B023
                time.sleep(chance.uniform(0, 0.6))
                process.kill()
                process.communicate()
            with running(victim):
                eventually(lambda: witness.status.source.state == "waiting", within_s=60)
                eventually(lambda: witness.status.idb.waiting_bytes == 0)
    mine, other = timed(connection, "idb_pbx_a"), timed(connection, "idb_pbx_b")
    assert other == everything
    assert 0 < len(mine) < len(other)
    assert mine < other
    silences = rows(connection, "idb_pbx_a", "no_data", "from_at to_at")
    assert len(heard()) >= 2
    # Events are some milliseconds out of order, more so when they are played fast.
    slack = timedelta(seconds=0.5)
    for at, identity in rows(connection, "idb_pbx_b", "event", "at event_id"):
        if str(identity) in other - mine:
            assert isinstance(at, datetime)
            assert any(start - slack <= at <= (end or at) + slack for start, end in silences)  # type: ignore[operator]
            assert not any(start + slack < at < end - slack for start, end in heard())  # type: ignore[operator]


def test_a_database_that_is_away_loses_nothing(
    mart: Mart, connection: Connection, everything: set[str], tmp_path: Path
) -> None:
    with replaying("--speed", "max", "--close") as port, running(config(mart, tmp_path, port)) as (collector,):
        shut(mart, connection, away=True)
        eventually(lambda: collector.status.source.state == "waiting")
        eventually(lambda: collector.status.idb.state == "waiting")
        assert collector.status.idb.error is not None
        assert collector.status.idb.error["code"] in {"TM405", "TM601", "TM602"}
        shut(mart, connection, away=False)
        eventually(lambda: timed(connection, "idb_pbx_a") == everything)


def test_a_database_that_breaks_off_again_and_again_gets_every_event_once(
    mart: Mart, connection: Connection, everything: set[str], tmp_path: Path
) -> None:
    with replaying("--speed", "40", "--close") as port, running(config(mart, tmp_path, port)) as (collector,):
        while collector.status.source.state != "waiting":
            shut(mart, connection, away=False)
            time.sleep(0.05)
        eventually(lambda: timed(connection, "idb_pbx_a") == everything)
        ((events,),) = rows(connection, "idb_pbx_a", "data_source_session", "events")
        assert events == holds(connection)


def test_a_spool_without_room_holds_the_switch_up_and_goes_on_when_there_is_some(
    mart: Mart, connection: Connection, everything: set[str], tmp_path: Path
) -> None:
    with replaying("--speed", "max", "--close") as port:
        told = replace(config(mart, tmp_path, port), spool_limit_bytes=200_000)
        shut(mart, connection, away=True)
        with running(told) as (collector,):
            eventually(lambda: collector.status.source.state == "spool-full")
            assert collector.status.source.error is not None
            assert collector.status.source.error["code"] == "TM420"
            shut(mart, connection, away=False)
            eventually(lambda: collector.status.source.state == "waiting")
            eventually(lambda: timed(connection, "idb_pbx_a") == everything)


def test_a_connection_lost_for_want_of_room_is_put_down_to_that(
    mart: Mart, connection: Connection, tmp_path: Path
) -> None:
    with obedient() as switch:
        told = replace(config(mart, tmp_path, switch.port), spool_limit_bytes=50_000)
        shut(mart, connection, away=True)
        with running(told) as (collector,):
            eventually(lambda: collector.status.source.state == "connected")
            switch.say(*(message("Hold", SECOND + number / 100, **CALLER) for number in range(1000)))
            while collector.status.source.state != "spool-full":
                switch.clock += 1
                switch.say(message("Hold", switch.clock, **CALLER))
                time.sleep(0.02)
            switch.clock += 30
            switch.hang_up()
            shut(mart, connection, away=False)
            eventually(lambda: switch.logins == 2)
        causes = [cause for (cause,) in rows(connection, "idb_pbx_a", "no_data", "cause")]
        assert "spool-full" in causes
        assert holds(connection) >= 1000


def test_a_switch_that_falls_silent_is_given_up_in_time_and_the_silence_noted(
    mart: Mart, connection: Connection, tmp_path: Path
) -> None:
    with obedient() as switch, running(config(mart, tmp_path, switch.port)) as (collector,):
        eventually(lambda: collector.status.source.state == "connected")
        switch.mute = True
        eventually(lambda: collector.status.source.error is not None)
        assert collector.status.source.error is not None
        assert collector.status.source.error["code"] == "TM621"
        switch.mute, switch.clock = False, SECOND + 70
        eventually(lambda: len(rows(connection, "idb_pbx_a", "data_source_session")) == 2)
        eventually(lambda: collector.status.source.state == "connected")
    spans = rows(connection, "idb_pbx_a", "no_data", "from_at to_at cause")
    assert [cause for *_, cause in spans] == ["silent", "stopped"]
    start, end, _ = spans[0]
    assert isinstance(start, datetime)
    assert isinstance(end, datetime)
    assert (end - start).total_seconds() == pytest.approx(69.5)


def test_a_quiet_switch_that_answers_is_heard_without_any_event(
    mart: Mart, connection: Connection, tmp_path: Path
) -> None:
    with obedient() as switch, running(config(mart, tmp_path, switch.port)) as (collector,):
        eventually(lambda: collector.status.source.state == "connected")
        switch.clock += 100
        heard = datetime.fromisoformat("2026-11-22T08:40:00.500000+00:00")
        eventually(lambda: (heard,) in rows(connection, "idb_pbx_a", "data_source_session", "last_heard_at"))
        assert switch.logins == 1


def test_a_wrong_password_is_told_with_what_to_compare_and_not_tried_often(mart: Mart, tmp_path: Path) -> None:
    with obedient() as switch:
        switch.secret = "another"
        with running(impatient(config(mart, tmp_path, switch.port), refused_retry_s=30)) as (collector,):
            eventually(lambda: collector.status.source.error is not None)
            error = collector.status.source.error
        assert error is not None
        assert (error["code"], switch.asked.count("Login")) == ("TM121", 1)
        assert "collector" in str(error["message"])


def test_a_plain_login_is_possible(mart: Mart, connection: Connection, tmp_path: Path) -> None:
    with obedient() as switch, running(replace(config(mart, tmp_path, switch.port), login="plain")) as (collector,):
        eventually(lambda: collector.status.source.state == "connected")
        assert "Challenge" not in switch.asked


@pytest.mark.parametrize(
    ("settings", "said", "word"),
    [
        ({}, message("Hold", None, **CALLER), "timestampevents = yes"),
        ({}, message("Hold", 12.0, **CALLER), "NTP"),
        ({"CoreSettings": "AsteriskVersion: 13.38.3\r\nSystemName: pbx\r\n"}, None, "Update"),
        ({"CoreSettings": "AsteriskVersion: certified/13.21-cert6\r\n"}, None, "Update"),
    ],
)
def test_a_switch_whose_events_cannot_be_used_is_refused_with_what_to_do(
    settings: dict[str, str], said: bytes | None, word: str, mart: Mart, tmp_path: Path
) -> None:
    with obedient() as switch:
        switch.answers |= settings
        with running(impatient(config(mart, tmp_path, switch.port), refused_retry_s=30)) as (collector,):
            if said is not None:
                eventually(lambda: switch.logins == 1 and "Agents" in switch.asked)
                switch.say(said)
            eventually(lambda: collector.status.source.error is not None)
            error = collector.status.source.error
        assert error is not None
        assert error["code"] == "TM120"
        assert word in str(error["hint"])


def test_a_switch_that_stops_stamping_its_events_is_refused_too(
    mart: Mart, connection: Connection, tmp_path: Path
) -> None:
    with obedient() as switch:
        with running(impatient(config(mart, tmp_path, switch.port), refused_retry_s=30)) as (collector,):
            eventually(lambda: collector.status.source.state == "connected")
            switch.say(message("Hold", **CALLER), message("Unhold", None, **CALLER))
            eventually(lambda: collector.status.source.kept_aside == 1)
            switch.say(*[message("Unhold", None, **CALLER)] * 100)
            eventually(lambda: collector.status.source.state == "waiting")
            error = collector.status.source.error
        assert error is not None
        assert "timestampevents" in str(error["hint"])
        assert len(rows(connection, "idb_pbx_a", "bad_message")) == 1


def test_what_is_missing_at_the_switch_is_warned_of_and_collecting_goes_on(
    mart: Mart, connection: Connection, tmp_path: Path
) -> None:
    with obedient() as switch:
        switch.answers["CoreSettings"] = "AsteriskVersion: GIT-18-abc\r\nSystemName: \r\n"
        switch.errors = {"CoreShowChannels": "Permission denied", "Agents": "Invalid/unknown command"}
        with running(config(mart, tmp_path, switch.port)) as (collector,):
            eventually(lambda: "Agents" in switch.asked)
            calls = (message("Newchannel", Channel="X/1", Uniqueid=f"pbx-1.{number}") for number in range(150))
            switch.say(*calls)
            eventually(lambda: holds(connection) == 151)
            warnings = set(collector.status.source.warnings) - {"clock"}
    assert warnings == {"no-system-name", "no-right-CoreShowChannels", "no-class-dialplan"}


def test_a_restarted_switch_is_a_session_of_its_own_kind(
    mart: Mart, connection: Connection, recordings: Path, tmp_path: Path
) -> None:
    port = free_port()
    with running(config(mart, tmp_path, port)) as (collector,):
        crash = recordings / "crash" / "ami.raw.gz"
        with replaying("--speed", "max", "--kill-after", "60", recording=crash, port=port):
            eventually(lambda: collector.status.source.state == "waiting" and collector.status.source.session)
        with replaying("--speed", "max", "--close", recording=crash.parent / "after" / "ami.raw.gz", port=port):
            eventually(lambda: collector.status.source.boot_at and collector.status.source.boot_at.second == 44)
            eventually(lambda: collector.status.source.state == "waiting")
            eventually(lambda: collector.status.idb.waiting_bytes == 0)
    kinds = rows(connection, "idb_pbx_a", "data_source_session", "connected_at connect_type")
    assert [kind for _, kind in kinds] == [1, 3]
    boots = [at for at, kind in rows(connection, "idb_pbx_a", "event", "at kind") if kind == "switch_boot"]
    assert [f"{at:%H:%M:%S}" for at in boots if isinstance(at, datetime)] == ["08:57:24", "08:59:44"]


def test_a_collector_that_is_stopped_writes_what_it_has_and_says_so(
    mart: Mart, connection: Connection, tmp_path: Path
) -> None:
    with obedient() as switch:
        told = config(mart, tmp_path, switch.port)
        process = spawned(told)
        eventually(lambda: switch.logins == 1 and "Agents" in switch.asked)
        switch.say(*(message("Hold", SECOND + number / 1000, **CALLER) for number in range(5000)))
        # The socket is emptied before the signal is sent, so all of it was heard.
        eventually(lambda: told.status_file.exists() and holds(connection) > 0)
        eventually(lambda: holds(connection) >= 5000)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    status = json.loads(told.status_file.read_text())
    assert (status["source"]["state"], status["idb"]["state"], status["idb"]["waiting_bytes"]) == (
        *("stopped", "stopped"),
        0,
    )
    ((reason, ended),) = rows(connection, "idb_pbx_a", "data_source_session", "disconnect_reason disconnected_at")
    assert reason == "stopped"
    assert isinstance(ended, datetime)
    assert [cause for (cause,) in rows(connection, "idb_pbx_a", "no_data", "cause")] == ["stopped"]


def test_a_second_collector_of_the_same_name_is_refused(mart: Mart, tmp_path: Path) -> None:
    with obedient() as switch:
        told = config(mart, tmp_path, switch.port)
        with running(told):
            eventually(lambda: switch.logins == 1)
            process = spawned(told)
            _, log = process.communicate(timeout=20)
    assert process.returncode == 1
    assert b"SpoolTakenTwice" in log


def test_noise_in_the_stream_is_kept_aside_and_the_stream_goes_on(
    mart: Mart, connection: Connection, tmp_path: Path
) -> None:
    with obedient() as switch, running(config(mart, tmp_path, switch.port)) as (collector,):
        eventually(lambda: collector.status.source.state == "connected")
        hold = message("Hold", **CALLER)
        switch.say(hold, b"\x00\xff\x80", b"x" * 1_200_000, message("Hangup"), hold.replace(b"trunk", b"tr\xffnk"))
        switch.say(message("Unhold", SECOND + 1, **CALLER))
        eventually(lambda: holds(connection) == 3 + 1)
        reasons = [str(reason) for (reason,) in rows(connection, "idb_pbx_a", "bad_message", "reason")]
        assert reasons == ["missing-key: Uniqueid", "not-a-message", "not-utf8", "too-long"]
        assert switch.logins == 1
