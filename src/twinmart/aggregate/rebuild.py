"""Rebuilds the intervals of one set in one transaction: computes them anew, stores what differs, takes the requests.

Killed at any moment, the transaction is gone as a whole and its requests are still there.
"""

from dataclasses import dataclass, field

from twinmart.aggregate.sets import BY_NAME, Level, Shape
from twinmart.aggregate.thresholds import make_thresholds
from twinmart.aggregate.work import Unit
from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text
from twinmart.etl.transform import check_epoch

# So many rows or more are worth statistics before they are compared.
ANALYZE_FROM = 20_000

# From so many intervals on, joins read whole days, and the planner shall not look up fact by fact.
HASH_FROM_S = 8 * 900


@dataclass(slots=True)
class Rebuilder:
    """Rebuilds in one mart over one connection; a mart whose epoch has moved on refuses it."""

    mart: Connection
    site: int
    epoch: int
    _shapes: dict[str, Shape] = field(default_factory=dict)

    def prepare(self) -> None:
        """Read the thresholds that hold for the life of this connection's work, and set the planner for it."""
        # Compiling these wide statements takes longer than running them.
        self.mart.execute("SET jit = off")
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
            if unit.to_key - unit.from_key >= HASH_FROM_S:
                self.mart.execute("SET LOCAL enable_nestloop = off")
            name = {"set_name": unit.set_name}
            taken = self.mart.execute(sql_text("aggregate/take"), {**unit.span(), **name, "level": unit.level})
            if not taken.rowcount:
                # Done meanwhile by the writer that had it when the list was read.
                return 0
            changed = self._store(shape, Level(unit.level), unit.span())
            if not changed:
                return 0
            if unit.level == Level.SUBHR:
                hours = {"from_key": unit.from_key // 3600 * 3600, "to_key": -(-unit.to_key // 3600) * 3600}
                changed += self._store(shape, Level.HOUR, {**unit.span(), **hours})
            if unit.level != Level.MONTH:
                higher = Level.DAY if unit.level == Level.SUBHR else Level.MONTH
                self.mart.execute(sql_text("aggregate/request_higher"), {**unit.span(), **name, "level": str(higher)})
        return changed

    def _store(self, shape: Shape, level: Level, span: dict[str, object]) -> int:
        """Bring the rows of a level to what they should be; where nothing is stored yet, without a detour."""
        if self.mart.execute(shape.any_stored(level), span).fetchone() == (False,):
            return self.mart.execute(shape.insert(shape.stored(level), level), span).rowcount
        found = self.mart.execute(shape.insert(shape.computed, level), span).rowcount
        if found >= ANALYZE_FROM:
            self.mart.execute(shape.analyze_computed())
        changed = self.mart.execute(shape.delete(level), span).rowcount
        changed += self.mart.execute(shape.merge(level), span).rowcount
        self.mart.execute(shape.empty_computed())
        return changed

    def _shape(self, name: str) -> Shape:
        if name not in self._shapes:
            shape = Shape.read(self.mart, BY_NAME[name])
            self.mart.execute(shape.make_computed())
            self._shapes[name] = shape
        return self._shapes[name]
