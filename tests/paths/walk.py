"""Takes events into a mart along a path: written to the twins in some order and pieces, loaded in some steps.

A path is data, so that one that goes wrong can be printed, made smaller and walked again.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from psycopg import sql

from tests.paths.fingerprint import Fingerprint
from tests.paths.sample import SAMPLES
from tests.support import TEMPLATE, MartServer
from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.config.attached import Rule
from twinmart.config.sources import Collector, ensure_collector, ensure_source
from twinmart.config.store import Store
from twinmart.config.userdata import add_key
from twinmart.db.connect import Connection, connect
from twinmart.db.partitions import ensure_partitions
from twinmart.etl.cycle import Etl
from twinmart.etl.extract import Extractor
from twinmart.etl.transform import Transformer
from twinmart.model.events import Event
from twinmart.site.mart import OWNER

Twin = Literal["a", "b"]
SESSION = str(UUID(int=1))
READY = "twinmart_paths"

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Write:
    """Write events, by their numbers, into the interaction database of a twin: in this order, as one batch."""

    twin: Twin
    events: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Extract:
    """Take so many rows from a twin at most; ``fill`` takes only minutes of which the mart lacks events."""

    twin: Twin
    most_rows: int = 100_000
    fill: bool = False


@dataclass(frozen=True, slots=True)
class Transform:
    """Transform so many calls at most, and all agents of whom there is news."""

    most_calls: int = 4_000


@dataclass(frozen=True, slots=True)
class Cycle:
    """Load as the loader does: extraction and transformation side by side, until nothing is left."""


Step = Write | Extract | Transform | Cycle
Path = tuple[Step, ...]


def one_batch(events: Sequence[Event]) -> Path:
    """Return the path to which all others are compared: everything at twin a, in the order it was said, at once."""
    return (Write("a", tuple(range(len(events)))), Cycle())


class Ground:
    """A fresh mart for one source, and the databases of its twins; of one site both, or of two."""

    def __init__(self, server: MartServer, source: str, opened: ExitStack, *, apart: bool) -> None:
        databases = {1: _copy(server, opened)}
        databases[2] = _copy(server, opened) if apart else databases[1]
        self.dsns = {site: server.server.dsn(database=name, user=OWNER) for site, name in databases.items()}
        self._opened = opened
        self.mart = self._connection(1)
        twins = ensure_source(self.mart, source)
        self.collectors: dict[Twin, Collector] = {
            "a": ensure_collector(self.mart, twins, site=1),
            "b": ensure_collector(self.mart, twins, site=2),
        }
        self._idbs = {twin: self._connection(one.site) for twin, one in self.collectors.items()}
        self._extractor = Extractor(self._connection(1))
        self._transformer = Transformer(self._connection(1), self.mart, site=1, epoch=1)

    def walk(self, path: Path, events: Sequence[Event]) -> Fingerprint:
        """Go the whole path and return what the mart then holds."""
        for step in path:
            self.step(step, events)
        return Fingerprint.of(self.mart)

    def step(self, step: Step, events: Sequence[Event]) -> None:
        """Go one step."""
        match step:
            case Write(twin, numbers):
                self.write(twin, [events[number] for number in numbers])
            case Extract(twin, most_rows, fill):
                self._extractor.most_rows = most_rows
                self._extractor.extract(self._idbs[twin], self.collectors[twin], fill_only=fill)
            case Transform(most_calls):
                self._transformer.most_calls = most_calls
                self._transformer.transform()
            case Cycle():
                with Etl(1, self.dsns) as etl:
                    etl.cycle()

    def write(self, twin: Twin, events: Sequence[Event]) -> None:
        """Write events into the interaction database of a twin."""
        if events:
            record = Record(Tag.EVENTS, copy_lines(events, SESSION, datetime.now(UTC)))
            Idb.open(self._idbs[twin], self.collectors[twin].idb_schema).write([record])

    def is_quiet(self) -> bool:
        """Whether no loader's session is left; that of one that was killed ends with the statement it was at."""
        left = self.mart.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE application_name LIKE 'twinmart %' AND datname = current_database())"
        )
        return left.fetchone() == (False,)

    def reconnect(self) -> None:
        """Make all connections anew, after a database was killed."""
        self.mart = self._connection(1)
        self._idbs = {twin: self._connection(one.site) for twin, one in self.collectors.items()}
        self._extractor = Extractor(self._connection(1))
        self._transformer = Transformer(self._connection(1), self.mart, site=1, epoch=1)

    def _connection(self, site: int) -> Connection:
        return self._opened.enter_context(connect(self.dsns[site], application_name="paths", autocommit=True))


@contextmanager
def ground(server: MartServer, source: str, *, apart: bool = False) -> Iterator[Ground]:
    """Give fresh ground that is gone afterwards."""
    with ExitStack() as opened:
        yield Ground(server, source, opened, apart=apart)


def prepare(server: MartServer) -> None:
    """Make the database of which all ground is copied: sources known, partitions made, interaction databases empty.

    Once for each server: the fixtures of several modules ask for it.
    """
    with connect(server.server.dsn(), application_name="paths", autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (READY,)).fetchone():
            return
    _admin(server, sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy OWNER {}"), READY, TEMPLATE, OWNER)
    with connect(server.server.dsn(database=READY, user=OWNER), application_name="paths", autocommit=True) as mart:
        store = Store(mart, author="test")
        add_key(store, "CALL_UUID", link=True)
        for number, rule in enumerate(Rule, 1):
            add_key(store, "Word", to=f"irf_user_data_cust_1.custom_data_{number}", rule=rule)
        for sample in SAMPLES:
            source = ensure_source(mart, sample.source)
            for site in (1, 2):
                Idb.open(mart, ensure_collector(mart, source, site=site).idb_schema)
            for day in sorted({event.at.date() for event in sample.events}):
                start = datetime(day.year, day.month, day.day, tzinfo=UTC)
                ensure_partitions(mart, start, start + timedelta(days=1))


def _copy(server: MartServer, opened: ExitStack) -> str:
    name = f"paths_{os.getpid()}_{next(_numbers)}"
    _admin(server, sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy OWNER {}"), name, READY, OWNER)
    opened.callback(_admin, server, sql.SQL("DROP DATABASE {} WITH (FORCE)"), name)
    return name


def _admin(server: MartServer, statement: sql.SQL, *names: str) -> None:
    with connect(server.server.dsn(), application_name="paths", autocommit=True) as connection:
        connection.execute(statement.format(*map(sql.Identifier, names)))
