"""The replayed switch: says what was recorded, in its order and at its pace, and answers as it would have then."""

import gzip
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.collect.live import SAMPLE, replaying
from tests.collect.messages import SECOND, answer, message, stream
from tests.sim.client import Client
from twinmart.sim.recording import Shift, opening, pieces, time_of
from twinmart.sim.switch import Switch

RECORDED = gzip.decompress(SAMPLE.read_bytes())
FOR_ALL = [
    one.lstrip()
    for one in RECORDED.split(b"\r\n\r\n")
    if b"\r\nPrivilege: " in one and not one.startswith(b"Event: FullyBooted")
]


@contextmanager
def client(port: int, *, log_in: bool = True, events: str = "on") -> Iterator[Client]:
    connected = Client(port, log_in=log_in, events=events)
    try:
        yield connected
    finally:
        connected.close()


def events_of(messages: list[bytes]) -> list[bytes]:
    return [one for one in messages if b"\r\nPrivilege: " in one and not one.startswith(b"Event: FullyBooted")]


def test_every_client_is_told_everything_in_the_recorded_order_and_nothing_else() -> None:
    with replaying("--speed", "max", "--clients", "2", "--close") as port, client(port) as one, client(port) as two:
        heard = one.rest()
        assert events_of(heard) == FOR_ALL
        assert [other for other in heard if other not in FOR_ALL] == [
            b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 0\r\nLastReload: 0\r\nStatus: Fully Booted",
            b"",
        ]
        assert events_of(two.rest()) == FOR_ALL


def test_who_comes_later_joins_in_the_middle_at_the_beginning_of_a_message() -> None:
    with replaying("--speed", "30", "--close") as port, client(port) as first:
        first.until(b"QueueCallerJoin")
        with client(port) as late:
            heard = events_of(late.rest())
    assert 0 < len(heard) < len(FOR_ALL)
    assert heard == FOR_ALL[-len(heard) :]


def test_pieces_are_those_of_the_index() -> None:
    index = [line.split() for line in gzip.decompress(SAMPLE.with_name("small.idx.gz").read_bytes()).splitlines()]
    found = list(pieces(SAMPLE, Shift(0, 0)))
    assert b"".join(bytes(piece.data) for piece in found) == stream(*FOR_ALL)
    times = [float(at) for _, _, at in index]
    assert {piece.at for piece in found} <= {*times, 0.0}
    assert len(found) > 0.9 * len(times)


def test_without_an_index_every_message_comes_at_its_own_time(tmp_path: Path) -> None:
    alone = tmp_path / "ami.raw"
    alone.write_bytes(RECORDED)
    found = [piece for piece in pieces(alone, Shift(0, 0)) if piece.data]
    assert [bytes(piece.data) for piece in found] == [one + b"\r\n\r\n" for one in FOR_ALL]
    assert found[500].at == time_of(FOR_ALL[500])


def test_it_plays_at_the_recorded_pace() -> None:
    with replaying("--speed", "10") as port, client(port) as one:
        began = time.monotonic()
        messages = one.until(b"QueueCallerJoin")
        told = time_of(messages[-1])
        first = time_of(FOR_ALL[0])
        assert told is not None
        assert first is not None
        assert time.monotonic() - began == pytest.approx((told - first) / 10, abs=0.5)


def test_a_challenge_is_answered_and_a_wrong_password_refused() -> None:
    with replaying() as port:
        with client(port, log_in=False) as one:
            found = re.search(rb"Challenge: (\d+)", one.ask("Challenge", AuthType="MD5"))
            assert found is not None
            key = hashlib.md5(found[1] + b"collector").hexdigest()
            assert b"Success" in one.ask("Login", AuthType="MD5", Username="collector", Key=key)
        with client(port, log_in=False) as other:
            assert b"Permission denied" in other.ask("QueueStatus")
            assert b"Authentication failed" in other.ask("Login", Username="collector", Secret="wrong")
            assert other.socket.recv(100) == b""


def test_questions_are_answered_between_two_messages_and_with_the_clients_own_id() -> None:
    with replaying("--speed", "40", "--close") as port, client(port) as one:
        for number in range(200):
            one.send("Ping", ActionID=f"p{number}")
        heard = one.rest()
    pings = [other for other in heard if b"Ping: Pong" in other]
    assert [re.findall(rb"ActionID: (\S+)", other) for other in pings] == [[b"p%d" % n] for n in range(200)]
    assert events_of(heard) == FOR_ALL


def test_the_clock_never_shows_a_time_of_which_something_is_still_to_be_said() -> None:
    with replaying("--speed", "30", "--close") as port, client(port) as one:
        for _ in range(60):
            one.ask("Ping")
        one.send("Ping", ActionID="last")
        heard = one.rest()
    clock = 0.0
    for said in heard:
        at = time_of(said) or 0.0
        if b"Ping: Pong" in said:
            found = re.search(rb"Timestamp: (\S+)", said)
            assert found is not None
            clock = float(found[1])
        elif at:
            # Events are out of order by so much in the recording itself.
            assert at >= clock - 0.01


def test_the_state_is_that_of_the_moment() -> None:
    with replaying("--speed", "max") as port, client(port) as one:
        one.until(FOR_ALL[-1])
        one.send("CoreShowChannels")
        rows = one.until(b"CoreShowChannelsComplete")
        channels = {found[1] for row in rows if (found := re.search(rb"\r\nUniqueid: (\S+)", row))}
        started = [re.search(rb"\r\nUniqueid: (\S+)", one) for one in FOR_ALL if one.startswith(b"Event: Newchannel")]
        ended = [re.search(rb"\r\nUniqueid: (\S+)", one) for one in FOR_ALL if one.startswith(b"Event: Hangup")]
        assert channels == {found[1] for found in started if found} - {found[1] for found in ended if found}
        one.send("QueueStatus")
        rows = one.until(b"QueueStatusComplete")
        assert b"ListItems: %d" % (len(rows) - 2) in rows[-1]
        assert {re.findall(rb"\r\nQueue: (\S+)", row)[0] for row in rows if b"Event: QueueParams" in row} == {
            *(b"drill", b"ring", b"sleepy", b"tiny"),
        }
        assert b"AsteriskVersion: 22.10.1" in one.ask("CoreSettings")
        assert b"CoreStartupTime: 08:51:01" in one.ask("CoreStatus")
        assert b"Invalid/unknown command" in one.ask("Nonsense")


def test_events_can_be_turned_off_and_on() -> None:
    with replaying("--speed", "20") as port, client(port, events="off") as one:
        assert b"Events: Off" in one.ask("Events", EventMask="off")
        assert one.received == b""
        assert b"Events: On" in one.ask("Events", EventMask="on")
        assert events_of(one.until(b"Hangup"))


def test_times_can_be_moved_to_now() -> None:
    with replaying("--speed", "max", "--shift-to-now", "--close") as port, client(port) as one:
        now = time.time()
        heard = events_of(one.rest())
    first = time_of(heard[0])
    assert first == pytest.approx(now, abs=5)
    moved, told = heard[1000], FOR_ALL[1000]
    shift = round((time_of(moved) or 0) - (time_of(told) or 0))
    assert Shift(shift, SECOND)(told) == moved
    assert [len(new) for new in heard] == [len(old) for old in FOR_ALL]


def test_a_killed_switch_says_nothing_more() -> None:
    command = [sys.executable, "-m", "twinmart", "sim", "replay", str(SAMPLE), "--speed", "max", "--kill-after", "30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with client(int(process.stdout.readline().rpartition(":")[2])) as one:
            with pytest.raises(ConnectionResetError):
                one.rest()
            heard = events_of(one.received.split(b"\r\n\r\n")[:-1])
        process.wait(20)
    assert process.returncode == -9
    assert heard == FOR_ALL[: len(heard)]
    assert heard
    last = time_of(heard[-1])
    first = time_of(FOR_ALL[0])
    assert last is not None
    assert first is not None
    assert last <= first + 30.5


def test_a_client_that_takes_nothing_does_not_hold_up_the_others() -> None:
    with replaying("--speed", "max", "--clients", "2", "--close") as port, client(port), client(port) as one:
        assert events_of(one.rest()) == FOR_ALL


def test_it_stops_when_told_and_without_fuss() -> None:
    command = [sys.executable, "-m", "twinmart", "sim", "replay", str(SAMPLE), "--speed", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with client(int(process.stdout.readline().rpartition(":")[2])) as one:
            one.until(b"Newchannel")
            process.terminate()
            _, log = process.communicate(timeout=20)
    assert (process.returncode, log) == (0, "")


@pytest.mark.parametrize(
    ("options", "code"), [(("none.gz",), "TM122"), ((str(SAMPLE), "--speed", "fast"), "TM100"), ((__file__,), "TM122")]
)
def test_what_cannot_be_played_is_said_in_words(options: tuple[str, ...], code: str) -> None:
    command = [sys.executable, "-m", "twinmart", "sim", "replay", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert f"error {code}: " in done.stderr


def test_a_port_that_is_taken_is_said_in_words() -> None:
    with replaying() as port:
        command = [sys.executable, "-m", "twinmart", "sim", "replay", str(SAMPLE), "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, f"port {port} cannot be listened on" in done.stderr) == (2, True)


# --- the state of the switch and the moving of times ------------------------------------------------------------------


def told(switch: Switch, action: str) -> str:
    return switch.answer({"Action": action, "ActionID": "x"}).decode()


def test_members_and_callers_come_and_go() -> None:
    switch = Switch()
    member = {"Queue": "sales", "Interface": "PJSIP/1", "MemberName": "Dan", "Paused": "0"}
    caller = {"Queue": "sales", "Uniqueid": "pbx-1.1", "Channel": "PJSIP/t-1", "Position": "1"}
    switch.hear(message("QueueMemberAdded", SECOND, **member))
    switch.hear(message("QueueCallerJoin", SECOND + 1, **caller))
    switch.hear(message("QueueMemberPause", SECOND + 6, **member | {"Paused": "1"}))
    rows = told(switch, "QueueStatus")
    assert "Location: PJSIP/1\r\n" in rows
    assert "Paused: 1\r\n" in rows
    assert "Wait: 5\r\n" in rows
    assert "ListItems: 3\r\n" in rows
    switch.hear(message("QueueCallerLeave", SECOND + 7, **caller))
    switch.hear(message("QueueMemberRemoved", SECOND + 7, **member))
    assert "ListItems: 1\r\n" in told(switch, "QueueStatus")


def test_agents_of_the_pool_log_in_and_off() -> None:
    switch = Switch()
    switch.hear(message("Agents", None, Agent="301", Name="Vera", Status="AGENT_LOGGEDOFF", ActionID="y"))
    switch.hear(message("AgentLogin", SECOND, Agent="301", Channel="PJSIP/301-1"))
    assert "Name: Vera\r\nStatus: AGENT_IDLE\r\nChannel: PJSIP/301-1\r\nActionID: x" in told(switch, "Agents")
    switch.hear(message("AgentLogoff", SECOND, Agent="301", Channel="PJSIP/301-1"))
    assert "Status: AGENT_LOGGEDOFF\r\nActionID: x" in told(switch, "Agents")


def test_the_age_grows_with_the_clock() -> None:
    switch = Switch()
    switch.hear(b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 100")
    switch.hear(message("Hold", SECOND))
    switch.hear(message("Hold", SECOND + 50))
    assert b"Uptime: 150\r\n" in switch.fully_booted()


def test_broken_messages_are_no_state() -> None:
    switch = Switch()
    for noise in (b"Event: Hangup", b"Event: QueueMember\r\nQueue: x", b"\xff", b"", b"Event: "):
        switch.hear(noise)
    assert "ListItems: 0\r\n" in told(switch, "QueueStatus")


def test_all_times_are_moved_and_numbers_that_are_none_are_not() -> None:
    text = stream(
        message("Hangup", SECOND + 0.25, Uniqueid=f"pbx-{SECOND}.12", Linkedid=f"{SECOND}.1", Number=str(SECOND)),
        message("QueueMemberStatus", SECOND, LoginTime=str(SECOND), LastCall="0", LastPause=str(SECOND), Penalty="1"),
        message("CEL", SECOND, EventTime="2026-11-22 08:59:59", EventTV="2026-11-22T08:59:59.123+0000"),
        answer("x", CoreStartupDate="2026-11-22", CoreStartupTime="23:59:59", CoreReloadDate="2026-11-22")
        + b"\r\nCoreReloadTime: 00:00:00",
    )
    moved = Shift(86_401, SECOND)(text)
    later = str(SECOND + 86_401).encode()
    assert moved.count(later) == 7
    assert b"Number: %d" % SECOND in moved
    assert b"EventTime: 2026-11-23 09:00:00\r\n" in moved
    assert b"EventTV: 2026-11-23T09:00:00.123+0000" in moved
    assert b"CoreStartupDate: 2026-11-24\r\nCoreStartupTime: 00:00:00\r\n" in moved
    assert Shift(-86_401, SECOND)(moved) == text


@given(st.binary(max_size=300), st.integers(-(10**7), 10**7))
@settings(max_examples=200)
def test_moving_times_keeps_the_length_of_anything(data: bytes, seconds: int) -> None:
    assert len(Shift(seconds, SECOND)(data)) == len(data)


def test_the_opening_tells_who_the_switch_is() -> None:
    before, first_at = opening(SAMPLE)
    assert first_at == time_of(FOR_ALL[0])
    assert any(b"AsteriskVersion: 22" in one for one in before)


def test_a_whole_recording_is_played_fast(recordings: Path) -> None:
    with (
        replaying("--speed", "max", "--close", recording=recordings / "crash" / "ami.raw.gz") as port,
        client(port) as one,
    ):
        began = time.monotonic()
        assert len(one.rest()) > 20_000
        assert time.monotonic() - began < 10
