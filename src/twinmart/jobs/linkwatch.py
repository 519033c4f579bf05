"""Looks at the link every few seconds, in a thread of its own: so that a beat crosses, a stop is seen and healed.

At a standby it also makes the views that came to be at the active site meanwhile.
"""

import time
from collections.abc import Mapping
from threading import Event as Signal
from threading import Thread

import psycopg
import structlog

from twinmart.config.userdata import make_views
from twinmart.db.connect import Connection
from twinmart.errors import MartError
from twinmart.replicate import records
from twinmart.replicate.ends import End, reach
from twinmart.replicate.fence import replica_of
from twinmart.replicate.heartbeat import beat
from twinmart.replicate.watch import Look, heal, look

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
SHAPE_EVERY_S = 60.0


class LinkWatch:
    """Watches the link that begins or ends at one site; both sites do, since either may be all that is left."""

    def __init__(self, site: int, ends: Mapping[int, End], every_s: float = LOOK_EVERY_S) -> None:
        self.state: str | None = None
        self._site = site
        self._ends = ends
        self._every_s = every_s
        self._shape_at = float("-inf")
        self._missed: str | None = None
        self._stop = Signal()
        self._thread = Thread(target=self._run, name="linkwatch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if self._site in self._ends:
            self._thread.start()

    def stop(self) -> None:
        """End; a look on its way is not waited for."""
        self._stop.set()

    def tick(self) -> Look | None:
        """Look once, and mend what may be mended without being asked; None where there is no link.

        Raises:
            MartError: this site gives no answer; of the other one that is a state.
        """
        own = self._ends[self._site]
        with reach(own, "replication watch", statement_timeout_s=15) as mart:
            followed = replica_of(mart)
            known = records.living(mart, "target" if followed is not None else "source")
            if followed is None and known is None and _is_active(mart, self._site):
                beat(mart, self._site)
            if followed is not None:
                # Views do not cross the link, and this mart is asked as soon as it takes over, if not before.
                mart.execute("SET default_transaction_read_only = off")
                make_views(mart)
        if known is None or known.peer_site not in self._ends:
            return None
        peer = self._ends[known.peer_site]
        source, target = (peer, own) if followed is not None else (own, peer)
        looks_at_shape = time.monotonic() - self._shape_at > SHAPE_EVERY_S
        found = look(source, target, looks_at_shape=looks_at_shape)
        if looks_at_shape:
            self._shape_at = time.monotonic()
        self._tell(found)
        if found.state.name in ("conflict", "interrupted") and heal(source, target):
            log.info("replication.healed", site=self._site, means="what had stopped it is gone, and it goes on")
        return found

    def _tell(self, found: Look) -> None:
        if found.state.name == self.state:
            return
        say = log.info if found.state.is_steady or found.state.name == "catching up" else log.warning
        told = {"state": found.state.name, "was": self.state, "cause": found.cause, "next": found.state.mend or None}
        say("replication.state", **told)
        self.state = found.state.name

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.tick()
                self._missed = None
            except (MartError, psycopg.Error) as error:
                # A mart that is behind, stops or starts says so elsewhere; here one line for each reason is enough.
                if (told := str(error)) != self._missed:
                    log.warning("replication.not_seen", site=self._site, why=told)
                self._missed = told
            self._stop.wait(self._every_s)


def _is_active(mart: Connection, site: int) -> bool:
    return mart.execute("SELECT active_site FROM cfg.topology").fetchone() == (site,)
