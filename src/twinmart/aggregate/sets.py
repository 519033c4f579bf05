"""The sets of aggregates, and the statements that compute and store them, made of their files and the catalog.

A file in ``sql/aggregate`` gives rows: what one fact adds to each measure of each interval. Adding them up by the keys
of a set, and a lower level into a higher one, is the same for all sets and needs no file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Self

from psycopg import sql

from twinmart.db.connect import Connection
from twinmart.db.sqlfiles import sql_text


class Level(StrEnum):
    """Levels that are stored, from the lowest; the others are views over them."""

    SUBHR = "subhr"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    @property
    def below(self) -> "Level":
        """The level of which this one is added up."""
        levels = list(Level)
        return levels[levels.index(self) - 1]


@dataclass(frozen=True, slots=True)
class AggregateSet:
    """A set: its name, the file with its rows, and a second file where those are rows of another set, fewer or more."""

    name: str
    rows: str
    is_clipped: bool = False
    part: str | None = None
    # Joins rows that it grouped first, which have no index: looked up one by one, they cost the square of their number.
    has_grouped_join: bool = False


SETS = (
    AggregateSet("agent", "agent"),
    AggregateSet("agent_grp", "agent", part="agent_grp"),
    AggregateSet("agent_queue", "agent", part="agent_queue"),
    AggregateSet("i_agent", "i_agent", is_clipped=True),
    AggregateSet("i_sess_state", "i_sess_state", is_clipped=True),
    AggregateSet("i_state_rsn", "i_state_rsn", is_clipped=True),
    AggregateSet("id", "id", has_grouped_join=True),
    AggregateSet("queue", "queue"),
    AggregateSet("queue_abn", "queue_abn"),
    AggregateSet("queue_acc_agent", "queue_acc_agent"),
)
BY_NAME = {one.name: one for one in SETS}


@dataclass(frozen=True)
class Shape:
    """A set with its columns, and the statements made of both.

    Every statement takes ``tenant_key`` and the span ``from_key <= date_time_key < to_key`` as parameters.
    """

    of: AggregateSet
    keys: tuple[str, ...]
    measures: tuple[str, ...]

    @classmethod
    def read(cls, connection: Connection) -> dict[str, Self]:
        """Read the columns of all sets from the catalog: primary keys, and measures, which are all others."""
        rows = connection.execute(sql_text("aggregate/columns"), {"sets": [one.name for one in SETS]}).fetchall()
        return {name: cls(BY_NAME[name], tuple(keys), tuple(measures)) for name, keys, measures in rows}

    @property
    def computed(self) -> sql.Identifier:
        """The temporary table in which new rows are compared with those stored."""
        return sql.Identifier(f"new_{self.of.name}")

    def stored(self, level: Level) -> sql.Identifier:
        """The table of a level."""
        return sql.Identifier("agg", f"{self.of.name}_{level}")

    @property
    def moved(self) -> sql.Identifier:
        """The temporary table of those whose rows at 15 minutes differed: all keys but tenant and interval."""
        return sql.Identifier(f"moved_{self.of.name}")

    @property
    def others(self) -> tuple[str, ...]:
        """Keys but tenant and interval."""
        return tuple(name for name in self.keys if name not in ("tenant_key", "date_time_key"))

    def make(self) -> Iterator[sql.Composed]:
        """Make the temporary tables, empty, for the life of the connection."""
        for name, columns in (self.computed, (*self.keys, *self.measures)), (self.moved, self.others):
            yield sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA").format(
                name, _listed(columns), self.stored(Level.SUBHR)
            )

    def analyze_computed(self) -> sql.Composed:
        """Give the planner statistics of the temporary table."""
        return sql.SQL("ANALYZE {}").format(self.computed)

    def empty_computed(self) -> sql.Composed:
        """Empty the temporary table for the next level."""
        return sql.SQL("TRUNCATE {}").format(self.computed)

    def compute(self, level: Level, *, only_moved: bool = False) -> sql.Composed:
        """SELECT the rows of a level: the lowest from the facts, any other from the level below."""
        return self._from_facts if level is Level.SUBHR else self._from_lower(level, self._among(only_moved=only_moved))

    def insert(self, target: sql.Identifier, level: Level, *, only_moved: bool = False) -> sql.Composed:
        """Insert the rows computed into a table."""
        columns = (*self.keys, *self.measures)
        return sql.SQL("INSERT INTO {} ({}) {}").format(
            target, _listed(columns), self.compute(level, only_moved=only_moved)
        )

    def note_moved(self) -> sql.Composed:
        """Note whose rows computed for 15 minutes differ from those stored."""
        return sql.SQL(
            "INSERT INTO {moved} SELECT DISTINCT {others} FROM ((SELECT {columns} FROM {computed} EXCEPT {stored})"
            " UNION ALL ({stored} EXCEPT SELECT {columns} FROM {computed})) AS differing"
        ).format(
            moved=self.moved,
            others=_listed(self.others),
            columns=_listed((*self.keys, *self.measures)),
            computed=self.computed,
            stored=sql.SQL("SELECT {} FROM {} AS known WHERE {}").format(
                _listed((*self.keys, *self.measures)), self.stored(Level.SUBHR), _IN_SPAN
            ),
        )

    def any_stored(self, level: Level) -> sql.Composed:
        """Say whether anything is stored for the span."""
        return sql.SQL("SELECT EXISTS (SELECT FROM {} AS known WHERE {})").format(self.stored(level), _IN_SPAN)

    def delete(self, level: Level, *, only_moved: bool = False) -> sql.Composed:
        """Delete what is stored and no longer computed."""
        return sql.SQL("DELETE FROM {} AS known WHERE {}{} AND NOT EXISTS (SELECT FROM {} AS found WHERE {})").format(
            self.stored(level), _IN_SPAN, self._among(only_moved=only_moved), self.computed, self._same_key
        )

    def merge(self, level: Level) -> sql.Composed:
        """Insert what is new and change what differs; rows that are the same are not touched."""
        columns = (*self.keys, *self.measures)
        return sql.SQL(
            "MERGE INTO {stored} AS known USING {computed} AS found ON {same_key} AND {in_span}"
            " WHEN MATCHED AND ROW({known}) IS DISTINCT FROM ROW({found}) THEN UPDATE SET {changes}"
            " WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})"
        ).format(
            stored=self.stored(level),
            computed=self.computed,
            same_key=self._same_key,
            in_span=_IN_SPAN,
            known=_listed(self.measures, "known"),
            found=_listed(self.measures, "found"),
            changes=sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(name), sql.Identifier("found", name)) for name in self.measures
            ),
            columns=_listed(columns),
            values=_listed(columns, "found"),
        )

    def differing(self, level: Level) -> sql.Composed:
        """SELECT rows that are computed and not stored so, or stored and not computed so; without requests pending."""
        columns = _listed((*self.keys, *self.measures))
        return sql.SQL(
            "WITH computed AS ({compute}), stored AS (SELECT {columns} FROM {table} AS known WHERE {in_span})"
            " SELECT * FROM ((SELECT 'facts' AS says, * FROM (TABLE computed EXCEPT TABLE stored) AS one)"
            " UNION ALL (SELECT 'aggregate', * FROM (TABLE stored EXCEPT TABLE computed) AS other)) AS differing"
            " WHERE NOT EXISTS (SELECT FROM ctl.aggregate_request AS request WHERE request.set_name = {name}"
            " AND request.tenant_key = differing.tenant_key"
            " AND agg.level_key({level}, request.date_time_key) = differing.date_time_key)"
            " ORDER BY date_time_key, 1 LIMIT %(most)s"
        ).format(
            compute=self.compute(level),
            columns=columns,
            table=self.stored(level),
            in_span=_IN_SPAN,
            name=sql.Literal(self.of.name),
            level=sql.Literal(str(level)),
        )

    @cached_property
    def _from_facts(self) -> sql.Composed:
        rows = sql.SQL(sql_text(f"aggregate/{self.of.rows}"))
        if self.of.part is None:
            return sql.SQL("SELECT {} FROM ({}) AS part GROUP BY {}").format(
                self._added("part", sql.Identifier("part", "date_time_key")), rows, _listed(self.keys, "part")
            )
        return sql.SQL("WITH part AS ({}) SELECT {} FROM ({}) AS made GROUP BY {}").format(
            rows,
            self._added("made", sql.Identifier("made", "date_time_key")),
            sql.SQL(sql_text(f"aggregate/{self.of.part}")),
            _listed(self.keys, "made"),
        )

    def _among(self, *, only_moved: bool) -> sql.Composable:
        if not only_moved:
            return sql.SQL("")
        return sql.SQL(" AND ({}) IN (SELECT {} FROM {})").format(
            _listed(self.others, "known"), _listed(self.others), self.moved
        )

    def _from_lower(self, level: Level, among: sql.Composable) -> sql.Composed:
        begin = sql.SQL("agg.level_key({}, known.date_time_key)").format(sql.Literal(str(level)))
        return sql.SQL("SELECT {} FROM {} AS known WHERE {}{} GROUP BY {}").format(
            self._added("known", begin),
            self.stored(level.below),
            _IN_SPAN,
            among,
            sql.SQL(", ").join(
                begin if name == "date_time_key" else sql.Identifier("known", name) for name in self.keys
            ),
        )

    def _added(self, table: str, begin: sql.Composable) -> sql.Composed:
        """List keys and added-up measures; a longest time is the greatest of its parts."""
        keys = [begin if name == "date_time_key" else sql.Identifier(table, name) for name in self.keys]
        pairs = zip(keys, self.keys, strict=True)
        named = [sql.SQL("{} AS {}").format(key, sql.Identifier(name)) for key, name in pairs]
        added = [
            sql.SQL("{}({})::bigint AS {}").format(
                sql.SQL("max" if name.endswith("_max_ms") else "sum"), sql.Identifier(table, name), sql.Identifier(name)
            )
            for name in self.measures
        ]
        return sql.SQL(", ").join([*named, *added])

    @cached_property
    def _same_key(self) -> sql.Composed:
        pairs = ((sql.Identifier("known", name), sql.Identifier("found", name)) for name in self.keys)
        return sql.SQL(" AND ").join(sql.SQL("{} = {}").format(*pair) for pair in pairs)


_IN_SPAN = sql.SQL(
    "known.tenant_key = %(tenant_key)s AND known.date_time_key >= %(from_key)s AND known.date_time_key < %(to_key)s"
)


def _listed(names: Iterable[str], prefix: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(prefix, name) if prefix else sql.Identifier(name) for name in names)
