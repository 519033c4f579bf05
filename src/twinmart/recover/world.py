"""The real world of recoveries: the sites' PostgreSQL, looked at and acted upon."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from threading import Thread

from twinmart import errors
from twinmart.db.connect import Connection, mapped_errors
from twinmart.recover.configuration import SiteConfiguration
from twinmart.recover.facts import silent, site_facts
from twinmart.recover.links import SiteLinks
from twinmart.recover.marts import SiteMarts
from twinmart.recover.model import Facts, SiteFacts
from twinmart.recover.sites import Point, Sites, go_on
from twinmart.replicate.ends import End, reach

# A site is waited for so long before it is said to give no answer. One that gave none is waited for but a moment when
# it is asked again: a run asks dozens of times, and a lost site may keep its address and say nothing.
ANSWER_S = 3
MOMENT_S = 0.3


class SiteWorld(Sites):
    """The sites with all that is acted upon there. ``start`` starts a site's PostgreSQL, ``serve`` its mart server."""

    def __init__(
        self,
        ends: Mapping[int, End],
        *,
        point: Point = go_on,
        lost: Iterable[int] = (),
        start: Callable[[int], None] | None = None,
        serve: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(ends, point=point, lost=lost)
        self.links = SiteLinks(self)
        self.configuration = SiteConfiguration(self)
        self.marts = SiteMarts(self, self.configuration, start=start, serve=serve)
        self._eyes: dict[str, Connection] = {}
        self._open = ExitStack()
        self._mute: set[int] = set()

    def release(self) -> None:
        """Let the lock go, and close what was looked with."""
        self._open.close()
        self._eyes = {}
        super().release()

    def facts(self, sites: Iterable[int]) -> Facts:
        """Ask the sites, all at once."""
        asked = {site: self._ask(site) for site in sorted(set(sites))}
        return Facts(datetime.now(UTC), {site: self._heard(site, answer) for site, answer in asked.items()})

    def _ask(self, site: int) -> Future[SiteFacts]:
        """Ask a site in a thread of its own, which nobody waits for when the process ends."""
        answer: Future[SiteFacts] = Future()

        def run() -> None:
            try:
                answer.set_result(self._facts(site))
            except BaseException as error:  # noqa: BLE001  it is raised where the answer is taken
                answer.set_exception(error)

        Thread(target=run, name=f"facts of site {site}", daemon=True).start()
        return answer

    def _heard(self, site: int, answer: Future[SiteFacts]) -> SiteFacts:
        began = time.monotonic()
        is_mute = site in self._mute
        try:
            found = answer.result(MOMENT_S if is_mute else ANSWER_S if self._is_watched(site) else None)
        except FutureTimeout:
            if is_mute:
                return SiteFacts(site, answers=False, why_not="it gives no answer still")
            # It may be the line of the connection that is kept which is dead.
            self._eyes.pop(self.ends[site].reach, None)
            found = self._ask(site).result()
        if found.answers:
            self._mute.discard(site)
        elif time.monotonic() - began > 1:
            self._mute.add(site)
        return found

    def _is_watched(self, site: int) -> bool:
        return site in self.ends and self.ends[site].reach in self._eyes

    def _facts(self, site: int) -> SiteFacts:
        end = self.ends.get(site)
        if end is None:
            return SiteFacts(site, answers=False, why_not="it is not in the folder of sites")
        kept = self._eyes.get(end.reach)
        if kept is not None:
            # It may have ended with a server that was started anew since; then a new one is opened.
            with suppress(errors.MartError), mapped_errors(end.place):
                return site_facts(kept, site, self.run)
            if self._eyes.get(end.reach) is kept:
                del self._eyes[end.reach]
        try:
            with self._look(end) as connection:
                return site_facts(connection, site, self.run)
        except (errors.SiteUnreachable, errors.LoginRefused, errors.TookTooLong) as error:
            return silent(site, error)

    @contextmanager
    def _look(self, end: End) -> Iterator[Connection]:
        """Give a new connection to look with; it is kept as long as the lock is, since a run looks dozens of times."""
        with ExitStack() as passing:
            stack = passing if self._lock is None else self._open
            connection = stack.enter_context(reach(end, "recover", statement_timeout_s=30, connect_timeout_s=ANSWER_S))
            with mapped_errors(end.place):
                yield connection
            if stack is self._open:
                self._eyes[end.reach] = connection
