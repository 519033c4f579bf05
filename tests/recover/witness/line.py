"""A line between two places that can be cut: a TCP proxy that refuses, or one that swallows everything."""

import selectors
import socket
from contextlib import suppress
from threading import Event, Thread
from typing import Self


class Line:
    """Forwards a port of its own to another; ``cut`` closes what is open and refuses what comes."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._state = "open"
        self._end = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._close_all()
        self._listener.close()

    def cut(self) -> None:
        self._state = "cut"

    def swallow(self) -> None:
        """Take everything and pass nothing on: the line looks alive to TCP."""
        self._state = "swallow"

    def heal(self) -> None:
        self._state = "open"

    def _close_all(self) -> None:
        for pair in self._pairs:
            for one in pair:
                with suppress(OSError):
                    one.close()
        self._pairs.clear()

    def _run(self) -> None:
        self._listener.settimeout(0.01)
        while not self._end.is_set():
            if self._state == "cut":
                self._close_all()
            with suppress(OSError):
                near, _ = self._listener.accept()
                if self._state == "cut":
                    near.close()
                else:
                    try:
                        far = socket.create_connection(("127.0.0.1", self._to), timeout=1)
                    except OSError:
                        near.close()
                        raise
                    self._pairs.append((near, far))
                    continue
            if self._state != "swallow":
                self._forward()

    def _forward(self) -> None:
        with selectors.DefaultSelector() as selector:
            for pair in self._pairs:
                for one, other in (pair, pair[::-1]):
                    with suppress(ValueError, KeyError):
                        selector.register(one, selectors.EVENT_READ, (other, pair))
            for key, _ in selector.select(0.01):
                other, pair = key.data
                try:
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not data:
                        raise OSError
                    other.sendall(data)
                except OSError:
                    if pair in self._pairs:
                        self._pairs.remove(pair)
                    for one in pair:
                        one.close()
