"""Asks the other sites, in a thread of its own, which epoch they know: a higher one means that we were replaced."""

from collections.abc import Mapping
from threading import Event as Signal
from threading import Thread

import psycopg

from twinmart.db.connect import session
from twinmart.errors import MartError

ASK_EVERY_S = 3.0


class Elsewhere:
    """The highest epoch that any other site has told of; a site that gives no answer tells nothing."""

    def __init__(self, site: int, dsns: Mapping[int, str], epoch_seen: int = 0, every_s: float = ASK_EVERY_S) -> None:
        self.epoch_seen = epoch_seen
        self._dsns = [dsn for number, dsn in dsns.items() if number != site]
        self._every_s = every_s
        self._stop = Signal()
        self._thread = Thread(target=self._ask, name="elsewhere", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        if self._dsns:
            self._thread.start()

    def stop(self) -> None:
        """End; a question on its way is not waited for."""
        self._stop.set()

    def _ask(self) -> None:
        while not self._stop.is_set():
            for dsn in self._dsns:
                try:
                    with session(dsn, application_name="twinmart mart", statement_timeout_s=5) as other:
                        row = other.execute("SELECT epoch FROM cfg.topology").fetchone()
                except (MartError, psycopg.Error):
                    continue
                self.epoch_seen = max(self.epoch_seen, row[0] if row else 0)
            self._stop.wait(self._every_s)
