"""A connection for one question, which ends within its time whatever the line does.

A line that swallows everything keeps TCP content: no probe of the system notices. So a timer of ours shuts it down.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer

import psycopg
from psycopg import conninfo

from twinmart.db.connect import Connection, mapped_error, place
from twinmart.errors import NoConnection


@contextmanager
def question(dsn: str, timeout_s: float) -> Iterator[Connection]:
    """Give a connection in autocommit for a block that takes no longer than ``timeout_s`` from now.

    Raises:
        SiteUnreachable: there is no answer within the time.
    """
    wanted = conninfo.make_conninfo(
        dsn,
        application_name="twinmart witness",
        connect_timeout=max(1, round(timeout_s)),
        options=f"-c timezone=UTC -c statement_timeout={timeout_s * 1000:.0f}",
    )
    try:
        with psycopg.connect(wanted, autocommit=True) as connection:
            timer = Timer(timeout_s, _shut, [connection.fileno()])
            timer.daemon = True
            timer.start()
            try:
                yield connection
            finally:
                timer.cancel()
    except psycopg.Error as error:
        mapped = mapped_error(error, place(dsn))
        if mapped is None and isinstance(error, psycopg.OperationalError):
            mapped = NoConnection(f"no connection to {place(dsn)}", detail=str(error).strip())
        if mapped is None:
            raise
        raise mapped from error


def _shut(number: int) -> None:
    with suppress(OSError), socket.socket(fileno=socket.dup(number)) as line:
        line.shutdown(socket.SHUT_RDWR)
