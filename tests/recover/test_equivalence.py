"""The same traffic with and without a disaster comes to the same facts, keys and aggregates, but for what is told gone.

Site 1's PostgreSQL and its loader die by SIGKILL at a random moment, while a recorded switch is being loaded; the twin
at site 2 hears on. Everything follows from a seed but the moment within a load.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event as Signal
from uuid import UUID

import pytest

from tests.paths.fingerprint import Fingerprint
from tests.paths.mortal import follower
from tests.paths.roads import pieces
from tests.paths.sample import EDGES, SAMPLES, Sample
from tests.recover.conftest import Disaster
from tests.support import Mart, MartServer, running_server
from twinmart.aggregate.job import aggregate
from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.etl.cycle import run_once
from twinmart.model.events import Event
from twinmart.replicate import link
from twinmart.replicate.ends import embedded_end
from twinmart.report.losses import Loss, manifest

pytestmark = pytest.mark.xdist_group("equivalence")

AGGREGATED = """
    SELECT 'agg.' || relname FROM pg_class
    WHERE relnamespace = 'agg'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Deaf:
    """The twin hears nothing of the events from a number up to another."""

    start: int
    end: int


def write(mart: Mart, schema: str, records: Sequence[Record]) -> None:
    with mart.connect(autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        Idb.open(connection, schema).write(list(records))


def said(events: Sequence[Event], session: UUID) -> Record:
    return Record(Tag.EVENTS, copy_lines(events, str(session), datetime.now(UTC)))


def begun(source: str, session: UUID, at: datetime) -> Record:
    return Record.of(
        Tag.SESSION_START, session_key=session, source=source, collector=f"{source}_b", connected_at=at, connect_type=1
    )


def heard(session: UUID, at: datetime) -> Record:
    return Record.of(
        Tag.SESSION_HEARD, session_key=session, last_heard_at=at, switch_boot_at=None, version=None, system_name=None,
        restarted=False,
    )  # fmt: skip


@dataclass
class Sites:
    """Two sites that are used again and again; the first of them dies each time and is started again."""

    servers: tuple[MartServer, MartServer]

    def kill_first(self) -> None:
        """Kill the PostgreSQL of site 1, every process of it, with SIGKILL."""
        pid = self.servers[0].server.pid()
        assert pid is not None
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)


@dataclass
class Survived:
    """What the surviving site holds in the end, and what it says of the loss."""

    holds: Fingerprint
    aggregates: Fingerprint
    losses: list[Loss]
    delivered: frozenset[str]


def aggregated(mart: Mart, site: int) -> Fingerprint:
    aggregate(site, {site: mart.dsn}, stop=Signal())
    connection = mart.connect(autocommit=True)
    tables = [name for (name,) in connection.execute(AGGREGATED.encode())]
    return Fingerprint.of(connection, dict.fromkeys(tables, ()))


def undisturbed(server: MartServer, source: str, events: Sequence[Event]) -> tuple[Fingerprint, Fingerprint]:
    """Return facts and aggregates of a mart that took in the events at one site, with nothing happening."""
    mart = server.new_mart()
    try:
        with mart.connect(autocommit=True) as connection:
            known = ensure_source(connection, source)
            for site in (1, 2):
                ensure_collector(connection, known, site=site)
        write(mart, f"idb_{source}_a", [said(events, UUID(int=1))])
        run_once(1, {1: mart.dsn})
        return Fingerprint.of(mart.connect(autocommit=True)), aggregated(mart, 1)
    finally:
        server.drop(mart)


@dataclass(frozen=True, slots=True)
class Course:
    """The pieces in which events come, before which of them site 1 dies, and how long it has for the last."""

    parts: Sequence[Sequence[int]]
    dies_in: int
    pause_s: float

    @property
    def killed_at(self) -> int:
        return sum(map(len, self.parts[: self.dies_in]))

    @classmethod
    def of(cls, sample: Sample, seed: int) -> "Course":
        random = Random(seed)
        parts = pieces(range(len(sample.events)), random.choice((6, 12, 25)), random)
        return cls(parts, random.randrange(1, len(parts)), random.uniform(0, 0.3))


def disaster(sites: Sites, sample: Sample, course: Course, deaf: Deaf | None = None) -> Survived:
    """Load a recording at site 1, kill it somewhere, fail over, and load the rest at site 2."""
    parts, dies_in = course.parts, course.dies_in
    with ExitStack() as opened:
        marts = [server.new_mart() for server in sites.servers]
        ends = {
            number: embedded_end(number, mart.server, mart.dsn, database=mart.name)
            for number, mart in enumerate(marts, 1)
        }
        made = Disaster(marts[0], marts[1], ends)
        opened.callback(tidy, sites, made)
        with marts[0].connect(autocommit=True) as connection:
            known = ensure_source(connection, sample.source)
            for site in (1, 2):
                ensure_collector(connection, known, site=site)
            # Collectors are older than what they hear.
            connection.execute("UPDATE cfg.object SET created_at = %s", (sample.events[0].at - timedelta(days=1),))
        link.set_up(ends[1], ends[2])
        twin = Twin(marts[1], sample, deaf)
        dsns = {number: mart.dsn for number, mart in enumerate(marts, 1)}
        loader = follower(dsns)
        try:
            for number, part in enumerate(parts[:dies_in]):
                write(marts[0], f"idb_{sample.source}_a", [said([sample.events[one] for one in part], UUID(int=1))])
                twin.hears(part)
                if number == 0:
                    wait_for_load(marts[0])
            time.sleep(course.pause_s)
        finally:
            sites.kill_first()
            loader.kill()
            loader.join()
        delivered = event_ids(marts[1])
        twin.hears(parts[dies_in])
        made.carry_out()
        for part in parts[dies_in + 1 :]:
            twin.hears(part)
        made.load(2)
        losses = manifest(made.mart)
        return Survived(Fingerprint.of(made.mart), aggregated(marts[1], 2), losses, delivered)


@dataclass
class Twin:
    """The collector at site 2, which may be deaf for a span, and notes that as a collector does."""

    mart: Mart
    sample: Sample
    deaf: Deaf | None
    session: int = 0

    def hears(self, numbers: Sequence[int]) -> None:
        schema, events = f"idb_{self.sample.source}_b", self.sample.events
        records: list[Record] = []
        for number in numbers:
            if self.deaf is not None and self.deaf.start <= number < self.deaf.end:
                if number == self.deaf.start:
                    records.append(Record.of(Tag.SESSION_END, reason="test", cause="deaf", at=events[number].at))
                continue
            if self.session == 0 or (self.deaf is not None and number == self.deaf.end):
                self.session += 1
                records.append(begun(self.sample.source, UUID(int=10 + self.session), events[number].at))
            session = UUID(int=10 + self.session)
            records += [said([events[number]], session), heard(session, events[number].at)]
        write(self.mart, schema, joined(records))


def joined(records: Sequence[Record]) -> list[Record]:
    """Let only the last of several words that a source was heard stand."""
    kept: list[Record] = []
    for record in records:
        if record.tag is Tag.SESSION_HEARD and len(kept) > 1 and kept[-2].tag is Tag.SESSION_HEARD:
            del kept[-2]
        kept.append(record)
    return kept


def event_ids(mart: Mart) -> frozenset[str]:
    rows = mart.connect(autocommit=True).execute("SELECT event_id::text FROM gidb.event")
    return frozenset(one for (one,) in rows)


def wait_for_load(mart: Mart) -> None:
    """Wait until something is loaded, so that a loader is at work when it dies."""
    with mart.connect(autocommit=True) as connection:
        for _ in range(600):
            if connection.execute("SELECT EXISTS (SELECT FROM gidb.event)").fetchone() == (True,):
                return
            time.sleep(0.1)
    raise AssertionError("nothing was loaded")


def tidy(sites: Sites, made: Disaster) -> None:
    sites.servers[0].server.start()
    made.close()
    for server, mart in zip(sites.servers, (made.first, made.second), strict=True):
        server.drop(mart)


@pytest.fixture(scope="module")
def sites(scratch_root: Path) -> Iterator[Sites]:
    """Servers of our own, for nobody else shall find one dead."""
    with running_server(scratch_root / "e1") as one, running_server(scratch_root / "e2") as other:
        yield Sites((one, other))


def check_equal(sites: Sites, sample: Sample, seed: int) -> Survived:
    """With the twin up nothing is gone, and everything is as if nothing had happened."""
    if sample not in REFERENCES:
        REFERENCES[sample] = undisturbed(sites.servers[1], sample.source, sample.events)
    facts, aggregates = REFERENCES[sample]
    found = disaster(sites, sample, Course.of(sample, seed))
    assert {one.kind for one in found.losses} <= {"delivered", "recovered"}, seed
    assert facts.difference(found.holds) is None, seed
    assert aggregates.difference(found.aggregates) is None, seed
    return found


REFERENCES: dict[Sample, tuple[Fingerprint, Fingerprint]] = {}


def check_gone(sites: Sites, sample: Sample, seed: int) -> Survived:
    """With the twin deaf around the loss, exactly what was not delivered of that is gone, and is told."""
    course, random = Course.of(sample, seed), Random(seed)
    last = len(sample.events) - 1
    start = random.randrange(1, max(2, course.killed_at))
    deaf = Deaf(start, random.randrange(start + 1, last) if start + 1 < last else last)
    found = disaster(sites, sample, course, deaf)
    lost = [event for event in sample.events[deaf.start : deaf.end] if event.event_id not in found.delivered]
    gone = [one for one in found.losses if one.kind == "gone"]
    told = [(one.from_at, one.to_at) for one in gone]
    for event in lost:
        assert any(start <= event.at <= end for start, end in told if start and end), (seed, event, told)
    first, until = sample.events[deaf.start - 1].at, sample.events[deaf.end].at
    for from_at, to_at in told:
        assert from_at is not None
        assert to_at is not None
        assert first <= from_at <= to_at <= until, (seed, told)
    missing = {event.event_id for event in lost}
    facts, aggregates = undisturbed(
        sites.servers[1], sample.source, [event for event in sample.events if event.event_id not in missing]
    )
    assert without_gaps(facts).difference(without_gaps(found.holds)) is None, seed
    assert aggregates.difference(found.aggregates) is None, seed
    return found


def without_gaps(found: Fingerprint) -> Fingerprint:
    """Leave out what tells of silences, which an undisturbed run has none of."""
    return Fingerprint(found.columns, {table: rows for table, rows in found.rows.items() if table != "ctl.gap"})


PARTS = 5


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_fifty_disasters_with_twins_come_to_what_no_disaster_comes_to(sites: Sites, seed: int, part: int) -> None:
    for number in range(seed + part * 10, seed + part * 10 + 10):
        sample = SAMPLES[number % len(SAMPLES)]
        found = check_equal(sites, sample, number)
        recovered = sum(one.events or 0 for one in found.losses if one.kind == "recovered")
        print(f"{number} {sample.source}: killed at event {Course.of(sample, number).killed_at} of"
              f" {len(sample.events)}, {len(found.delivered)} delivered, {recovered} recovered, none gone")  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_twenty_disasters_with_a_deaf_twin_lose_what_is_told_and_nothing_else(
    sites: Sites, seed: int, part: int
) -> None:
    for number in range(seed + part * 4, seed + part * 4 + 4):
        sample = SAMPLES[number % len(SAMPLES)]
        found = check_gone(sites, sample, number)
        gone = [one for one in found.losses if one.kind == "gone"]
        print(f"{number} {sample.source}: {len(found.delivered)} delivered, gone {len(gone)}")


@pytest.mark.soak
def test_disasters_of_whole_recordings_come_to_what_no_disaster_comes_to(
    sites: Sites, recordings: Path, seed: int
) -> None:
    for number in range(seed, seed + 2):
        check_equal(sites, Sample("crash", (recordings / "crash" / "ami.raw.gz",)), number)


def test_a_disaster_comes_to_what_no_disaster_comes_to(sites: Sites, seed: int) -> None:
    check_equal(sites, EDGES, seed)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run, which the header shows."""
    return int(request.config.getoption("randomly_seed"))
