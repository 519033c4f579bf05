"""Rebuilds the intervals of one set in one transaction: computes them anew, stores what differs, takes the requests.

Killed at any moment, the transaction is gone as a whole and its requests are still there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from psycopg import sql

from twinmart.aggregate.described import is_described, make_described
from twinmart.aggregate.groups import make_members
from twinmart.aggregate.sets import Level, Shape
from twinmart.aggregate.thresholds import make_thresholds
from twinmart.aggregate.work import Unit
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.etl.transform import check_epoch

# The groups of a day of thousands of agents fit into it.
WORK_MEM = "64MB"


# Compiling these wide statements takes longer than running them, and writers are parallel already. The newest interval
# has grown since statistics were made, so the planner takes a few rows for granted, and looks many up one by one. In an
# interval the order of keys is not that of the heap: by a bitmap each page is read once, in half the time. For that
# files fence off their facts with OFFSET 0: where a sort by the partition key would be of use above, PostgreSQL 18
# takes an index scan all the same.
_SETTINGS = {
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "enable_nestloop": "off",
    "enable_indexscan": "off",
    "work_mem": WORK_MEM,
}


def set_planner(mart: Connection, *, is_local: bool = True) -> None:
    """Set the planner for the statements of sets, for the transaction or for the life of the connection."""
    for name, value in _SETTINGS.items():
        mart.execute("SELECT set_config(%s, %s, %s)", (name, value, is_local))


def reaching(mart: Connection, shape: Shape, span: Mapping[str, object]) -> dict[str, object]:
    """Add to a span how far its facts reach into others; the planner, told so, looks into no other partition."""
    if shape.of.rows.reach is None:
        return dict(span)
    found = mart.execute(sql_text(f"aggregate/{shape.of.rows.reach}"), span).fetchone()
    first_key, last_key = found or (None, None)
    return {**span, "first_key": first_key, "last_key": last_key}


@cache
def _text(make: Callable[..., sql.Composed], *of: object) -> bytes:
    """Return the text of a statement of a shape; putting it together takes as long as running a small one."""
    return make(*of).as_bytes()


@dataclass(slots=True)
class Rebuilder:
    """Rebuilds in one mart over one connection; a mart whose epoch has moved on refuses it."""

    mart: Connection
    site: int
    epoch: int
    shapes: Mapping[str, Shape]
    _made: set[str] = field(default_factory=set)
    _is_described: bool = False

    def prepare(self) -> None:
        """Read the thresholds that hold for the life of this connection's work, and set the planner for it.

        Nobody waits for the disk: a unit that a crash of the server takes back is still requested.
        """
        set_planner(self.mart, is_local=False)
        self.mart.execute("SET synchronous_commit TO off")
        make_thresholds(self.mart)
        make_members(self.mart)
        self._is_described = make_described(self.mart)
        self.mart.execute(sql_text("aggregate/time_range"))

    def rebuild(self, unit: Unit) -> int:
        """Rebuild a unit and return how many stored rows changed.

        Raises:
            SiteFenced: another site is active, or has been since this began; nothing was changed.
        """
        with self.mart.transaction():
            check_epoch(self.mart, self.site, self.epoch)
            wanted = {**unit.span(), "set_names": list(unit.set_names), "level": unit.level}
            taken = {name for (name,) in self.mart.execute(sql_text("aggregate/take"), wanted)}
            if not taken:
                # Done meanwhile by the writer that had it when the list was read.
                return 0
            if unit.is_small:
                # Few groups of many wide rows: hashing them is a fifth cheaper than sorting.
                self.mart.execute("SET LOCAL enable_sort TO off")
            # The first business attributes of a mart may have come since the view was made.
            has_come = not self._is_described and is_described(self.mart) and make_described(self.mart)
            shapes, facts = self._read_facts([self.shapes[name] for name in unit.set_names if name in taken], unit)
            changed = sum(self._store(shape, unit, facts) for shape in shapes)
        self._is_described = self._is_described or has_come
        return changed

    def _read_facts(self, shapes: list[Shape], unit: Unit) -> tuple[list[Shape], dict[str, object]]:
        """Find out how far the facts of a unit of 15 minutes reach, and add them up once if several sets read them."""
        if unit.level != Level.SUBHR:
            return shapes, unit.span()
        facts = reaching(self.mart, shapes[0], unit.span())
        if len(shapes) == 1:
            return shapes, facts
        like = next(self.shapes[name] for shape in shapes if (name := shape.of.rows.like) is not None)
        self.mart.execute(_text(Shape.share, like), facts)
        return [replace(shape, is_shared=True) for shape in shapes], facts

    def _store(self, shape: Shape, unit: Unit, facts: Mapping[str, object]) -> int:
        store = self._store_small if unit.is_small else self._store_whole
        changed, reached = store(shape, unit, facts)
        if (changed or unit.is_redo) and reached is not Level.MONTH:
            level = Level.DAY if reached is Level.HOUR else Level.MONTH
            higher = {"set_name": shape.of.name, "level": str(level), "is_redo": unit.is_redo}
            self.mart.execute(sql_text("aggregate/request_higher"), {**unit.span(), **higher})
        return changed

    def _store_whole(self, shape: Shape, unit: Unit, facts: Mapping[str, object]) -> tuple[int, Level]:
        """Bring the rows of a unit, and its hours if it is of 15 minutes; return rows changed and the level reached."""
        changed, reached = 0, Level(unit.level)
        for level, span in ((unit.level, facts), *unit.higher_spans()):
            reached = Level(level)
            is_new = self.mart.execute(_text(Shape.any_stored, shape, reached), span).fetchone() == (False,)
            make = Shape.insert if is_new else Shape.bring
            changed += self.mart.execute(_text(make, shape, reached), span).rowcount
        return changed, reached

    def _store_small(self, shape: Shape, unit: Unit, facts: Mapping[str, object]) -> tuple[int, Level]:
        """Store what little news changes; levels above are told by how much, so they cost what the news is worth.

        What is less than before cannot be told so: then the hour is added up anew, and those above it are asked for.
        """
        self._make(shape)
        spans = {Level(level): span for level, span in unit.higher_spans()}
        noted, is_less = self._note(shape, Level.SUBHR, facts)
        if not noted:
            return 0, Level.SUBHR
        changed = self.mart.execute(_text(Shape.apply, shape, Level.SUBHR), facts).rowcount
        told = Level.SUBHR
        if is_less:
            noted, is_less = self._note(shape, Level.HOUR, spans[Level.HOUR])
            if noted:
                changed += self.mart.execute(_text(Shape.apply, shape, Level.HOUR), spans[Level.HOUR]).rowcount
            if is_less or not noted:
                return changed, Level.HOUR
            told = Level.HOUR
        for level, span in spans.items():
            if level is not told:
                changed += self.mart.execute(_text(Shape.carry, shape, level, told), span).rowcount
        return changed, max(spans, key=list(Level).index)

    def _note(self, shape: Shape, level: Level, span: Mapping[str, object]) -> tuple[int, bool]:
        row = self.mart.execute(_text(Shape.note, shape, level), span).fetchone()
        return (int(row[0]), bool(row[1])) if row else (0, False)

    def _make(self, shape: Shape) -> None:
        if shape.of.name not in self._made:
            self.mart.execute(_text(Shape.make, shape))
            self._made.add(shape.of.name)
