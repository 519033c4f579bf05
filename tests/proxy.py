"""A line between two servers that a test can cut, delay and let go deaf: a small TCP proxy on loopback."""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from random import Random
from typing import Self

# Of a connection of 300 ms there and back.
SENT_AGAIN_S = 0.6


@dataclass
class Proxy:
    """Passes bytes to and fro between whoever connects and one server, as long as the line is well.

    ``deaf`` names the directions in which bytes vanish without a word: "up" to the server, "down" from it. Both are a
    half-open line: nobody is told. ``delay_s`` is waited before each piece is passed on, and of ``lost_share`` of the
    pieces as long as TCP would wait before it sends a lost packet again.
    """

    port: int
    deaf: set[str] = field(default_factory=set)
    delay_s: float = 0.0
    lost_share: float = 0.0
    passed: dict[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    connections: int = 0
    _random: Random = field(default_factory=lambda: Random(5))
    _is_down: bool = False
    _lines: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _door: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closed alone, the door would let one more in: who waits at it is woken by a shutdown only.
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.cut(stay_down=True)

    @property
    def own_port(self) -> int:
        """Where to connect."""
        return int(self._door.getsockname()[1])

    def cut(self, *, stay_down: bool = False) -> None:
        """Reset every connection; with ``stay_down`` new ones are reset as well, until ``mend``."""
        with self._lock:
            self._is_down = stay_down
            lines, self._lines = self._lines, []
        for line in lines:
            # Linger of zero: the peer gets a reset and no orderly end.
            with contextlib.suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def mend(self) -> None:
        """Let everything pass again."""
        self._is_down, self.delay_s, self.lost_share = False, 0.0, 0.0
        self.deaf.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            with self._lock:  # a cut comes before this connection or after it
                if self._is_down:
                    near.close()
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self.port))
                except OSError:
                    near.close()
                    continue
                self.connections += 1
                self._lines += [near, far]
            threading.Thread(target=self._pass, args=(near, far, "up"), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, "down"), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, way: str) -> None:
        with contextlib.suppress(OSError):
            while block := one.recv(65536):
                if self.delay_s:
                    time.sleep(self.delay_s)
                if self.lost_share and self._random.random() < self.lost_share:
                    time.sleep(SENT_AGAIN_S)
                if way in self.deaf:
                    continue
                self.passed[way] += len(block)
                other.sendall(block)
        for line in (one, other):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
