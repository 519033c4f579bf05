"""Connections to the interaction databases of all sites: our own site must answer, another one may be away.

A site that is away must not hold up the load of what is there. So it is waited for once, when it is needed first; after
that it is asked again by a thread of its own, more and more rarely, and left out meanwhile.
"""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread

from twinmart.collect.pauses import Pauses
from twinmart.db.connect import Connection, connect
from twinmart.errors import MartError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


class Idbs:
    """One connection for each site; ``missed`` says why the sites that are left out are."""

    def __init__(self, own: int, dsns: Mapping[int, str]) -> None:
        self.connections: dict[int, Connection] = {}
        self.missed: dict[int, MartError] = {}
        self._own = own
        self._dsns = dict(dsns)
        self._asked: dict[int, Future[Connection]] = {}
        self._pauses: dict[int, Pauses] = {}
        self._again_at: dict[int, float] = {}

    def get(self, site: int) -> Connection | None:
        """Return the connection to a site, or None while it is away or if there is no such site.

        Raises:
            MartError: our own site gives no answer.
        """
        known = self.connections.get(site)
        if known is not None and not known.closed:
            return known
        if site not in self._dsns:
            return None
        if site == self._own:
            self.connections[site] = _connect(self._dsns[site])
            return self.connections[site]
        return self._other(site)

    def lose(self, site: int, error: MartError) -> None:
        """Take a site's connection for broken; another site than ours is left out until it answers again."""
        connection = self.connections.pop(site, None)
        if connection is not None:
            connection.close()
        if site != self._own:
            self._miss(site, error)

    def close(self) -> None:
        """Close all connections; one that is being made is closed when it is made."""
        for connection in self.connections.values():
            connection.close()
        for asked in self._asked.values():
            asked.add_done_callback(_close)

    def _other(self, site: int) -> Connection | None:
        is_first = site not in self._pauses
        if is_first:
            self._pauses[site] = Pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        asked = self._asked.get(site)
        if asked is None:
            if time.monotonic() < self._again_at.get(site, 0.0):
                return None
            asked = self._asked[site] = _ask(self._dsns[site])
        if not is_first and not asked.done():
            return None
        del self._asked[site]
        try:
            self.connections[site] = asked.result()
        except MartError as error:
            self._miss(site, error)
            return None
        self.missed.pop(site, None)
        self._pauses[site].reset()
        return self.connections[site]

    def _miss(self, site: int, error: MartError) -> None:
        self.missed[site] = error
        self._again_at[site] = time.monotonic() + self._pauses[site].next()


def _connect(dsn: str) -> Connection:
    return connect(dsn, application_name="twinmart extract", autocommit=True)


def _ask(dsn: str) -> Future[Connection]:
    """Connect in a thread; the process does not wait for it when it ends."""
    asked: Future[Connection] = Future()

    def run() -> None:
        try:
            asked.set_result(_connect(dsn))
        except BaseException as error:  # noqa: BLE001  it is raised where the result is taken
            asked.set_exception(error)

    Thread(target=run, name="connect", daemon=True).start()
    return asked


def _close(asked: Future[Connection]) -> None:
    with suppress(Exception):
        asked.result().close()
