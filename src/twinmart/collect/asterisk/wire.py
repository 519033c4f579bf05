"""Takes a stream of the manager interface apart into messages, whatever its fragmentation.

A message is what stands between two empty lines. Nothing is judged here but its length: what a message means, and
whether it is one at all, is for ``translate`` to say.
"""

END = b"\r\n\r\n"

# What a manager interface says first, in a line of its own, with its version.
BANNER = b"Asterisk Call Manager/"

# Asterisk's own messages have a few kilobytes at most. A longer one than this is a broken or hostile stream.
LONGEST_MESSAGE = 1 << 20
KEPT_OF_TOO_LONG = 1 << 16


class TooLong(bytes):
    """The beginning of a message that is longer than any message may be; the rest was thrown away."""


class Messages:
    r"""Cuts what a socket or a file delivers into messages; holds at most one unfinished message in memory.

    >>> messages = Messages()
    >>> messages.feed(b"Event: Ha"), messages.feed(b"ngup\r\nCause: 16\r\n\r\nEv")
    ([], [b'Event: Hangup\r\nCause: 16'])
    >>> messages.rest
    b'Ev'
    """

    __slots__ = ("_skipping", "rest")

    def __init__(self) -> None:
        self.rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that the data completes, without the empty lines around them."""
        whole = (self.rest + data).split(END)
        self.rest = whole.pop()
        if self._skipping and whole:
            del whole[0]
            self._skipping = False
        # A line end too many between two messages stands before the second.
        messages = [message if message[:1] != b"\r" else message.lstrip(b"\r\n") for message in whole]
        if max(map(len, whole), default=0) > LONGEST_MESSAGE:
            messages = [_cut(message) for message in messages]
        if len(self.rest) >= LONGEST_MESSAGE + len(END):
            if not self._skipping:
                messages.append(TooLong(self.rest.lstrip(b"\r\n")[:KEPT_OF_TOO_LONG]))
            self._skipping = True
            # Its end may lie across this piece and the next.
            self.rest = self.rest[1 - len(END) :]
        return [message for message in messages if message]


def _cut(message: bytes) -> bytes:
    return TooLong(message[:KEPT_OF_TOO_LONG]) if len(message) > LONGEST_MESSAGE else message
