"""The marts of the sites and the servers that work on them, on behalf of a recovery."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from twinmart import errors
from twinmart.aggregate.requests import request
from twinmart.config.sources import collectors
from twinmart.db.connect import session
from twinmart.etl.loop import catch_up
from twinmart.recover import loss
from twinmart.recover.configuration import SiteConfiguration
from twinmart.recover.facts import server_state, site_facts
from twinmart.recover.model import SERVING
from twinmart.recover.sites import Sites
from twinmart.replicate import fence
from twinmart.site.mart import READER, allow_upkeep, make_partitions_ahead, prepare_mart

WAIT_S = 25.0
LOOK_S = 0.05

# Wide enough for whatever an aggregation at the lost site had begun and not finished.
MARGIN = timedelta(minutes=15)


class SiteMarts:
    """Acts on marts and their servers; each may be repeated."""

    def __init__(
        self, sites: Sites, configuration: SiteConfiguration, *,
        start: Callable[[int], None] | None, serve: Callable[[int], None] | None,
    ) -> None:  # fmt: skip
        self._sites = sites
        self._configuration = configuration
        self._start = start
        self._serve = serve

    def start_server(self, at: int) -> str:
        """See that the mart server of a site works, be it one that runs already as a standby.

        Raises:
            StepFailed: it does not within the time.
        """
        self._sites.begin_act()
        if self._state(at) == "none":
            if self._serve is None:
                raise errors.StepFailed(
                    f"no mart server runs at site {at}", hint=f"Start it there: twinmart mart run --site {at}."
                )
            self._serve(at)
        state = self._wait(at, SERVING)
        self._sites.point()
        return state

    def stop_server(self, at: int) -> None:
        """Wait until the mart server of a site, whose schedule is held, has ended its load."""
        self._sites.begin_act()
        self._wait(at, ("none", "paused", "standby", "fenced", "migration"))

    def prepare(self, at: int) -> None:
        """See that the PostgreSQL of a site runs and holds a mart of this program's version."""
        self._sites.begin_act()
        if self._start is not None:
            self._start(at)
        prepare_mart(self._sites.ends[at].dsn)

    def migrate(self, at: int) -> None:
        """Bring the mart to this program's version."""
        self._sites.begin_act()
        prepare_mart(self._sites.ends[at].dsn)
        self._sites.point()

    def make_partitions(self, at: int) -> None:
        """Make partitions ahead."""
        self._sites.begin_act()
        with session(self._sites.ends[at].dsn, application_name="twinmart recover", autocommit=True) as connection:
            allow_upkeep(connection)
            make_partitions_ahead(connection, datetime.now(UTC))
        self._sites.point()

    def check(self, at: int) -> str:
        """Read back what a recovery wrote, as a loader and as a reader would.

        Raises:
            StepFailed: something is not as it should be.
        """
        self._sites.begin_act()
        with session(self._sites.ends[at].dsn, application_name="twinmart recover", autocommit=True) as mart:
            facts = site_facts(mart, at, self._sites.run)
            sources = sorted({one.name for one in collectors(mart) if one.extracted})
        wrong = [
            text
            for is_wrong, text in (
                (facts.active_site != at, f"site {facts.active_site} is active"),
                (facts.replica_of is not None, f"the mart is a replica of site {facts.replica_of}"),
                (facts.mart_site != at, f'application "mart" is at site {facts.mart_site}'),
                (facts.mart_point != at, f'the mart in use is "mart@{facts.mart_point}"'),
                (facts.server not in SERVING, f"the mart server is {facts.server}"),
            )
            if is_wrong
        ]
        if wrong:
            raise errors.StepFailed(f"site {at} is not set up as the active site", detail="\n".join(wrong))
        self._sites.mark("checked")
        return f"the server is {facts.server}; extracted: {', '.join(sources) or 'nothing'}"

    def load(self, at: int) -> str:
        """Load until nothing is left; a loader that is at work already is waited for."""
        self._sites.begin_act()
        sites = self._sites
        dsns = {site: dsn for site, dsn in sites.dsns.items() if site == at or site not in sites.lost}
        deadline = time.monotonic() + 3600
        while True:
            try:
                cycle = catch_up(at, dsns)
                break
            except errors.LockHeld:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_S)
        sites.mark("loaded")
        return f"{cycle.events:,} events, {cycle.interactions:,} interactions, {cycle.rows_changed:,} rows of facts"

    def open_manifest(self, at: int, lost: int) -> str:
        """Note how far each source was delivered by the lost site's collectors."""
        with self._sites.change(at) as connection:
            count = loss.open_manifest(connection, self._sites.run, lost)
        self._sites.mark("manifest opened")
        return f"{count} source{'' if count == 1 else 's'}"

    def write_manifest(self, at: int, lost: int) -> str:
        """Note for each source and span what became of it."""
        with self._sites.change(at) as connection:
            told = loss.write_manifest(connection, self._sites.run, at)
        self._sites.mark("manifest")
        del lost
        return told

    def request_aggregates(self, at: int, hours: int | None) -> str:
        """Ask for what the lost site may have left half done, or for so many hours before the failure."""
        with self._sites.change(at) as connection:
            now = datetime.now(UTC)
            since = loss.delivered_since(connection, self._sites.run) or now
            from_at = since - (MARGIN if hours is None else timedelta(hours=hours))
            count = request(connection, from_at=from_at, to_at=now)
        self._sites.mark("aggregates")
        return f"{count:,} requests since {from_at:%d %b %H:%M} UTC"

    def open_reports(self, at: int) -> str:
        """Let reports be answered here, after a look with the eyes of their role."""
        with self._sites.session(at) as connection:
            may = connection.execute(
                "SELECT has_table_privilege(%s, 'mart.interaction_fact', 'SELECT')", (READER,)
            ).fetchone()
        if may != (True,):
            raise errors.StepFailed(f'role "{READER}" may not read the mart of site {at}')
        self._configuration.put_reports(at, at)
        with self._sites.session(at) as connection:
            fence.settle(connection)
        self._sites.mark("reports")
        return "the reader's role can read"

    def _state(self, at: int) -> str:
        with self._sites.session(at) as connection:
            return server_state(connection)

    def _wait(self, at: int, states: tuple[str, ...]) -> str:
        deadline = time.monotonic() + WAIT_S
        while (state := self._state(at)) not in states:
            if time.monotonic() > deadline:
                raise errors.TookTooLong(
                    f"the mart server of site {at} is {state} after {WAIT_S:.0f} s",
                    hint=f"Look with: twinmart mart status --site {at}.",
                )
            time.sleep(LOOK_S)
        return state
