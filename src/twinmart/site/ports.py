"""A TCP port for a server, chosen once and kept."""

import random
import socket
from collections.abc import Collection

# Above the ports of well-known services, below those that systems hand out to clients, which come and go.
CHOICE = range(20_000, 30_000)


def free_port(taken: Collection[int] = ()) -> int:
    """Return a port of 127.0.0.1 that nobody listens on now, other than those already promised to somebody.

    It is chosen at random, so that two processes that choose at the same moment rarely choose the same.

    Raises:
        OSError: none of a hundred tries was free.
    """
    for port in random.sample(CHOICE, 100):
        if port not in taken and _is_free(port):
            return port
    raise OSError("no free port on 127.0.0.1")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
