"""Makes range partitions ahead of time for every partitioned table of the mart, by rules in ``ops.partition_rule``.

There is no default partition on purpose: a row outside all partitions must be refused loudly, at the standby site too,
where partitions are not replicated but made by this same code. A partition spans whole days of UTC, and its table is
divided either by a ``timestamptz`` column or by a ``bigint`` of epoch seconds.

A new table is filled with the parent's shape and then attached: that lets readers of the parent go on, while
``CREATE TABLE ... PARTITION OF`` would wait for each of them and hold up all who come later.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from psycopg import sql

from twinmart import errors
from twinmart.db.connect import Connection, lock_key
from twinmart.db.sqlfiles import sql_text

DAY_S = 24 * 60 * 60

# A transaction holds a lock on each table and index that it makes, and a server has room for some thousands.
PARTITIONS_A_TRANSACTION = 100

# No batch spans ten years. One that does holds a time from a broken clock, and would make thousands of partitions.
LONGEST_SPAN_DAYS = 3660

# Spans of this module are whole seconds since the epoch, half-open.
Span = tuple[int, int]

# Begin of the partition that took the place of all that were dropped: whatever comes before it has a place too.
FOREVER = -(1 << 62)

_BOUND = re.compile(r"FOR VALUES FROM \('?(?P<start>[^')]+)'?\) TO \('?(?P<end>[^')]+)'?\)")


@dataclass(frozen=True, slots=True)
class PartitionedTable:
    """A table to be divided: how wide its partitions are, what its key counts, and which spans it covers already."""

    schema: str
    name: str
    key_kind: Literal["timestamptz", "epoch"]
    interval_days: int
    covered: tuple[Span, ...]

    def missing(self, span: Span) -> Iterator[Span]:
        """Yield the partitions to be made so that the span is covered, none of them over one that is there.

        Partitions begin at multiples of their width since the epoch, at both sites alike. Only where the width was
        changed over time is one cut short by an older neighbour.
        """
        if span[0] >= span[1]:
            return
        width = self.interval_days * DAY_S
        for start in range(span[0] // width * width, span[1], width):
            yield from _without((start, start + width), self.covered)

    @property
    def purged_before(self) -> int | None:
        """End of the partition that stands for all that were dropped, or None."""
        return next((end for start, end in self.covered if start == FOREVER), None)

    def partition_name(self, part: Span) -> str:
        """Return the name of a partition: the table's and the day on which the partition begins.

        One that reaches back for ever is called by the day before which it stands for everything.
        """
        start, end = part
        if start == FOREVER:
            return f"{self.name}_before{_at(end):%Y%m%d}"
        return f"{self.name}_p{_at(start):%Y%m%d}"

    def bound(self, second: int) -> sql.Composable:
        """Return an end of a partition as a value of the table's key."""
        if second == FOREVER:
            return sql.SQL("MINVALUE")
        return sql.Literal(second if self.key_kind == "epoch" else _at(second).isoformat())

    def lacking(self, spans: Iterable[Span]) -> Iterator[Span]:
        """Yield what is left of spans when those are taken out that the table's partitions cover."""
        for span in spans:
            yield from _without(span, self.covered)


def ensure_partitions(
    connection: Connection, from_at: datetime, to_at: datetime, *, schema: str | None = None
) -> list[str]:
    """Make every partition that rows of the span ``from_at <= t < to_at`` need, and return the names of those made.

    With ``schema`` only its tables are looked after: a collector must not touch those of the mart.

    They are made a hundred to a transaction; others who do the same wait until it ends. So call it before a long
    transaction begins, not within.

    Raises:
        NoPartitionRule: a partitioned table has no row in ``ops.partition_rule``; nothing was changed.
        ImplausibleTime: the span is longer than ten years; nothing was changed.
    """
    span = _whole_seconds(from_at, to_at)
    if span[1] - span[0] > LONGEST_SPAN_DAYS * DAY_S:
        raise errors.ImplausibleTime(
            "partitions for more than ten years must not be made at once",
            detail=f"asked for {from_at:%Y-%m-%d %H:%M} to {to_at:%Y-%m-%d %H:%M} UTC",
            hint="Nothing was changed. Look for a source whose clock is wrong.",
        )
    made: list[str] = []
    while some := _make_some(connection, span, schema):
        made += some
    return made


def copy_partitions(source: Connection, target: Connection, *, since: datetime | None = None) -> list[str]:
    """Make in one mart the partitions that another has, by their very bounds; return the names of those made.

    With ``since`` only those that end after it. Tables that the target does not know are left out.
    """
    known = {(table.schema, table.name): table for table in partitioned_tables(target)}
    made = []
    for table in partitioned_tables(source):
        there = known.get((table.schema, table.name))
        spans = [span for span in table.covered if since is None or span[1] > since.timestamp()]
        for part in there.lacking(spans) if there else ():
            with target.transaction():
                target.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("partitions"),))
                _make(target, table, part)
            made.append(f"{table.schema}.{table.partition_name(part)}")
    return made


@dataclass(slots=True)
class PartitionMemory:
    """Remembers the days for which partitions are known to exist, so that a loader may ask before each batch.

    One for each connection string and process. A day that was known stays covered: a purge puts one partition in the
    place of those that it drops, at once, so that it takes nobody the ground from under their feet. Where a day needs
    partitions, ``elsewhere_first`` is called before they are made.
    """

    elsewhere_first: Callable[[datetime, datetime], object] = lambda _from_at, _to_at: None
    _days: set[int] = field(default_factory=set)

    def ensure(self, connection: Connection, from_at: datetime, to_at: datetime) -> list[str]:
        """Do as ``ensure_partitions``, without asking the database about days that are known."""
        start, end = _whole_seconds(from_at, to_at)
        unknown = set(range(start // DAY_S, -(-end // DAY_S))) - self._days
        if not unknown:
            return []
        first, end_at = _at(min(unknown) * DAY_S), _at((max(unknown) + 1) * DAY_S)
        if any(_missing(connection, _whole_seconds(first, end_at))):
            self.elsewhere_first(first, end_at)
        made = ensure_partitions(connection, first, end_at)
        self._days |= unknown
        return made


def partitioned_tables(connection: Connection) -> list[PartitionedTable]:
    """Return the partitioned tables of the mart with the spans they cover.

    Raises:
        NoPartitionRule: a table has no row in ``ops.partition_rule``.
    """
    tables = []
    for schema, name, key_kind, interval_days, bounds in connection.execute(sql_text("db/partitioned_tables")):
        if key_kind is None:
            raise errors.NoPartitionRule(
                f'partitioned table "{schema}.{name}" has no rule for its partitions',
                hint="Add a row for it to ops.partition_rule. Nothing was changed.",
            )
        covered = tuple(sorted(span_of(bound, key_kind) for bound in bounds))
        tables.append(PartitionedTable(schema, name, key_kind, interval_days, covered))
    return tables


def _make_some(connection: Connection, span: Span, schema: str | None) -> list[str]:
    """Make the next hundred that are missing, in one transaction; return their names, none when all exist."""
    with connection.transaction():
        # A look first without the lock: nearly always there is nothing to do.
        if not any(_missing(connection, span, schema)):
            return []
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("partitions"),))
        made = list(islice(_missing(connection, span, schema), PARTITIONS_A_TRANSACTION))
        for table, part in made:
            _make(connection, table, part)
    return [f"{table.schema}.{table.partition_name(part)}" for table, part in made]


def _missing(connection: Connection, span: Span, schema: str | None = None) -> Iterator[tuple[PartitionedTable, Span]]:
    for table in partitioned_tables(connection):
        if schema is not None and table.schema != schema:
            continue
        for part in table.missing(span):
            yield table, part


def _make(connection: Connection, table: PartitionedTable, part: Span) -> None:
    root = sql.Identifier(table.schema, table.name)
    name = sql.Identifier(table.schema, table.partition_name(part))
    connection.execute(
        sql.SQL(
            "CREATE TABLE {name} (LIKE {root} INCLUDING ALL EXCLUDING COMMENTS);"
            "ALTER TABLE {root} ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})"
        ).format(name=name, root=root, start=table.bound(part[0]), end=table.bound(part[1]))
    )
    fence_as_root(connection, name, root)


def fence_as_root(connection: Connection, part: sql.Identifier, root: sql.Identifier) -> None:
    """Put a partition behind a fence if its table is behind one, since statement triggers are not handed down.

    A partition without the fence of its table would be a way round it.
    """
    connection.execute(
        "SELECT ops.fence_table(%s::regclass) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = 'fence'",
        (part.as_string(connection), root.as_string(connection)),
    )


def _without(span: Span, covered: Iterable[Span]) -> Iterator[Span]:
    """Yield what is left of a span when the covered ones, sorted and disjoint, are taken out."""
    start, end = span
    for covered_start, covered_end in covered:
        if covered_end <= start or covered_start >= end:
            continue
        if start < covered_start:
            yield start, covered_start
        start = covered_end
    if start < end:
        yield start, end


def in_words(span: Span) -> str:
    """Return a span as people read it.

    >>> in_words((0, 86400)), in_words((FOREVER, 86400))
    ('from 1970-01-01 to 1970-01-02', 'before 1970-01-02')
    """
    start, end = span
    return f"before {_at(end):%Y-%m-%d}" if start == FOREVER else f"from {_at(start):%Y-%m-%d} to {_at(end):%Y-%m-%d}"


def span_of(bound: str, key_kind: str) -> Span:
    """Read the bounds of a partition as PostgreSQL writes them, in a session that speaks UTC."""
    parts = _BOUND.fullmatch(bound)
    if parts is None:
        raise ValueError(f"partition bound not understood: {bound}")
    start, end = (_second_of(parts[name], key_kind) for name in ("start", "end"))
    return start, end


def _second_of(value: str, key_kind: str) -> int:
    if value == "MINVALUE":
        return FOREVER
    return int(value) if key_kind == "epoch" else _second(datetime.fromisoformat(value))


def _whole_seconds(from_at: datetime, to_at: datetime) -> Span:
    return _second(from_at), -int(-to_at.timestamp() // 1)


def _second(at: datetime) -> int:
    return int(at.timestamp() // 1)


def _at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
