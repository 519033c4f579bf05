"""Rebuilds the intervals of one set in one transaction: computes them anew, stores what differs, takes the requests.

Killed at any moment, the transaction is gone as a whole and its requests are still there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from twinmart.aggregate.described import is_described, make_described
from twinmart.aggregate.sets import Level, Shape
from twinmart.aggregate.thresholds import make_thresholds
from twinmart.aggregate.work import Unit
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.etl.transform import check_epoch

# The groups of a day of thousands of agents fit into it.
WORK_MEM = "64MB"


# Compiling these wide statements takes longer than running them, and writers are parallel already. The newest interval
# has grown since statistics were made, so the planner takes a few rows for granted, and looks many up one by one. Within
# an interval the order of keys is not that of the heap: by a bitmap each page is read once, in half the time. For that
# the files fence off their facts with OFFSET 0: where a sort by the partition key would be of use above, PostgreSQL 18
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
    if shape.of.reach is None:
        return dict(span)
    found = mart.execute(sql_text(f"aggregate/{shape.of.reach}"), span).fetchone()
    first_key, last_key = found or (None, None)
    return {**span, "first_key": first_key, "last_key": last_key}


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
        """Read the thresholds that hold for the life of this connection's work, and set the planner for it."""
        set_planner(self.mart, is_local=False)
        make_thresholds(self.mart)
        self._is_described = make_described(self.mart)
        self.mart.execute(sql_text("aggregate/time_range"))

    def rebuild(self, unit: Unit) -> int:
        """Rebuild a unit and return how many stored rows changed.

        Raises:
            SiteFenced: another site is active, or has been since this began; nothing was changed.
        """
        shape = self._shape(unit.set_name)
        with self.mart.transaction():
            check_epoch(self.mart, self.site, self.epoch)
            name = {"set_name": unit.set_name}
            taken = self.mart.execute(sql_text("aggregate/take"), {**unit.span(), **name, "level": unit.level})
            if not taken.rowcount:
                # Done meanwhile by the writer that had it when the list was read.
                return 0
            # The first business attributes of a mart may have come since the view was made.
            has_come = not self._is_described and is_described(self.mart) and make_described(self.mart)
            changed, reached = self._store_small(shape, unit) if unit.is_small else self._store_whole(shape, unit)
            if (changed or unit.is_redo) and reached is not Level.MONTH:
                higher = {"level": str(Level.DAY if reached is Level.HOUR else Level.MONTH), "is_redo": unit.is_redo}
                self.mart.execute(sql_text("aggregate/request_higher"), {**unit.span(), **name, **higher})
        self._is_described = self._is_described or has_come
        return changed

    def _store_whole(self, shape: Shape, unit: Unit) -> tuple[int, Level]:
        """Bring the rows of a unit, and its hours if it is of 15 minutes; return rows changed and the level reached."""
        changed, reached = 0, Level(unit.level)
        for level, span in ((unit.level, unit.span()), *unit.higher_spans()):
            reached = Level(level)
            if reached is Level.SUBHR:
                span = reaching(self.mart, shape, span)
            is_new = self.mart.execute(shape.any_stored(reached), span).fetchone() == (False,)
            changed += self.mart.execute(shape.insert(reached) if is_new else shape.bring(reached), span).rowcount
        return changed, reached

    def _store_small(self, shape: Shape, unit: Unit) -> tuple[int, Level]:
        """Store what little news changes; day and month are told by how much, so they cost what the news is worth."""
        changed, spans = 0, {Level.SUBHR: unit.span()} | {Level(level): span for level, span in unit.higher_spans()}
        spans[Level.SUBHR] = reaching(self.mart, shape, spans[Level.SUBHR])
        for level in (Level.SUBHR, Level.HOUR):
            if not self.mart.execute(shape.note(level), spans[level]).rowcount:
                return changed, level
            changed += self.mart.execute(shape.apply(level), spans[level]).rowcount
        if Level.MONTH not in spans or self.mart.execute(shape.any_less()).fetchone() == (True,):
            return changed, Level.HOUR
        changed += sum(
            self.mart.execute(shape.carry(level), spans[level]).rowcount for level in (Level.DAY, Level.MONTH)
        )
        return changed, Level.MONTH

    def _shape(self, name: str) -> Shape:
        shape = self.shapes[name]
        if name not in self._made:
            self.mart.execute(shape.make())
            self._made.add(name)
        return shape
