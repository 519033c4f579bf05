"""A connection to a manager interface: connects, logs in, asks, and delivers what comes.

It knows the lines of the protocol and nothing of what events mean.
"""

import hashlib
import socket
import ssl
import time
from typing import Self

from twinmart.collect.asterisk.wire import BANNER, END
from twinmart.collect.config import CollectorConfig
from twinmart.errors import MartError, SourceLoginRefused, SourceMisconfigured, SourceUnreachable, WrongSetting

RECEIVE_BYTES = 1 << 18

# Banner and answers to a login have some hundred bytes; who sends more without an end speaks another protocol.
LONGEST_GREETING = 1 << 14

# The classes of events that ours are made of. Others (RTP figures, tests, logins, log lines) need not come.
EVENT_CLASSES = "system,call,agent,user,dialplan"


class Link:
    """An open connection that is logged in."""

    def __init__(self, config: CollectorConfig, connected: socket.socket) -> None:
        """Use ``Link.connect``, which also logs in."""
        self._config = config
        self._socket = connected
        self._asked = 0
        self._early = b""
        self._unsent: OSError | None = None

    @classmethod
    def connect(cls, config: CollectorConfig) -> Self:
        """Connect and log in.

        Raises:
            SourceUnreachable: nobody answers, or the connection was closed.
            SourceLoginRefused: the user or the password is wrong.
            SourceMisconfigured: what answers is no manager interface, or its certificate is not trusted.
        """
        connected: socket.socket | None = None
        try:
            connected = socket.create_connection((config.host, config.port), config.patience.connect_s)
            if config.tls:
                connected = _with_tls(config, connected)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = cls(config, connected)
            link._log_in()
        except (OSError, MartError) as error:
            if connected is not None:
                connected.close()
            if isinstance(error, OSError):
                raise _unreachable(config, error) from error
            raise
        return link

    def ask(self, action: str, label: str = "", **fields: str) -> str:
        """Send an action and return its id, which begins with the label; the answer comes in the stream.

        A connection that takes nothing any more may still have much to deliver, so its end is told by ``receive``.
        """
        self._asked += 1
        action_id = f"{label or action}-{self._asked}"
        lines = {"Action": action, "ActionID": action_id, **fields}
        for key, value in lines.items():
            if "\r" in value or "\n" in value:
                raise WrongSetting(f'the {key} for source "{self._config.source}" must not hold a line end')
        text = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        try:
            self._socket.settimeout(self._config.patience.connect_s)
            self._socket.sendall(f"{text}\r\n".encode())
        except OSError as error:
            self._unsent = error
        return action_id

    def receive(self, timeout_s: float) -> bytes | None:
        """Return what came, or None when nothing did in time.

        Raises:
            SourceUnreachable: the connection was closed or broke.
        """
        if self._early:
            data, self._early = self._early, b""
            return data
        try:
            self._socket.settimeout(max(timeout_s, 0.001))
            data = self._socket.recv(RECEIVE_BYTES)
        except (TimeoutError, ssl.SSLWantReadError):
            if self._unsent is not None:
                raise _unreachable(self._config, self._unsent) from self._unsent
            return None
        except OSError as error:
            raise _unreachable(self._config, error) from error
        if not data:
            raise _unreachable(self._config, "it closed the connection")
        return data

    def close(self) -> None:
        """Close the connection, without ceremony: the server notices by itself."""
        self._socket.close()

    def _log_in(self) -> None:
        deadline = time.monotonic() + self._config.patience.connect_s
        banner = self._until(b"\r\n", deadline)
        if not banner.startswith(BANNER):
            raise SourceMisconfigured(
                f"what answers at {_where(self._config)} is no manager interface of Asterisk",
                detail=f"it greets with {banner[:80]!r}",
                hint="Look for port and tlsbindaddr in manager.conf; TLS has a port of its own, usually 5039.",
            )
        secret = {"Secret": self._config.secret}
        if self._config.login == "md5":
            self.ask("Challenge", AuthType="MD5")
            challenge = self._answer(deadline).get("Challenge", "")
            digest = hashlib.md5((challenge + self._config.secret).encode(), usedforsecurity=False).hexdigest()
            secret = {"AuthType": "MD5", "Key": digest}
        self.ask("Login", Username=self._config.username, **secret, Events=EVENT_CLASSES)
        answer = self._answer(deadline)
        if answer.get("Response") != "Success":
            raise SourceLoginRefused(
                f'source "{self._config.source}" refused the login of user "{self._config.username}"',
                detail=f"{_where(self._config)}: {answer.get('Message', 'no reason given')}",
                hint="Compare user and secret with manager.conf there; permit and deny may shut out this machine too.",
            )

    def _answer(self, deadline: float) -> dict[str, str]:
        # Nothing else comes before the login is done: the next message is the answer.
        text = self._until(END, deadline).decode(errors="replace")
        return {key: value for key, _, value in (line.partition(": ") for line in text.split("\r\n"))}

    def _until(self, end: bytes, deadline: float) -> bytes:
        """Return what comes before the end, and keep what comes behind it."""
        data = b""
        while end not in data:
            if len(data) > LONGEST_GREETING:
                raise _unreachable(self._config, f"no end in the first {len(data)} bytes of its greeting")
            if (left_s := deadline - time.monotonic()) <= 0:
                raise _unreachable(self._config, f"connected, but no answer in {self._config.patience.connect_s:g} s")
            data += self.receive(left_s) or b""
        found, _, self._early = data.partition(end)
        return found


def _with_tls(config: CollectorConfig, connected: socket.socket) -> socket.socket:
    try:
        context = ssl.create_default_context()
        return context.wrap_socket(connected, server_hostname=config.host)
    except ssl.SSLCertVerificationError as error:
        raise SourceMisconfigured(
            f'the certificate of source "{config.source}" is not trusted',
            detail=f"{_where(config)}: {error.verify_message}",
            hint="Trust its authority on this machine, or name a file with its certificate in SSL_CERT_FILE.",
        ) from error
    except ssl.SSLError as error:
        raise SourceMisconfigured(
            f'source "{config.source}" does not speak TLS there',
            detail=f"{_where(config)}: {error.reason}",
            hint="Look for tlsenable and tlsbindaddr in manager.conf there; TLS has a port of its own, usually 5039.",
        ) from error


def _where(config: CollectorConfig) -> str:
    return f"{config.host}:{config.port}"


def _unreachable(config: CollectorConfig, why: OSError | str) -> SourceUnreachable:
    told = why if isinstance(why, str) else (why.strerror or str(why) or type(why).__name__)
    return SourceUnreachable(
        f'source "{config.source}" gives no answer',
        detail=f"{_where(config)}: {told}",
        hint="Nothing is to be done if the server is being restarted: the collector tries again by itself.",
    )
