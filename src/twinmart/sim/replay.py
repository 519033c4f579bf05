"""Plays a recording as a manager interface would say it, to any number of clients.

There is one clock for all, as with a real switch: it starts when the first client has logged in (or the n-th, when so
many are waited for), and who comes later has missed what was before. A client's own questions are answered from what
the switch knows at that moment, between two messages of the stream and never within one.
"""

import asyncio
import hashlib
import secrets
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import NamedTuple

from twinmart.collect.asterisk.wire import BANNER
from twinmart.sim.recording import Piece, Shift, opening, pieces, time_of
from twinmart.sim.switch import Fields, Switch, parse, reply

# A switch closes the connection of a client that takes nothing for so long (writetimeout in manager.conf).
WRITE_TIMEOUT_S = 5.0

LONGEST_ACTION = 1 << 16

# Clients are looked after at least once in so many pieces, however fast they are played.
YIELD_EVERY = 16

# So much may wait for a client before playing waits for it.
MOST_UNSENT = 1 << 20

# On closing, forget what was not sent and tell the other side so: the end that a killed switch makes.
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Script:
    """What to play and how."""

    recording: Path
    speed: float | None = 1.0
    shift_to_now: bool = False
    kill_after_s: float | None = None
    clients: int = 1
    close_at_end: bool = False
    username: str = "collector"
    secret: str = "collector"  # noqa: S105  the one of the recordings


@dataclass(eq=False, slots=True)
class Client:
    """A connection: whether it is logged in, and what it is to be told as soon as no message is half said."""

    writer: asyncio.StreamWriter
    challenge: str = ""
    logged_in: bool = False
    listens: bool = False
    joined: bool = False
    answers: bytearray = field(default_factory=bytearray)


class Pace(NamedTuple):
    """How the switch's clock runs: from what it showed at a moment of ours, so many seconds a second."""

    since: float
    clock: float
    speed: float

    def read(self) -> float:
        """Return what the clock shows now."""
        return self.clock + (time.monotonic() - self.since) * self.speed


class Replay:
    """An AMI server on loopback that plays a script; ``run`` ends when the script says so, or never."""

    def __init__(self, script: Script, port: int = 0) -> None:
        """Read how the recording begins.

        Raises:
            NoRecording: there is no such file, or nothing in it can be played.
        """
        self.port = port
        self._script = script
        self._switch = Switch()
        self._clients: set[Client] = set()
        self._enough = asyncio.Event()
        self._before, self._first_at = opening(script.recording)
        self._shift: Shift | None = None
        self._in_message = False
        self._pace: Pace | None = None
        # The clock never shows a time of which the switch has still something to say.
        self._bound_at = inf

    async def run(self, ready: Callable[[int], None] = print) -> bool:
        """Serve, tell ``ready`` the port, and play; return whether the script ended with the death of the switch."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=LONGEST_ACTION)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            ready(self.port)
            await self._enough.wait()
            is_alive = await self._play(self._shift_of_times())
            if is_alive and not self._script.close_at_end:
                await asyncio.Event().wait()
            for client in list(self._clients):
                if is_alive:
                    client.writer.write_eof()
                else:
                    self._part(client, abruptly=True)
            await self._wait_for_all_to_leave()
            return not is_alive

    async def _wait_for_all_to_leave(self) -> None:
        # A connection that is closed with questions unread is reset, and what was on its way is lost.
        until = time.monotonic() + WRITE_TIMEOUT_S
        while self._clients and time.monotonic() < until:
            await asyncio.sleep(0.01)

    async def _play(self, shift: Shift) -> bool:
        """Say what the recording holds, piece by piece; return False when the switch dies, before its end or behind."""
        began, first_at, speed = time.monotonic(), 0.0, self._script.speed

        async def wait_until(played_s: float) -> None:
            left_s = 0.0 if speed is None else began + played_s / speed - time.monotonic()
            if left_s > 0:
                await asyncio.sleep(left_s)

        for number, piece in enumerate(pieces(self._script.recording, shift)):
            first_at = first_at or piece.at
            self._pace = Pace(began, first_at + shift.seconds, speed or 0.0)
            self._bound_at = next(filter(None, map(time_of, piece.ended)), self._switch.now)
            if self._script.kill_after_s is not None and piece.at - first_at >= self._script.kill_after_s:
                break
            await wait_until(piece.at - first_at)
            for message in piece.ended:
                self._switch.hear(message)
            await self._tell(piece)
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        # Behind its end the recording has no pace of its own.
        self._pace, self._bound_at = Pace(time.monotonic(), self._switch.now, 1.0), inf
        if self._script.kill_after_s is not None:
            await wait_until(self._script.kill_after_s)
        return self._script.kill_after_s is None

    async def _tell(self, piece: Piece) -> None:
        """Send a piece to all who listen; a client joins where a message begins, and gets its own answers there."""
        data, first = bytes(piece.data), piece.first_message
        for client in self._clients:
            if not client.listens or not data:
                continue
            if client.joined:
                boundary = first if self._in_message else 0
                if boundary is not None and client.answers:
                    client.writer.write(data[:boundary] + client.answers + data[boundary:])
                    client.answers = bytearray()
                else:
                    client.writer.write(data)
            elif first is not None:
                client.joined = True
                client.writer.write(data[first:])
        self._in_message = not piece.ends_message
        for client in list(self._clients):
            if client.answers and not self._in_message:
                client.writer.write(client.answers)
                client.answers = bytearray()
            if client.writer.transport.get_write_buffer_size() > MOST_UNSENT:
                await self._wait_for(client)

    async def _wait_for(self, client: Client) -> None:
        try:
            await asyncio.wait_for(client.writer.drain(), WRITE_TIMEOUT_S)
        except (TimeoutError, ConnectionError):
            self._part(client, abruptly=True)

    def _say(self, client: Client, answer: bytes) -> None:
        """Send an answer, or keep it until the message that is being said has ended."""
        if client.joined and self._in_message:
            client.answers += answer
        else:
            client.writer.write(answer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(writer)
        self._clients.add(client)
        writer.transport.set_write_buffer_limits(high=MOST_UNSENT)
        writer.write(BANNER + b"11.0.0\r\n")
        try:
            while not writer.is_closing():
                action = parse((await reader.readuntil(b"\r\n\r\n")).strip())
                self._act(client, action)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError, ConnectionError):
            pass  # gone, not speaking the protocol, or the show is over
        finally:
            self._part(client)

    def _act(self, client: Client, action: Fields) -> None:
        name = action.get("Action", "").lower()
        if name == "challenge":
            client.challenge = str(secrets.randbelow(10**9))
            self._say(client, reply(action, Challenge=client.challenge))
        elif name == "login":
            self._log_in(client, action)
        elif name == "logoff":
            self._say(client, reply(action, "Goodbye", Message="Thanks for all the fish."))
            self._part(client)
        elif not client.logged_in:
            self._say(client, reply(action, "Error", Message="Permission denied"))
        elif name == "events":
            client.listens = action.get("EventMask", "off").lower() != "off"
            client.joined = client.joined and client.listens
            self._say(client, reply(action, Events="On" if client.listens else "Off"))
        else:
            if self._pace is not None:
                self._switch.now = max(self._switch.now, min(self._pace.read(), self._bound_at))
            self._say(client, self._switch.answer(action))

    def _log_in(self, client: Client, action: Fields) -> None:
        proof = hashlib.md5((client.challenge + self._script.secret).encode(), usedforsecurity=False).hexdigest()
        knows = action.get("Key") == proof if client.challenge else action.get("Secret") == self._script.secret
        if action.get("Username") != self._script.username or not knows:
            self._say(client, reply(action, "Error", Message="Authentication failed"))
            self._part(client)
            return
        self._shift_of_times()
        client.logged_in = True
        client.listens = action.get("Events", "on").lower() != "off"
        self._say(client, reply(action, Message="Authentication accepted"))
        if client.listens:
            self._say(client, self._switch.fully_booted())
        if sum(client.logged_in for client in self._clients) >= self._script.clients:
            self._enough.set()

    def _shift_of_times(self) -> Shift:
        """Return by how much all times are moved, which is settled at the first login."""
        if self._shift is None:
            seconds = int(time.time()) - int(self._first_at) if self._script.shift_to_now else 0
            self._shift = Shift(seconds, self._first_at)
            for message in self._before:
                self._switch.hear(self._shift(message))
            self._switch.now = self._first_at + seconds
        return self._shift

    def _part(self, client: Client, *, abruptly: bool = False) -> None:
        """Close a connection, or break it as the death of a process does."""
        self._clients.discard(client)
        if abruptly:
            connected = client.writer.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            client.writer.transport.abort()
        else:
            client.writer.close()
