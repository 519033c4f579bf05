"""Tells the system's service manager how we are, by systemd's protocol: lines sent to a socket of its."""

import socket
from contextlib import suppress


def notify(address: str | None, *lines: str) -> bool:
    """Send lines such as ``READY=1`` to the service manager; say whether there was one that could be told.

    Source of the protocol: the manual page sd_notify(3).
    """
    if not address:
        return False
    # A name that begins with @ is in the abstract namespace, which is written with a zero byte.
    path = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.sendto("\n".join(lines).encode(), path)
        return True
    return False
