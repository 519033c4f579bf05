"""A live collector under pressure: from the socket through the durable spool to the database, in one process.

The switch is a byte pump, so that what is measured is the collector and not the one who plays to it.
"""

import multiprocessing
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from bench.place import connection, home, recording
from bench.report import Figure, show
from twinmart.db.connect import Connection
from twinmart.sim.recording import Shift, pieces

RUNS = 3
GOAL = 20_000.0
MOST_MEMORY_MB = 150.0

# Runs one collector until it is told to stop, then tells the most memory it ever had, in KiB.
_COLLECTOR = """
import resource, sys
from pathlib import Path
from twinmart.cli.collect import run_until_told
from twinmart.collect.collector import Collector
from twinmart.collect.config import CollectorConfig
port, dsn, schema, folder = sys.argv[1:]
run_until_told(Collector(CollectorConfig(
    name=schema, source="bench", host="127.0.0.1", port=int(port), username="bench", secret="bench", login="plain",
    idb_dsn=dsn, idb_schema=schema, spool_folder=Path(folder) / schema, status_file=Path(folder) / (schema + ".json"))))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    """Measure and print."""
    speed = Figure("socket to committed row", "AMI messages/s", limits=[GOAL], limit_name="goal")
    memory = Figure("most memory of the process", "MiB", limits=[MOST_MEMORY_MB], limit_name="limit")
    messages, events = 0, 0
    with home() as place, connection(place) as mart:
        for run in range(RUNS):
            schema = f"idb_live{run}"
            with _pump() as (port, pump):
                process = subprocess.Popen(
                    [sys.executable, "-c", _COLLECTOR, str(port), place.site(1).dsn(), schema, str(place.path)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
                began, messages, last_id = pump.recv()
                events = _wait_for(mart, schema, last_id)
                speed.values.append(messages / (time.monotonic() - began))
                process.terminate()
                told, _ = process.communicate(timeout=60)
                memory.values.append(int(told.splitlines()[-1]) / 1024)
    show(f"{messages:,} messages as fast as they are taken, {events:,} events of ours", [speed, memory])


def _wait_for(mart: Connection, schema: str, last_id: str) -> int:
    """Wait until the last channel that hung up is in the table, and return how many rows there are."""
    while mart.execute("SELECT to_regclass(%s)", (f"{schema}.event",)).fetchone() == (None,):
        time.sleep(0.01)
    mart.execute("SELECT set_config('search_path', %s, false)", (schema,))
    while (
        mart.execute("SELECT 1 FROM event WHERE kind = 'channel_end' AND channel_id = %s", (last_id,)).fetchone()
        is None
    ):
        time.sleep(0.01)
    found = mart.execute("SELECT count(*) FROM event").fetchone()
    return int(found[0]) if found else 0


@contextmanager
def _pump() -> Iterator[tuple[int, Pipe]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs, recording()), daemon=True)
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        process.kill()
        process.join()


def _serve(pipe: Pipe, path: Path) -> None:
    """Take one client, let it in, and send it the whole recording as fast as it takes it."""
    data = b"".join(bytes(piece.data) for piece in pieces(path, Shift(0, 0)))
    hangups = [one for one in data.split(b"\r\n\r\n") if one.startswith(b"Event: Hangup")]
    last_id = hangups[-1].partition(b"\r\nUniqueid: ")[2].partition(b"\r\n")[0].decode()
    messages = data.count(b"\r\n\r\n")
    first_at = data.partition(b"Timestamp: ")[2].partition(b"\r\n")[0]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pipe.send(listener.getsockname()[1])
        client, _ = listener.accept()
        client.sendall(b"Asterisk Call Manager/11.0.0\r\n")
        asked = b""
        while b"Action: Agents" not in asked:
            asked += client.recv(4096)
            if b"Action: Login" in asked and b"Action: Ping" not in asked:
                client.sendall(b"Response: Success\r\n\r\n")
        client.sendall(b"Response: Success\r\nPing: Pong\r\nTimestamp: " + first_at + b"\r\n\r\n")
        pipe.send((time.monotonic(), messages, last_id))
        client.sendall(data)
        while client.recv(4096):
            pass
