"""Rebuilds the intervals of one set in one transaction: computes them anew, stores what differs, takes the requests.

Killed at any moment, the transaction is gone as a whole and its requests are still there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from twinmart.aggregate.sets import Level, Shape
from twinmart.aggregate.thresholds import make_thresholds
from twinmart.aggregate.work import Unit
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.etl.transform import check_epoch

# So many rows or more are worth statistics before they are compared.
ANALYZE_FROM = 20_000

# The groups of a day of thousands of agents fit into it.
WORK_MEM = "64MB"


@dataclass(slots=True)
class Rebuilder:
    """Rebuilds in one mart over one connection; a mart whose epoch has moved on refuses it."""

    mart: Connection
    site: int
    epoch: int
    shapes: Mapping[str, Shape]
    _made: set[str] = field(default_factory=set)

    def prepare(self) -> None:
        """Read the thresholds that hold for the life of this connection's work, and set the planner for it."""
        # Compiling these wide statements takes longer than running them; writers are parallel already.
        self.mart.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
        self.mart.execute("SELECT set_config('work_mem', %s, false)", (WORK_MEM,))
        make_thresholds(self.mart)
        self.mart.execute(sql_text("aggregate/time_range"))

    def rebuild(self, unit: Unit) -> int:
        """Rebuild a unit and return how many stored rows changed.

        Raises:
            SiteFenced: another site is active, or has been since this began; nothing was changed.
        """
        shape = self._shape(unit.set_name)
        with self.mart.transaction():
            check_epoch(self.mart, self.site, self.epoch)
            if not unit.is_small or shape.of.has_grouped_join:
                self.mart.execute("SET LOCAL enable_nestloop = off")
            name = {"set_name": unit.set_name}
            taken = self.mart.execute(sql_text("aggregate/take"), {**unit.span(), **name, "level": unit.level})
            if not taken.rowcount:
                # Done meanwhile by the writer that had it when the list was read.
                return 0
            changed = self._store(shape, unit)
            if not changed:
                return 0
            spans = list(unit.higher_spans())
            changed += sum(self._store_higher(shape, Level(level), span, unit) for level, span in spans)
            reached = Level(spans[-1][0] if spans else unit.level)
            if reached is not Level.MONTH:
                higher = Level.DAY if reached is Level.HOUR else Level.MONTH
                self.mart.execute(sql_text("aggregate/request_higher"), {**unit.span(), **name, "level": str(higher)})
        return changed

    def _store(self, shape: Shape, unit: Unit) -> int:
        """Bring the rows of a unit to what they should be; where nothing is stored yet, without a detour."""
        level, span = Level(unit.level), unit.span()
        if not unit.is_small and self.mart.execute(shape.any_stored(level), span).fetchone() == (False,):
            return self.mart.execute(shape.insert(shape.stored(level), level), span).rowcount
        found = self.mart.execute(shape.insert(shape.computed, level), span).rowcount
        if found >= ANALYZE_FROM:
            self.mart.execute(shape.analyze_computed())
        if unit.is_small and not self.mart.execute(shape.note_moved(), span).rowcount:
            return 0
        return self._bring(shape, level, span, only_moved=False)

    def _store_higher(self, shape: Shape, level: Level, span: dict[str, object], unit: Unit) -> int:
        """Add up a higher level in the same transaction: after little news only of those whose rows differed."""
        if not unit.is_small and self.mart.execute(shape.any_stored(level), span).fetchone() == (False,):
            return self.mart.execute(shape.insert(shape.stored(level), level), span).rowcount
        self.mart.execute(shape.insert(shape.computed, level, only_moved=unit.is_small), span)
        return self._bring(shape, level, span, only_moved=unit.is_small)

    def _bring(self, shape: Shape, level: Level, span: dict[str, object], *, only_moved: bool) -> int:
        changed = self.mart.execute(shape.delete(level, only_moved=only_moved), span).rowcount
        changed += self.mart.execute(shape.merge(level), span).rowcount
        self.mart.execute(shape.empty_computed())
        return changed

    def _shape(self, name: str) -> Shape:
        shape = self.shapes[name]
        if name not in self._made:
            for statement in shape.make():
                self.mart.execute(statement)
            self._made.add(name)
        return shape
