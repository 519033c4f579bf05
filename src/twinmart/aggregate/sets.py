"""The sets of aggregates, and the statements that compute and store them, made of their files and the catalog.

A file in ``sql/aggregate`` gives rows: what one fact adds to each measure of each interval. Adding them up by the keys
of a set, and a lower level into a higher one, is the same for all sets and needs no file.
"""

from collections.abc import Iterable
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
class Rows:
    """A file with rows of facts, and what it takes to read these once for several sets.

    ``reach`` is the file that tells how far those facts are from the span that its rows take in as well. The set
    ``like`` has all the measures of the file; ``more_keys`` are keys that other sets need beside those of that one.
    """

    file: str
    reach: str | None = None
    like: str | None = None
    more_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AggregateSet:
    """A set: its name, its rows, and a second file where it has fewer or more of them than other sets."""

    name: str
    rows: Rows
    part: str | None = None


_AGENT = Rows("agent", like="agent_queue", more_keys=("member_at",))
_QUEUE = Rows("queue", reach="queue_reach", like="queue", more_keys=("time_range_key", "bucket"))

SETS = (
    AggregateSet("agent", _AGENT),
    AggregateSet("agent_grp", _AGENT, part="agent_grp"),
    AggregateSet("agent_queue", _AGENT, part="agent_queue"),
    AggregateSet("i_agent", Rows("i_agent", reach="i_agent_reach")),
    AggregateSet("i_sess_state", Rows("i_sess_state")),
    AggregateSet("i_state_rsn", Rows("i_state_rsn")),
    AggregateSet("id", Rows("id", reach="id_reach")),
    AggregateSet("queue", _QUEUE),
    AggregateSet("queue_abn", Rows("queue_abn", reach="queue_abn_reach")),
    AggregateSet("queue_acc_agent", _QUEUE, part="queue_acc_agent"),
)
BY_NAME = {one.name: one for one in SETS}


@dataclass(frozen=True)
class Shape:
    """A set with its columns, and the statements made of both.

    Every statement takes ``tenant_key`` and the span ``from_key <= date_time_key < to_key`` as parameters; those that
    read facts also how far they reach. If it is shared, it reads what ``share`` has added up for several sets.
    """

    of: AggregateSet
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    is_shared: bool = False

    @classmethod
    def read(cls, connection: Connection) -> dict[str, Self]:
        """Read the columns of all sets from the catalog: primary keys, and measures, which are all others."""
        rows = connection.execute(sql_text("aggregate/columns"), {"sets": [one.name for one in SETS]}).fetchall()
        return {name: cls(BY_NAME[name], tuple(keys), tuple(measures)) for name, keys, measures in rows}

    @property
    def changes(self) -> sql.Identifier:
        """The temporary table of rows that little news changes: by how much, at which level."""
        return sql.Identifier(f"change_{self.of.name}")

    def stored(self, level: Level) -> sql.Identifier:
        """The table of a level."""
        return sql.Identifier("agg", f"{self.of.name}_{level}")

    @property
    def shared(self) -> sql.Identifier:
        """The temporary table of rows of facts that several sets read, for the life of a transaction."""
        return sql.Identifier(f"shared_{self.of.rows.file}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys and measures."""
        return (*self.keys, *self.measures)

    @property
    def others(self) -> tuple[str, ...]:
        """Keys but tenant and interval."""
        return tuple(name for name in self.keys if name not in ("tenant_key", "date_time_key"))

    def make(self) -> sql.Composed:
        """Make the temporary table, empty, for the life of the connection."""
        return sql.SQL(
            "CREATE TEMPORARY TABLE {} ON COMMIT DELETE ROWS AS"
            " SELECT NULL::text AS level, {}, NULL::boolean AS is_gone, NULL::boolean AS is_less FROM {} WITH NO DATA"
        ).format(self.changes, _listed(self.columns), self.stored(Level.SUBHR))

    def share(self) -> sql.Composed:
        """Make the table of rows that several sets read: those of this one, which has all measures, by more keys."""
        return sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM ({}) AS part GROUP BY {}").format(
            self.shared,
            sql.SQL(", ").join([*(sql.Identifier("part", key) for key in self._shared_keys), *self._sums("part")]),
            sql.SQL(sql_text(f"aggregate/{self.of.rows.file}")),
            _listed(self._shared_keys, "part"),
        )

    def compute(self, level: Level, *, only_changed: bool = False) -> sql.Composed:
        """SELECT the rows of a level: the lowest from the facts, any other from the level below."""
        return (
            self._from_facts
            if level is Level.SUBHR
            else self._from_lower(level, self._among(level, only_changed=only_changed))
        )

    def insert(self, level: Level) -> sql.Composed:
        """Insert the rows computed where nothing is stored yet."""
        return sql.SQL("INSERT INTO {} ({}) {}").format(self.stored(level), _listed(self.columns), self.compute(level))

    def any_stored(self, level: Level) -> sql.Composed:
        """Say whether anything is stored for the span."""
        return sql.SQL("SELECT EXISTS (SELECT FROM {} AS known WHERE {})").format(self.stored(level), _IN_SPAN)

    def bring(self, level: Level) -> sql.Composed:
        """Bring what is stored to what is computed; rows that are the same are not touched."""
        return self._merge(level, self._changed(level, only_changed=False), keeps_greatest=False)

    def note(self, level: Level) -> sql.Composed:
        """Note what differs at 15 minutes; at the hour, of those who differed at 15 minutes.

        Tells how many rows these are, and whether one is gone or its longest time less than before, which cannot be
        added to higher levels.
        """
        return sql.SQL(
            "WITH noted AS (INSERT INTO {} SELECT {}, * FROM ({}) AS change RETURNING is_less)"
            " SELECT count(*), coalesce(bool_or(is_less), false) FROM noted"
        ).format(self.changes, sql.Literal(str(level)), self._changed(level, only_changed=level is not Level.SUBHR))

    def apply(self, level: Level) -> sql.Composed:
        """Apply the changes noted for a level to it."""
        return self._merge(level, self._noted(level), keeps_greatest=False)

    def carry(self, level: Level, noted: Level) -> sql.Composed:
        """Add the changes noted for a level to one above it."""
        begin = sql.SQL("agg.level_key({}, change.date_time_key)").format(sql.Literal(str(level)))
        added = sql.SQL("SELECT {}, false AS is_gone FROM {} AS change WHERE level = {} GROUP BY {}").format(
            self._added("change", begin), self.changes, sql.Literal(str(noted)), self._grouped("change", begin)
        )
        return self._merge(level, added, keeps_greatest=True)

    def differing(self, level: Level) -> sql.Composed:
        """SELECT rows that are computed and not stored so, or stored and not computed so; without requests pending."""
        columns = _listed(self.columns)
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

    @property
    def _shared_keys(self) -> tuple[str, ...]:
        return (*self.keys, *self.of.rows.more_keys)

    @property
    def _from_facts(self) -> sql.Composed:
        rows = sql.SQL(sql_text(f"aggregate/{self.of.rows.file}"))
        return sql.SQL("WITH part AS ({}) SELECT {} FROM ({}) AS made GROUP BY {}").format(
            sql.SQL("TABLE {}").format(self.shared) if self.is_shared else rows,
            self._added("made", sql.Identifier("made", "date_time_key")),
            sql.SQL("TABLE part" if self.of.part is None else sql_text(f"aggregate/{self.of.part}")),
            _listed(self.keys, "made"),
        )

    def _among(self, level: Level, *, only_changed: bool) -> sql.Composable:
        """Only those whose rows at the level below were noted."""
        if not only_changed:
            return sql.SQL("")
        return sql.SQL(" AND ({}) IN (SELECT {} FROM {} WHERE level = {})").format(
            _listed(self.others, "known"), _listed(self.others), self.changes, sql.Literal(str(level.below))
        )

    def _changed(self, level: Level, *, only_changed: bool) -> sql.Composed:
        """SELECT rows that differ, with by how much; a longest time as it is now."""
        keys = [
            sql.SQL("coalesce({}, {}) AS {}").format(
                *(sql.Identifier(*one) for one in (("found", k), ("known", k), (k,)))
            )
            for k in self.keys
        ]
        measures = [
            sql.SQL("coalesce({}, 0){} AS {}").format(
                sql.Identifier("found", name),
                sql.SQL("")
                if _is_longest(name)
                else sql.SQL(" - coalesce({}, 0)").format(sql.Identifier("known", name)),
                sql.Identifier(name),
            )
            for name in self.measures
        ]
        less = [
            sql.SQL("{} < {}").format(sql.Identifier("found", name), sql.Identifier("known", name))
            for name in self.measures
            if _is_longest(name)
        ]
        return sql.SQL(
            "SELECT {columns}, found.tenant_key IS NULL AS is_gone, {less} AS is_less FROM ({found}) AS found"
            " FULL JOIN (SELECT {listed} FROM {stored} AS known WHERE {in_span}{among}) AS known ON {same_key}"
            " WHERE found.tenant_key IS NULL OR known.tenant_key IS NULL OR ROW({new}) IS DISTINCT FROM ROW({old})"
        ).format(
            columns=sql.SQL(", ").join([*keys, *measures]),
            less=sql.SQL(" OR ").join([sql.SQL("found.tenant_key IS NULL"), *less]),
            found=self.compute(level, only_changed=only_changed),
            listed=_listed(self.columns),
            stored=self.stored(level),
            in_span=_IN_SPAN,
            among=self._among(level, only_changed=only_changed),
            same_key=self._same_key,
            new=_listed(self.measures, "found"),
            old=_listed(self.measures, "known"),
        )

    def _noted(self, level: Level) -> sql.Composed:
        return sql.SQL("SELECT * FROM {} WHERE level = {}").format(self.changes, sql.Literal(str(level)))

    def _merge(self, level: Level, changes: sql.Composed, *, keeps_greatest: bool) -> sql.Composed:
        """Merge changes: what is gone is deleted, all else added; a longest time is the new one, or the greater one."""
        longest = sql.SQL("greatest({known}, {found})" if keeps_greatest else "{found}")
        return sql.SQL(
            "MERGE INTO {stored} AS known USING ({changes}) AS found ON {same_key} AND {in_span}"
            " WHEN MATCHED AND found.is_gone THEN DELETE WHEN MATCHED THEN UPDATE SET {updates}"
            " WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})"
        ).format(
            stored=self.stored(level),
            changes=changes,
            same_key=self._same_key,
            in_span=_IN_SPAN,
            updates=sql.SQL(", ").join(
                sql.SQL("{} = {}").format(
                    sql.Identifier(name),
                    (longest if _is_longest(name) else sql.SQL("{known} + {found}")).format(
                        known=sql.Identifier("known", name), found=sql.Identifier("found", name)
                    ),
                )
                for name in self.measures
            ),
            columns=_listed(self.columns),
            values=_listed(self.columns, "found"),
        )

    def _from_lower(self, level: Level, among: sql.Composable) -> sql.Composed:
        begin = sql.SQL("agg.level_key({}, known.date_time_key)").format(sql.Literal(str(level)))
        return sql.SQL("SELECT {} FROM {} AS known WHERE {}{} GROUP BY {}").format(
            self._added("known", begin),
            self.stored(level.below),
            _IN_SPAN,
            among,
            self._grouped("known", begin),
        )

    def _grouped(self, table: str, begin: sql.Composable) -> sql.Composed:
        return sql.SQL(", ").join(
            begin if name == "date_time_key" else sql.Identifier(table, name) for name in self.keys
        )

    def _added(self, table: str, begin: sql.Composable) -> sql.Composed:
        """List keys and added-up measures; a longest time is the greatest of its parts."""
        keys = [begin if name == "date_time_key" else sql.Identifier(table, name) for name in self.keys]
        pairs = zip(keys, self.keys, strict=True)
        named = [sql.SQL("{} AS {}").format(key, sql.Identifier(name)) for key, name in pairs]
        return sql.SQL(", ").join([*named, *self._sums(table)])

    def _sums(self, table: str) -> list[sql.Composed]:
        return [
            sql.SQL("{}({})::bigint AS {}").format(
                sql.SQL("max" if _is_longest(name) else "sum"), sql.Identifier(table, name), sql.Identifier(name)
            )
            for name in self.measures
        ]

    @cached_property
    def _same_key(self) -> sql.Composed:
        pairs = ((sql.Identifier("known", name), sql.Identifier("found", name)) for name in self.keys)
        return sql.SQL(" AND ").join(sql.SQL("{} = {}").format(*pair) for pair in pairs)


_IN_SPAN = sql.SQL(
    "known.tenant_key = %(tenant_key)s AND known.date_time_key >= %(from_key)s AND known.date_time_key < %(to_key)s"
)


def _is_longest(measure: str) -> bool:
    return measure.endswith("_max_ms")


def _listed(names: Iterable[str], prefix: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(prefix, name) if prefix else sql.Identifier(name) for name in names)
