"""Asks the other sites, in a thread of its own, which epoch they know: a higher one means that we were replaced.

What was heard is written down in the site's own mart, since whoever told it may be gone by the next question.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Event as Signal
from threading import Thread

import psycopg

from twinmart.config.topology import hear_of
from twinmart.db.connect import session
from twinmart.errors import MartError, SiteFenced

ASK_EVERY_S = 3.0

# A site that gives no answer by then may be lost, and the work begins; what it says later is heard all the same.
FIRST_ANSWER_S = 2.0


@dataclass(frozen=True, slots=True)
class Word:
    """What a site says: which site is active, in which epoch."""

    epoch: int = 0
    active_site: int | None = None
    said_by: int | None = None


class Peers:
    """The word of the highest epoch that any other site has told; a site that gives no answer tells nothing."""

    def __init__(self, site: int, dsns: Mapping[int, str], every_s: float = ASK_EVERY_S) -> None:
        self.word = Word()
        self._noted = 0
        self._site = site
        self._own = dsns.get(site)
        self._dsns = {number: dsn for number, dsn in dsns.items() if number != site}
        self._every_s = every_s
        self._stop = Signal()
        self._asked = Signal()
        self._thread = Thread(target=self._ask, name="peers", daemon=True)

    def start(self) -> None:
        """Begin to ask, and wait a moment for the first answers."""
        if self._dsns:
            self._thread.start()
            self._asked.wait(FIRST_ANSWER_S)

    def stop(self) -> None:
        """End; a question on its way is not waited for."""
        self._stop.set()

    def remember(self, epoch: int) -> None:
        """Take in an epoch that was heard of before."""
        if epoch > self.word.epoch:
            self.word = Word(epoch)

    def check(self, epoch: int) -> None:
        """Refuse to load in an epoch that is over. It costs nothing: nobody is asked now.

        Raises:
            SiteFenced: another site knows a higher epoch.
        """
        word = self.word
        if word.epoch <= epoch:
            return
        active = f"site {word.active_site}" if word.active_site is not None else "another site"
        heard = f"site {word.said_by} knows" if word.said_by is not None else "there is"
        raise SiteFenced(
            f"site {self._site} must not load: {active} is active",
            detail=f"{heard} epoch {word.epoch}, the mart of site {self._site} is of epoch {epoch}; nothing was loaded",
            hint="Let it come back as a copy of the active site: twinmart return. Look with: twinmart status.",
        )

    def _ask(self) -> None:
        while not self._stop.is_set():
            for number, dsn in self._dsns.items():
                try:
                    with session(dsn, application_name="twinmart peers", statement_timeout_s=5) as other:
                        row = other.execute("SELECT epoch, active_site FROM cfg.topology").fetchone()
                except (MartError, psycopg.Error):
                    continue
                if row is not None and row[0] >= self.word.epoch:
                    self.word = Word(row[0], row[1], number)
            self._note(self.word.epoch)
            self._asked.set()
            self._stop.wait(self._every_s)

    def _note(self, epoch: int) -> None:
        """Write down an epoch above the mart's own; what cannot be written is tried again with the next word."""
        if self._own is None or epoch <= self._noted:
            return
        with suppress(MartError, psycopg.Error), session(
            self._own, application_name="twinmart peers", autocommit=True, statement_timeout_s=5
        ) as mart:  # fmt: skip
            mart.execute("SET default_transaction_read_only = off")
            hear_of(mart, epoch)
            self._noted = epoch
