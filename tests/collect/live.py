"""Live collectors for tests, and switches for them: recorded ones, and one that does as it is told."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from psycopg import sql

from tests.collect.messages import SECOND
from tests.support import Mart
from twinmart.collect.collector import Collector
from twinmart.collect.config import CollectorConfig, Patience
from twinmart.db.connect import Connection

SAMPLE = Path(__file__).parents[1] / "samples" / "small.raw.gz"

IMPATIENT = Patience(
    connect_s=5,
    ping_every_s=0.2,
    silent_after_s=0.6,
    state_every_s=5,
    heard_every_s=0.1,
    gather_s=0.01,
    retry_first_s=0.05,
    retry_longest_s=0.2,
    refused_retry_s=0.3,
    flush_s=20,
)

# What an undisturbed session says of the state depends on when it asked.
ASKED = {
    *("member_seen", "member_snapshot", "queue_seen", "queue_caller_seen", "agent_seen"),
    *("channel_seen", "channel_snapshot", "switch_boot"),
}


def eventually(holds: Callable[[], object], within_s: float = 20) -> None:
    """Wait until something holds; it is looked at often, and the test fails when it never does."""
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, f"not so within {within_s} s"
        time.sleep(0.01)


def config(mart: Mart, folder: Path, port: int, name: str = "pbx_a", *, source: str = "pbx") -> CollectorConfig:
    """A collector of a switch on this machine that writes to the mart and is not patient."""
    return CollectorConfig(
        name=name,
        source=source,
        host="127.0.0.1",
        port=port,
        username="collector",
        secret="collector",
        idb_dsn=mart.dsn,
        idb_schema=f"idb_{name}",
        spool_folder=folder / "spool" / name,
        status_file=folder / "collectors" / f"{name}.json",
        patience=IMPATIENT,
    )


@contextmanager
def running(*configs: CollectorConfig) -> Iterator[list[Collector]]:
    """Run collectors in threads for a block; they are stopped in good order at its end."""
    collectors = [Collector(one) for one in configs]
    threads = [threading.Thread(target=one.run) for one in collectors]
    for thread in threads:
        thread.start()
    try:
        yield collectors
    finally:
        for one in collectors:
            one.stop()
        for thread in threads:
            thread.join()


_PROCESS = """
import json, sys
from pathlib import Path
from twinmart.cli.collect import run_until_told
from twinmart.collect.collector import Collector
from twinmart.collect.config import CollectorConfig, Patience
told = json.loads(sys.argv[1])
told["patience"] = Patience(**told["patience"])
told["spool_folder"], told["status_file"] = Path(told["spool_folder"]), Path(told["status_file"])
run_until_told(Collector(CollectorConfig(**told)))
"""


def spawned(told: CollectorConfig) -> subprocess.Popen[bytes]:
    """Run a collector in a process of its own, to be killed."""
    fields = json.dumps(asdict(told), default=str)
    return subprocess.Popen([sys.executable, "-c", _PROCESS, fields], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@contextmanager
def replaying(*options: str, recording: Path = SAMPLE, port: int = 0) -> Iterator[int]:
    """Play a recording in a process of its own for a block, and give its port."""
    command = [sys.executable, "-m", "twinmart", "sim", "replay", str(recording), "--port", str(port), *options]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told.startswith("listening on 127.0.0.1:"), told
        try:
            yield int(told.rpartition(":")[2])
        finally:
            process.terminate()


def timed(connection: Connection, schema: str) -> set[str]:
    """The identities of the events that every listener of a switch is told."""
    found = rows(connection, schema, "event", "event_id kind")
    return {str(identity) for identity, kind in found if kind not in ASKED}


def rows(connection: Connection, schema: str, table: str, columns: str = "*") -> list[tuple[object, ...]]:
    """Rows of an interaction database, in the order of their first column; none while there is no such table."""
    if connection.execute("SELECT to_regclass(%s)", (f"{schema}.{table}",)).fetchone() == (None,):
        return []
    chosen = sql.SQL(", ").join(sql.Identifier(one) for one in columns.split()) if columns != "*" else sql.SQL("*")
    statement = sql.SQL("SELECT {} FROM {} ORDER BY 1").format(chosen, sql.Identifier(schema, table))
    return list(connection.execute(statement).fetchall())


class Obedient:
    """A switch that answers as it was told and says what it is told to; every client is told the same."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.secret = "collector"
        self.answers: dict[str, str] = {
            "CoreSettings": "AsteriskVersion: 22.1.0\r\nSystemName: pbx\r\n",
            "CoreStatus": "CoreStartupDate: 2026-11-22\r\nCoreStartupTime: 08:37:20\r\n",
        }
        self.errors: dict[str, str] = {}
        self.mute = False
        self.clock = SECOND + 0.5
        self.logins = 0
        self.asked: list[str] = []
        self._tls = tls
        self._clients: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def say(self, *messages: bytes) -> None:
        """Tell all clients."""
        for client in list(self._clients):
            client.sendall(b"".join(message + b"\r\n\r\n" for message in messages))

    def hang_up(self) -> None:
        """Close all connections; new ones are taken."""
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()
        self._clients.clear()

    def close(self) -> None:
        """Be gone."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                if self._tls is not None:
                    client = self._tls.wrap_socket(client, server_side=True)
            except ssl.SSLError:
                client.close()
                continue
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        data = b""
        with client, suppress(OSError):
            client.sendall(b"Asterisk Call Manager/11.0.0\r\n")
            while more := client.recv(4096):
                *actions, data = (data + more).split(b"\r\n\r\n")
                for action in actions:
                    lines = (line.partition(": ") for line in action.decode().split("\r\n"))
                    self._act(client, {key: value for key, _, value in lines})
        if client in self._clients:
            self._clients.remove(client)

    def _act(self, client: socket.socket, action: dict[str, str]) -> None:
        name = action["Action"]
        self.asked.append(name)
        head = f"Response: Success\r\nActionID: {action['ActionID']}\r\n"
        if name == "Login":
            right = self.secret in (action.get("Secret"), "collector" if action.get("Key") else None)
            if not right:
                client.sendall(head.replace("Success", "Error").encode() + b"Message: Authentication failed\r\n\r\n")
                client.close()
                return
            self.logins += 1
            booted = "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 60\r\n\r\n"
            client.sendall(f"{head}\r\n{booted}".encode())
            self._clients.append(client)
        elif name == "Challenge":
            client.sendall(head.encode() + b"Challenge: 12345\r\n\r\n")
        elif self.mute:
            return
        elif name in self.errors:
            client.sendall(f"{head.replace('Success', 'Error')}Message: {self.errors[name]}\r\n\r\n".encode())
        elif name == "Ping":
            client.sendall(f"{head}Ping: Pong\r\nTimestamp: {self.clock:.6f}\r\n\r\n".encode())
        else:
            client.sendall((head + self.answers.get(name, "") + "\r\n").encode())


@contextmanager
def obedient(*, tls: ssl.SSLContext | None = None) -> Iterator[Obedient]:
    """An obedient switch for a block."""
    switch = Obedient(tls=tls)
    try:
        yield switch
    finally:
        switch.close()


def impatient(told: CollectorConfig, **changes: float) -> CollectorConfig:
    """The same collector with other patience."""
    return replace(told, patience=replace(told.patience, **changes))
