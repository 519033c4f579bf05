"""A disaster on real servers: site 1 loaded half of a story and is lost; site 2 has its copy and the twin's events."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event as Signal
from threading import Thread
from typing import Any

import pytest

from tests.etl.story import SESSION, Switch
from tests.paths.fingerprint import Fingerprint
from tests.support import Mart, MartServer
from twinmart import errors
from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.config.options import effective
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.db.connect import Connection
from twinmart.etl.cycle import run_once
from twinmart.etl.loop import catch_up
from twinmart.jobs.server import MartServer as JobServer
from twinmart.model.events import Event
from twinmart.recover.journal import Journal, Run
from twinmart.recover.model import Wish
from twinmart.recover.procedure import Event as StepEvent
from twinmart.recover.run import Executor, plan_now
from twinmart.recover.world import SiteWorld
from twinmart.replicate import link
from twinmart.replicate.ends import End, embedded_end, reach
from twinmart.replicate.heartbeat import beat, wait_for

Hearing = Callable[[Connection, list[Event]], None]

FAILOVER = Wish("failover", 2, 1)
SUBSCRIPTIONS = """
    SELECT count(*) FROM pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
LOOK = """
    SELECT
        (SELECT count(*) FROM ctl.audit_log WHERE site = 2),
        (SELECT count(*) FROM ctl.job_run WHERE job = 'aggregate' AND site = 2),
        to_regclass('mart.interaction_fact_p' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')) IS NOT NULL
"""
NOWHERE = "host=127.0.0.1 port=1 dbname=twinmart user=twinmart connect_timeout=1"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a test saw of the survivor between two steps."""

    runs_schedule: bool
    runs_aggregates: bool
    loads: int
    aggregations: int
    has_today: bool


@dataclass
class Disaster:
    """Two sites, of which the first can be lost: nobody is answered there any more."""

    first: Mart
    second: Mart
    ends: dict[int, End]
    switch: Switch | None = None
    journal: Journal = field(default_factory=lambda: Journal(None))
    servers: list[tuple[Thread, Signal]] = field(default_factory=list)
    events: list[StepEvent] = field(default_factory=list)
    refused: str = ""
    seen: dict[str, Seen] = field(default_factory=dict)

    @property
    def mart(self) -> Connection:
        return self.second.connect(autocommit=True)

    def world(
        self, *, lost: bool = True, cut_off: bool = True, point: Callable[[], None] = lambda: None
    ) -> SiteWorld:  # fmt: skip
        """Return what a command acts upon; ``cut_off`` is a lost site that it does not reach though it is back."""
        is_gone = lost and cut_off
        ends = {1: replace(self.ends[1], dsn=NOWHERE, admin_dsn=None), 2: self.ends[2]} if is_gone else self.ends
        return SiteWorld(ends, point=point, lost={1} if lost else (), serve=self.serve)

    def serve(self, site: int) -> None:
        stop = Signal()
        server = JobServer(site, {site: self.ends[site].dsn})

        def run() -> None:
            # An earlier one that lost its PostgreSQL may come back first.
            with suppress(errors.MartServerRuns):
                server.run(stop)

        thread = Thread(target=run, daemon=True)
        thread.start()
        self.servers.append((thread, stop))

    def at(self, site: int) -> Connection:
        """Return a connection to the mart of a site, read-only or not."""
        connection = (self.first if site == 1 else self.second).connect(autocommit=True)
        connection.execute("SET default_transaction_read_only = off")
        return connection

    def say_call(self, second: float, number: int) -> list[Event]:
        """Return what the switch says of one more call that the agent answers."""
        assert self.switch is not None
        self.switch.said = []
        tell_call(self.switch, second, f"c{number}")
        return list(self.switch.said)

    def hear(self, site: int, events: list[Event]) -> None:
        """Let the collector of a site write events into its interaction database."""
        schema = {1: "idb_pbx_a", 2: "idb_pbx_b"}[site]
        write_events(self.at(site), schema, events)

    def load(self, site: int) -> None:
        """Load at a site what both collectors have, be its server at it or not."""
        dsns = {number: end.dsn for number, end in self.ends.items()}
        for _ in range(600):
            try:
                catch_up(site, dsns)
            except errors.LockHeld:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("a loader never ended")

    def carry_out(
        self, wish: Wish = FAILOVER, *, lost: bool = True, cut_off: bool = True,
        point: Callable[[], None] = lambda: None, look: Callable[[StepEvent], None] = lambda event: None,
    ) -> Run:  # fmt: skip
        """Carry a wish out; ``look`` is called when a step has come out, before the next one begins."""
        world = self.world(lost=lost, cut_off=cut_off, point=point)
        self.journal.mirror = world.mirror
        executor = Executor(world, self.journal, point=point, in_thread=False, who="test")
        try:
            run = executor.start(plan_now(world, wish, self.journal))
            self.events = []
            for event in executor.walk(run):
                if event.state != "running":
                    self.events.append(event)
                    look(event)
        finally:
            world.release()
        return self.journal.run(run.id)

    def seen_now(self) -> Seen:
        """Look at the survivor."""
        options = effective(self.mart)
        row = self.mart.execute(LOOK.encode()).fetchone()
        assert row is not None
        return Seen(options.flag("schedule", "run-scheduler"), options.flag("schedule", "run-aggregates"), *row)

    def state(self) -> tuple[Any, ...]:
        """Return everything that must be the same however often the command was broken off."""
        mart = self.mart
        told = [
            mart.execute(query.encode()).fetchall()
            for query in (
                "SELECT active_site, epoch FROM cfg.topology",
                "SELECT kind, name, enabled, properties FROM cfg.object ORDER BY kind, name",
                "SELECT object_key, section, name, value FROM cfg.option ORDER BY 1, 2, 3",
                "SELECT source_key, class, from_at, to_at, events, calls FROM ctl.loss ORDER BY class, from_at",
                "SELECT count(*) FROM ops.replica",
                SUBSCRIPTIONS,
            )
        ]
        return (*told, Fingerprint.of(mart).rows)

    def stop_servers(self) -> None:
        for _, stop in self.servers:
            stop.set()
        for thread, _ in self.servers:
            thread.join(30)
        self.servers.clear()

    def close(self) -> None:
        self.stop_servers()
        for end in self.ends.values():
            with suppress(errors.MartError):
                link.tear_down(None, end)


def tell_story(switch: Switch) -> None:
    """Two calls that an agent answers, the second of them not loaded when the site is lost."""
    switch.member(1, "PJSIP/11")
    tell_call(switch, 10, "c1")
    tell_call(switch, 40, "c3")


def tell_call(switch: Switch, start: float, caller: str) -> None:
    """A call of 15 seconds that an agent answers after five."""
    dialled = f"c{int(caller[1:]) + 1}"
    switch.call(start, caller, "PJSIP/55")
    switch.dial(start + 2, caller, dialled, "PJSIP/11")
    switch.up(start + 5, dialled, caller)
    switch.bridge(start + 5, dialled, linked=caller)
    switch.bridge(start + 5, caller)
    switch.end(start + 15, dialled, caller)
    switch.end(start + 15, caller)


def write_events(idb: Connection, schema: str, events: list[Event]) -> None:
    """Write what a collector heard into its interaction database."""
    Idb.open(idb, schema).write([Record(Tag.EVENTS, copy_lines(events, SESSION, datetime.now(UTC)))])


def all_of_it(twin: Connection, said: list[Event]) -> None:
    """The twin heard everything."""
    write_events(twin, "idb_pbx_b", said)


@contextmanager
def disaster(
    server: MartServer, other_server: MartServer, hear: Hearing = all_of_it
) -> Iterator[Disaster]:  # fmt: skip
    """Give the two sites; ``hear`` is what the collector at site 2 makes of what was said."""
    first, second = server.new_mart(), other_server.new_mart()
    try:
        with disaster_of(first, second, hear=hear) as made:
            yield made
    finally:
        server.drop(first)
        other_server.drop(second)


@contextmanager
def disaster_of(first: Mart, second: Mart, *, hear: Hearing = all_of_it) -> Iterator[Disaster]:
    """Tell the story to two marts that know nothing yet."""
    ends = {
        number: embedded_end(number, mart.server, mart.dsn, database=mart.name)
        for number, mart in ((1, first), (2, second))
    }
    made = Disaster(first, second, ends)
    try:
        switch = made.switch = Switch(first)
        ensure_collector(switch.mart, ensure_source(switch.mart, "pbx"), site=2)
        tell_story(switch)
        said = list(switch.said)
        switch.hear(said[:7])
        link.set_up(ends[1], ends[2])
        twin = second.connect(autocommit=True)
        twin.execute("SET default_transaction_read_only = off")
        hear(twin, list(said))
        # What site 1 recorded last, and nobody else but the twin has.
        write_events(switch.mart, "idb_pbx_a", said[7:])
        with first.connect(autocommit=True) as active, second.connect(autocommit=True) as standby:
            wait_for(standby, 1, beat(active, 1), timeout_s=30)
        yield made
    finally:
        made.close()


def undisturbed(made: Disaster) -> Fingerprint:
    """Return what site 1 would hold had it not been lost: it loads on, as if it had never heard of its successor."""
    with reach(made.ends[1], "test") as first:
        first.execute("UPDATE ops.recovery_fence SET heard_epoch = 0")
    run_once(1, {1: made.first.dsn})
    return Fingerprint.of(made.first.connect(autocommit=True))


@pytest.fixture(scope="module")
def after(server: MartServer, other_server: MartServer) -> Iterator[Disaster]:
    """The world after a failover, of which nobody could be talked into while site 1 answered and was active."""
    with disaster(server, other_server) as made:
        with pytest.raises(errors.NotReadyForIt, match="answers and is active") as refused:
            made.carry_out(FAILOVER, lost=False)
        made.refused = refused.value.render()
        assert made.mart.execute("SELECT active_site, epoch FROM cfg.topology").fetchall() == [(1, 1)]
        made.carry_out(look=lambda event: made.seen.update({event.step: made.seen_now()}))
        yield made


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run, which the header shows."""
    return int(request.config.getoption("randomly_seed"))
