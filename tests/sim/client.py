"""A small client of a manager interface, for tests."""

import socket
import time


class Client:
    """Connected and, unless told otherwise, logged in; it keeps every byte that it was sent after its login."""

    def __init__(self, port: int, *, log_in: bool = True, events: str = "on") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.received = b""
        assert self.socket.recv(100).startswith(b"Asterisk Call Manager/")
        if log_in:
            assert b"Authentication accepted" in self.ask(
                "Login", Username="collector", Secret="collector", Events=events
            )

    def send(self, action: str, **fields: str) -> None:
        """Send an action; its id is its name."""
        lines = {"Action": action, "ActionID": action, **fields}
        self.socket.sendall("".join(f"{key}: {value}\r\n" for key, value in lines.items()).encode() + b"\r\n")

    def ask(self, action: str, **fields: str) -> bytes:
        """Send an action and return the first message that answers it."""
        self.send(action, **fields)
        return self.until(b"ActionID: " + action.encode() + b"\r\n")[-1]

    def until(self, mark: bytes) -> list[bytes]:
        """Read until a whole message holds the mark, and return all messages read, without those before."""
        until = time.monotonic() + 20
        seen = 0
        while True:
            *messages, _ = self.received.split(b"\r\n\r\n")
            for number, message in enumerate(messages):
                if mark in message + b"\r\n" and number >= seen:
                    self.received = b"\r\n\r\n".join(self.received.split(b"\r\n\r\n")[number + 1 :])
                    return messages[: number + 1]
            assert time.monotonic() < until, f"{mark!r} did not come"
            self._more()

    def rest(self) -> list[bytes]:
        """Read until the server closes, and return all messages read."""
        while self._more():
            pass
        return self.received.split(b"\r\n\r\n")

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> bytes:
        data = self.socket.recv(1 << 16)
        self.received += data
        return data
