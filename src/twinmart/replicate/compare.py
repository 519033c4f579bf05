"""Compares the marts of two sites, table by table: signatures first, then ever smaller buckets, then rows.

Rows that differ are suspects until they have been read again after what was under way has crossed; a row that changes
each time it is looked at, or whose change may not have crossed yet, is called in flight, not different.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Literal

from twinmart.db.connect import Connection, mapped_errors, place, session
from twinmart.db.partitions import PartitionedTable, partitioned_tables
from twinmart.replicate.signatures import (
    FAN_BITS,
    Signature,
    Table,
    Unit,
    buckets,
    row_hashes,
    rows,
    tables,
    units,
)
from twinmart.replicate.stored import Stored

# Rows of a bucket that are fetched with key and hash rather than split once more.
MOST_ROWS = 16_384
# Spans of a table that are read by one statement: so long a snapshot is held, and so much falls to one worker.
SPANS_AT_ONCE = 32
# Differences of a table that are listed by their keys; the rest is counted.
MOST_LISTED = 1_000
# How often a suspect is read again, and how long what is under way may take to cross.
TRIES = 3

Kind = Literal["missing", "extra", "different", "in flight"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not alike: missing at the standby, there only, or with other values."""

    table: str
    key: str
    kind: Kind


@dataclass(slots=True)
class Comparison:
    """What comparing two marts came to."""

    tables: int = 0
    units: int = 0
    trusted: int = 0
    rows: int = 0
    different: int = 0
    in_flight: int = 0
    missing_tables: list[str] = field(default_factory=list)
    listed: list[Difference] = field(default_factory=list)
    is_drained: bool = True

    @property
    def is_equal(self) -> bool:
        """Whether no row differs and every table is at both sites."""
        return not self.different and not self.missing_tables


@dataclass(slots=True)
class Comparer:
    """Compares the mart at ``standby_dsn`` with that at ``active_dsn``, which is taken for right.

    ``drain`` waits until everything committed at the active site so far has been applied at the standby, and says
    whether that came to be; where nothing is replicated it is not given, and the marts are compared as they are.
    """

    active_dsn: str
    standby_dsn: str
    drain: Callable[[], bool] | None = None
    workers: int = 2
    trusts_days: float = 0.0
    tell: Callable[[Comparison], None] = lambda _: None
    # Spans that end later than this are read whatever is trusted, seconds since the epoch.
    reads_from: float = math.inf

    def compare(self, only: Sequence[str] = ()) -> Comparison:
        """Compare all tables, or those named, and return what was found.

        Raises:
            SiteUnreachable: one of the sites gives no answer.
        """
        found = Comparison()
        with _pair(self) as pair, ThreadPoolExecutor(len(pair)) as threads:
            (here, divided), (told, more) = threads.map(_look, pair)
        there = {one.name: one for one in told}
        wanted = [one for one in here if not only or one.name in only]
        found.missing_tables = [one.name for one in wanted if there.get(one.name) != one]
        shared = [one for one in wanted if there.get(one.name) == one]
        todo = [some for one in shared for some in _in_pieces(units(one, [*divided, *more]))]
        found.tables = len(shared)
        suspects: dict[Table, set[str]] = {}
        with ThreadPoolExecutor(self.workers, "verify") as threads, ExitStack() as open_pairs:
            pairs = _Pairs(self, open_pairs)
            for some, compared in zip(todo, threads.map(pairs.compare, todo), strict=True):
                found.units += len(some)
                found.rows += compared.rows
                found.trusted += compared.trusted
                if compared.keys:
                    suspects.setdefault(some[0].table, set()).update(compared.keys)
                self.tell(found)
        if suspects:
            with _pair(self) as (active, standby):
                for table, keys in suspects.items():
                    self._confirm(found, active, standby, table, keys)
        return found

    def _confirm(
        self, found: Comparison, active: Connection, standby: Connection, table: Table, keys: set[str]
    ) -> None:
        """Read the suspects again until they are alike, or have stood still and differed each time."""
        moving: set[str] = set()
        for turn in range(TRIES):
            before = row_hashes(active, table, sorted(keys))
            # Once it is known that nothing crosses, there is no use in waiting for each table again.
            if self.drain is not None and found.is_drained:
                found.is_drained = self.drain()
            there = row_hashes(standby, table, sorted(keys))
            after = row_hashes(active, table, sorted(keys))
            moving = {key for key in keys if before.get(key) != after.get(key)}
            keys = {key for key in keys if there.get(key) not in (before.get(key), after.get(key))}
            if not keys or self.drain is None or not found.is_drained:
                break
            time.sleep(0.2 * (turn + 1))
        for key in sorted(keys):
            kind: Kind = "different"
            if key in moving or not found.is_drained:
                kind = "in flight"
            elif key not in there:
                kind = "missing"
            elif key not in after:
                kind = "extra"
            found.in_flight += kind == "in flight"
            found.different += kind != "in flight"
            if len(found.listed) < MOST_LISTED:
                found.listed.append(Difference(table.name, key, kind))


@dataclass(slots=True)
class _Compared:
    """What comparing some units of a table came to: the keys of its suspects."""

    rows: int = 0
    trusted: int = 0
    keys: set[str] = field(default_factory=set)


class _Pairs:
    """A pair of connections for each thread."""

    def __init__(self, comparer: Comparer, stack: ExitStack) -> None:
        self._dsns = comparer.active_dsn, comparer.standby_dsn
        self._free: list[tuple[Connection, Connection, ThreadPoolExecutor]] = []
        for number in range(comparer.workers):
            active, standby = stack.enter_context(_pair(comparer))
            self._free.append((active, standby, stack.enter_context(ThreadPoolExecutor(2, f"verify-{number}"))))
        self._stored = [Stored(comparer.trusts_days, comparer.reads_from) for _ in self._dsns]

    def compare(self, some: Sequence[Unit]) -> _Compared:
        active, standby, both = self._free.pop()
        try:
            asked = [both.submit(self._signatures, place, one, some) for place, one in enumerate((active, standby))]
            compared = _Compared()
            for unit, (here, kept_here), (there, kept_there) in zip(
                some, *(one.result() for one in asked), strict=True
            ):
                compared.rows += here.rows
                compared.trusted += kept_here and kept_there
                if here != there:
                    compared.keys |= set(_suspects(active, standby, unit))
            return compared
        finally:
            self._free.append((active, standby, both))

    def _signatures(self, place_of: int, connection: Connection, some: Sequence[Unit]) -> list[tuple[Signature, bool]]:
        # Said here of which of the two servers it is.
        with mapped_errors(place(self._dsns[place_of])):
            return self._stored[place_of].signatures(connection, some)


def _look(connection: Connection) -> tuple[list[Table], list[PartitionedTable]]:
    return tables(connection), partitioned_tables(connection)


def _in_pieces(of_table: list[Unit]) -> Iterator[list[Unit]]:
    for start in range(0, len(of_table), SPANS_AT_ONCE):
        yield of_table[start : start + SPANS_AT_ONCE]


def _suspects(active: Connection, standby: Connection, unit: Unit, shift: int = 0, prefix: int = 0) -> Iterator[str]:
    """Yield the keys of rows that are not alike, splitting by the hashes of the keys until few rows are left."""
    here = buckets(active, unit, shift, prefix if shift else None)
    there = buckets(standby, unit, shift, prefix if shift else None)
    bits = shift + FAN_BITS
    for bucket in sorted(here.keys() | there.keys()):
        pair = here.get(bucket), there.get(bucket)
        if pair[0] == pair[1]:
            continue
        if max(one.rows for one in pair if one is not None) > MOST_ROWS and bits + FAN_BITS < 63:
            yield from _suspects(active, standby, unit, bits, bucket)
            continue
        left, right = rows(active, unit, bits, bucket), rows(standby, unit, bits, bucket)
        yield from (key for key in left.keys() | right.keys() if left.get(key) != right.get(key))


@contextmanager
def _pair(comparer: Comparer) -> Iterator[tuple[Connection, Connection]]:
    with (
        session(comparer.active_dsn, application_name="twinmart verify", autocommit=True) as active,
        session(comparer.standby_dsn, application_name="twinmart verify", autocommit=True) as standby,
    ):
        for connection in (active, standby):
            connection.execute("SET max_parallel_workers_per_gather = 0")
            # There are few groups, and nobody can tell the planner; it would rather sort all rows.
            connection.execute("SET enable_sort = off")
        yield active, standby
