"""Topology, fences and configuration objects of a site, changed on behalf of a recovery."""

from collections.abc import Iterator
from contextlib import contextmanager

from twinmart import errors
from twinmart.config.kinds import Object
from twinmart.config.sources import Twin, collectors, ensure_collector, ensure_source
from twinmart.config.store import Store
from twinmart.config.topology import raise_epoch
from twinmart.db.connect import Connection
from twinmart.recover.sites import Sites, has_recovery
from twinmart.replicate import fence
from twinmart.replicate.turn import hold_writes

# A transaction that began before the fence may take so long to end.
DRAIN_S = 20


class SiteConfiguration:
    """Acts on the configuration of a site; each may be repeated."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    def raise_epoch(self, at: int, *, expected: int, active: int, above: int) -> int:
        """Make a site active, above every epoch that this one has promised and that any site was known to have.

        Raises:
            TopologyChanged: the epoch is not the expected one.
        """
        with self._sites.change(at) as connection:
            return raise_epoch(connection, expected_epoch=expected, active_site=active, above=above)

    def promise(self, at: int, *, epoch: int, active: int) -> None:
        """Fence a site for another one, and never take its epoch."""
        with self._sites.change(at) as connection:
            connection.execute(
                "UPDATE ops.recovery_fence SET promised_epoch = greatest(promised_epoch, %s), fenced_for = %s,"
                " changed_at = now()",
                (epoch, active),
            )
        self.raise_fences(at, active)

    def forget_promise(self, at: int) -> None:
        """Let a site load again; the epoch stays spent."""
        self.lower_fences(at)
        with self._sites.session(at) as connection:
            fence.settle(connection)

    def lower_fences(self, at: int) -> None:
        """Let the mart take writes."""
        with self._sites.change(at) as connection:
            has_tables = has_recovery(connection)
            if has_tables:
                # First, and of no run: whoever comes later knows the mart for a copy, also if this run is given up.
                connection.execute(
                    "INSERT INTO ops.recovery_mark (run, mark) VALUES ('', 'candidate') ON CONFLICT DO NOTHING"
                )
        with self._sites.session(at) as connection:
            self._sites.check_hold()
            fence.lower(connection, parts=False)
        with self._sites.change(at) as connection:
            if has_tables:
                connection.execute("UPDATE ops.recovery_fence SET fenced_for = NULL, changed_at = now()")

    def raise_fences(self, at: int, of_site: int) -> None:
        """Let the mart take nothing but what crosses the link."""
        self._sites.begin_act()
        with self._sites.session(at) as connection:
            hold_writes(connection, of_site, drain_s=DRAIN_S)
        self._sites.point()

    def repoint(self, at: int, site: int) -> None:
        """Name a site's host and configuration in the one application object of the mart server."""
        with self._store(at) as store:
            store.put(
                "application",
                "mart",
                {"host": f"site{site}", "start_up_arguments": {"configuration_database": site}},
            )

    def swap_point(self, at: int, site: int) -> None:
        """Disable every access point to a mart but that of a site; in one transaction, so that there is always one."""
        with self._store(at) as store:
            for point in store.all("access_point"):
                if point.properties.get("role") == "INFO_MART" and point.name != f"mart@{site}":
                    store.disable("access_point", point.name)
            store.enable("access_point", f"mart@{site}")
            store.connect("application", "mart", "access_point", f"mart@{site}")

    def switch_collectors(self, at: int, site: int, *, on: bool) -> None:
        """Enable or disable the collectors of a site."""
        with self._store(at) as store:
            self._switch(store, "collector", site, on=on)

    def switch_points(self, at: int, site: int, *, on: bool) -> None:
        """Enable or disable the access points to the interaction databases of a site."""
        with self._store(at) as store:
            self._switch(store, "access_point", site, on=on)

    def adopt_collectors(self, at: int, site: int) -> str:
        """Give every source a collector at each of the two sites; say which.

        Objects that are disabled are used again, at their own site if it is one of the two. A source whose second
        collector stood at another site has it moved; one that only one of the sites hears is given one at the other.
        """
        with self._sites.change(at) as connection:
            store = self._store_in(connection)
            if store.find("site", str(site)) is None:
                raise errors.NotReady(
                    f"the configuration has no site {site}", hint=f"Make it with: twinmart init --sites {site}."
                )
            free = [one for one in store.all("collector") if _is_free(store, one, {at, site})]
            for one in free:
                place = {"site": at if one.properties.get("site") == at else site}
                store.put("collector", one.name, place, enabled=True)
                if store.find("access_point", one.name) is not None:
                    store.put("access_point", one.name, place, enabled=True)
            made = [name for place in (at, site) for name in _give(connection, store, place)]
        told = [f"enabled: {', '.join(one.name for one in free)}"] if free else []
        told += [f"made: {', '.join(made)}"] if made else []
        return "; ".join(told) or "none was disabled, and none was missing"

    def run_schedule(self, at: int, *, on: bool) -> None:
        """Set the option run-scheduler."""
        self._set(at, "run-scheduler", on=on)

    def run_aggregates(self, at: int, *, on: bool) -> None:
        """Set the option run-aggregates."""
        self._set(at, "run-aggregates", on=on)

    def put_reports(self, at: int, site: int) -> None:
        """Name a site's host in the application object of the reports."""
        with self._store(at) as store:
            store.put("application", "reports", {"type": "report_server", "host": f"site{site}"})

    def _set(self, at: int, option: str, *, on: bool) -> None:
        with self._store(at) as store:
            store.set_option("application", "mart", "schedule", option, str(on).lower())
        with self._sites.session(at) as connection:
            # The server there looks now and then; a run does not wait for that.
            connection.execute("NOTIFY twinmart_jobs")

    def _switch(self, store: Store, kind: str, site: int, *, on: bool) -> None:
        for one in store.all(kind):
            is_mart = one.properties.get("role") == "INFO_MART"
            if one.properties.get("site") == site and not is_mart:
                (store.enable if on else store.disable)(kind, one.name)

    @contextmanager
    def _store(self, at: int) -> Iterator[Store]:
        with self._sites.change(at) as connection:
            yield self._store_in(connection)

    def _store_in(self, connection: Connection) -> Store:
        return Store(connection, author="twinmart recover", reason=f"run {self._sites.run[:8]}")


def _give(connection: Connection, store: Store, site: int) -> list[str]:
    """Make a collector at a site for each source that has none there; return their names."""
    known, made = collectors(connection), []
    for name in [one.name for one in store.all("source") if one.enabled]:
        twins = {one.site: one.twin for one in known if one.source_name == name}
        if site in twins:
            continue
        # One may bear the name that the site's would have, since it was moved or the source was.
        free: dict[Twin, Twin] = {"a": "b", "b": "a"}
        twin = next((free[one] for one in twins.values()), None)
        source = ensure_source(connection, name, store=store)
        made.append(ensure_collector(connection, source, site=site, store=store, twin=twin).name)
    return made


def _is_free(store: Store, collector: Object, sites: set[int]) -> bool:
    """Whether a collector is not in use, or stands at a site that is none of these."""
    point = store.find("access_point", collector.name)
    in_use = collector.enabled and point is not None and point.enabled
    return not in_use or collector.properties.get("site") not in sites
