"""Compares the marts of two sites, table by table: signatures first, then ever smaller buckets, then rows.

Rows that differ are suspects until they have been read again after what was under way has crossed; a row that changes
each time it is looked at, or whose change may not have crossed yet, is called in flight, not different.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeVar

from twinmart.db.connect import Connection, mapped_errors, place, session
from twinmart.replicate.signatures import (
    FAN_BITS,
    Table,
    Unit,
    buckets,
    filled,
    joined,
    row_hashes,
    rows,
    signatures,
    tables,
    units,
)
from twinmart.replicate.stored import Stored

# Rows of a bucket that are fetched with key and hash rather than split once more.
MOST_ROWS = 16_384
# Spans of a table, or small tables, that are read by one statement: so long a snapshot is held.
UNITS_AT_ONCE = 32
# Differences of a table that are listed by their keys; the rest is counted.
MOST_LISTED = 1_000
# How often a suspect is read again, and how long what is under way may take to cross.
TRIES = 3

T = TypeVar("T")
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
        with ExitStack() as stack:
            sites = _Site(self.active_dsn, self.workers, stack), _Site(self.standby_dsn, self.workers, stack)
            (here, filled_here), (told, filled_there) = _both(sites, _look)
            there = {one.name: one for one in told}
            wanted = [one for one in here if not only or one.name in only]
            found.missing_tables = [one.name for one in wanted if there.get(one.name) != one]
            shared = [one for one in wanted if there.get(one.name) == one]
            found.tables = len(shared)
            spans = [units(one, filled_here.get(one.name, []) + filled_there.get(one.name, [])) for one in shared]
            suspects: dict[Table, set[str]] = {}
            for unit in list(self._differing(found, sites, list(self._pieces(spans)))):
                suspects.setdefault(unit.table, set()).update(_suspects(sites, unit))
            for table, keys in suspects.items():
                if keys:
                    self._confirm(found, sites, table, keys)
        return found

    def _pieces(self, of_tables: Sequence[list[Unit]]) -> Iterator[list[Unit]]:
        """Yield what is asked for by one statement: spans of one table, or whole tables that are not divided."""
        divided = [some for some in of_tables if some and some[0].span]
        whole = [unit for some in of_tables for unit in some if not unit.span]
        for of_table in (*divided, whole):
            for start in range(0, len(of_table), UNITS_AT_ONCE):
                piece = of_table[start : start + UNITS_AT_ONCE]
                # Where nothing is kept one signature does for all of it.
                yield piece if self.trusts_days or of_table is whole else [joined(piece)]

    def _differing(self, found: Comparison, sites: "_Sites", pieces: Sequence[list[Unit]]) -> Iterator[Unit]:
        """Yield the units that have another signature at the standby. No site waits for the other."""
        kept = [Stored(self.trusts_days, self.reads_from) for _ in sites]
        asked = [
            [site.ask(partial(stored.signatures, units=piece)) for site, stored in zip(sites, kept, strict=True)]
            for piece in pieces
        ]
        for piece, (active, standby) in zip(pieces, asked, strict=True):
            for unit, (here, kept_here), (there, kept_there) in zip(
                piece, active.result(), standby.result(), strict=True
            ):
                found.units += len(unit.parts) or 1
                found.rows += here.rows
                found.trusted += kept_here and kept_there
                if here != there:
                    yield unit
            self.tell(found)

    def _confirm(self, found: Comparison, sites: "_Sites", table: Table, keys: set[str]) -> None:
        """Read the suspects again until they are alike, or have stood still and differed each time."""
        active, standby = sites
        moving: set[str] = set()
        for turn in range(TRIES):
            read = partial(row_hashes, table=table, keys=sorted(keys))
            before = active.ask(read).result()
            # Once it is known that nothing crosses, there is no use in waiting for each table again.
            if self.drain is not None and found.is_drained:
                found.is_drained = self.drain()
            there = standby.ask(read).result()
            after = active.ask(read).result()
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


class _Site:
    """One of the two servers: a connection for each worker, and each connection is asked one thing at a time."""

    def __init__(self, dsn: str, workers: int, stack: ExitStack) -> None:
        opened = stack.enter_context(ExitStack())
        self._where = place(dsn)
        self._threads = ThreadPoolExecutor(workers, "verify")
        # Before the connections are closed nobody may be at work with one.
        stack.callback(self._threads.shutdown, cancel_futures=True)
        self._free = [self._threads.submit(opened.enter_context, _reading(dsn)) for _ in range(workers)]

    def ask(self, question: Callable[[Connection], T]) -> Future[T]:
        """Return the answer to come of what is asked by way of a connection."""
        return self._threads.submit(self._answer, question)

    def _answer(self, question: Callable[[Connection], T]) -> T:
        opening = self._free.pop()
        try:
            # Said here of which of the two servers it is.
            with mapped_errors(self._where):
                return question(opening.result())
        finally:
            self._free.append(opening)


_Sites = tuple[_Site, _Site]


def _both(sites: _Sites, question: Callable[[Connection], T]) -> tuple[T, T]:
    """Return the answers of both sites, asked at once."""
    active, standby = [site.ask(question) for site in sites]
    return active.result(), standby.result()


def _look(connection: Connection) -> tuple[list[Table], dict[str, list[str]]]:
    return tables(connection), filled(connection)


def _suspects(sites: _Sites, unit: Unit, shift: int = 0, prefix: int = 0) -> Iterator[str]:
    """Yield the keys of rows that are not alike, splitting by parts and the hashes of the keys until few are left."""
    if unit.parts:
        for part, left, right in zip(unit.parts, *_both(sites, partial(signatures, some=unit.parts)), strict=True):
            if left != right:
                yield from _suspects(sites, part)
        return
    here, there = _both(sites, partial(buckets, unit=unit, shift=shift, prefix=prefix if shift else None))
    bits = shift + FAN_BITS
    for bucket in sorted(here.keys() | there.keys()):
        pair = here.get(bucket), there.get(bucket)
        if pair[0] == pair[1]:
            continue
        if max(one.rows for one in pair if one is not None) > MOST_ROWS and bits + FAN_BITS < 63:
            yield from _suspects(sites, unit, bits, bucket)
            continue
        one, other = _both(sites, partial(rows, unit=unit, bits=bits, prefix=bucket))
        yield from (key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


@contextmanager
def _reading(dsn: str) -> Iterator[Connection]:
    with session(dsn, application_name="twinmart verify", autocommit=True) as connection:
        # There are few groups of buckets, and nobody can tell the planner; it would rather sort all rows.
        connection.execute("SET max_parallel_workers_per_gather = 0; SET enable_sort = off")
        yield connection
