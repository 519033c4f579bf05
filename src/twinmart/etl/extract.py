"""Brings events from the interaction databases into ``gidb.event``, each once, and learns what links them.

The nearer twin of a source is read whole; of the other, only the minutes whose events the nearer one did not deliver
all. One transaction takes the events, what is learnt from them, and how far the database was read, so an extraction
that is broken off leaves nothing behind and is simply repeated.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import sql

from twinmart import __version__
from twinmart.config.sources import Collector
from twinmart.db.connect import Connection, lock_key
from twinmart.db.partitions import PartitionMemory
from twinmart.db.sqlfiles import sql_text
from twinmart.model.aliases import roots
from twinmart.model.events import Event

# So many rows are taken in one transaction: a long backlog is worked off in steps, each of which can be the last.
MOST_ROWS = 100_000

# Moment before which nothing is taken: events of that time are purged, and what they tell of is not computed again.
NOTHING_PURGED = datetime(1, 1, 1, tzinfo=UTC)

# Small tables are planned well without statistics; for large ones a wrong plan costs more than looking.
ANALYZE_FROM = 2_000

# Held by a transformation together with others, and by an extraction alone that reads what they write.
FACTS_LOCK = "facts"

LEARNT = (
    "channel_link",
    "login_call",
    "across_link",
    "touched_call",
    "member_queue",
    "dimension_queue",
    "dimension_reason",
)

TABLES = (
    "extract/incoming",
    "extract/new_event_table",
    "extract/consult_candidate_table",
    "extract/consult_found_table",
)


@dataclass(slots=True)
class Taken:
    """What one extraction of one interaction database brought."""

    collector: str
    rows_read: int = 0
    rows_new: int = 0
    up_to: int = 0
    is_all: bool = True
    last_event_at: datetime | None = None
    rows_refused: int = 0
    session_key: UUID | None = None


@dataclass(slots=True)
class Extractor:
    """Extracts into one mart; remembers partitions and the evidence on agents' names between extractions."""

    mart: Connection
    partitions: PartitionMemory = field(default_factory=PartitionMemory)
    most_rows: int = MOST_ROWS

    def extract(self, idb: Connection, collector: Collector, *, fill_only: bool = False) -> Taken:
        """Take what an interaction database holds beyond the mark, and move the mark with it.

        ``fill_only`` reads only minutes in which the mart lacks events: that is for the farther twin.
        """
        started_at = datetime.now(UTC)
        mark = self._mark(collector)
        taken, minutes = self._look(idb, collector, mark, digest=fill_only)
        if taken.up_to == mark:
            return taken
        before_at = self._purged_before()
        late = [minute for minute in minutes if minute[0] < before_at]
        minutes = [minute for minute in minutes if minute[0] >= before_at]
        # Made in transactions of their own, before ours begins: partitions that are not needed do no harm.
        self._make_partitions(minutes)
        with self.mart.transaction():
            if self._mark(collector, lock=True) != mark:
                return Taken(collector.name, up_to=mark, is_all=False)
            if late:
                self._refuse(collector, taken, late, before_at)
            wanted = self._minutes_wanted(collector, minutes) if fill_only else None
            self.mart.execute(sql_text("transform/settings"))
            for name in TABLES:
                self.mart.execute(sql_text(name))
            if wanted is None or wanted:
                taken.rows_read = self._copy(idb, collector, mark, taken.up_to, wanted, before_at)
            if taken.rows_read:
                self._take(collector, taken)
            self._move_mark(collector, mark, taken, started_at)
        return taken

    def _mark(self, collector: Collector, *, lock: bool = False) -> int:
        if lock:
            self.mart.execute("SELECT FROM ctl.extract_watermark WHERE collector_key = %s FOR UPDATE", (collector.key,))
        row = self.mart.execute(
            "SELECT idb_seq FROM ctl.extract_watermark WHERE collector_key = %s", (collector.key,)
        ).fetchone()
        return int(row[0]) if row else 0

    def _look(
        self, idb: Connection, collector: Collector, mark: int, *, digest: bool
    ) -> tuple[Taken, list[tuple[datetime, int, int]]]:
        """Return how far there is something to take, and count and hash of its events for each minute."""
        taken = Taken(collector.name, up_to=mark)
        if idb.execute("SELECT to_regclass(%s)", (f"{collector.idb_schema}.event",)).fetchone() == (None,):
            return taken, []
        events = sql.Identifier(collector.idb_schema, "event")
        minutes = idb.execute(
            sql.SQL(sql_text("extract/idb_minute")).format(event=events),
            {"mark": mark, "most": self.most_rows, "digest": digest},
        ).fetchall()
        if minutes:
            taken.up_to = max(row[3] for row in minutes)
            taken.last_event_at = max(row[4] for row in minutes)
            taken.is_all = sum(row[1] for row in minutes) < self.most_rows
            taken.session_key = _latest_session(idb, collector)
        return taken, [(row[0], row[1], int(row[2])) for row in minutes]

    def _minutes_wanted(self, collector: Collector, minutes: list[tuple[datetime, int, int]]) -> list[datetime]:
        known = {
            minute: (count, int(digest))
            for minute, count, digest in self.mart.execute(
                sql_text("extract/known_minute"),
                {"source_key": collector.source_key, "minutes": [minute for minute, _, _ in minutes]},
            )
        }
        return [minute for minute, count, digest in minutes if known.get(minute) != (count, digest)]

    def _make_partitions(self, minutes: list[tuple[datetime, int, int]]) -> None:
        now = datetime.now(UTC)
        self.partitions.ensure(self.mart, now, now + timedelta(days=1))
        for day in sorted({minute.date() for minute, _, _ in minutes}):
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            self.partitions.ensure(self.mart, start, start + timedelta(days=1))

    def _copy(
        self, idb: Connection, collector: Collector, mark: int, up_to: int, minutes: list[datetime] | None,
        before_at: datetime,
    ) -> int:  # fmt: skip
        columns = sql.SQL(", ").join(map(sql.Identifier, Event._fields))
        chosen: sql.Composable = sql.SQL("at >= {}").format(sql.Literal(before_at))
        if minutes is not None:
            chosen = sql.SQL("date_trunc('minute', at, 'UTC') = ANY ({}::timestamptz[])").format(sql.Literal(minutes))
        reading = sql.SQL(
            "COPY (SELECT {columns} FROM {event} WHERE seq > {mark} AND seq <= {up_to} AND {chosen} ORDER BY seq)"
            " TO STDOUT (FORMAT BINARY)"
        ).format(
            columns=columns,
            event=sql.Identifier(collector.idb_schema, "event"),
            mark=sql.Literal(mark),
            up_to=sql.Literal(up_to),
            chosen=chosen,
        )
        writing = sql.SQL("COPY incoming ({}) FROM STDIN (FORMAT BINARY)").format(columns)
        with idb.cursor() as source, self.mart.cursor() as target:
            with source.copy(reading) as rows, target.copy(writing) as room:
                for block in rows:
                    room.write(block)
            return target.rowcount

    def _take(self, collector: Collector, taken: Taken) -> None:
        batch = next_number(self.mart, "batch")
        known = {"source_key": collector.source_key, "batch": batch}

        def run(name: str, **more: object) -> int:
            return self.mart.execute(sql_text(f"extract/{name}"), {**known, **more}).rowcount

        taken.rows_new = run("new_event")
        if not taken.rows_new:
            return
        if taken.rows_new >= ANALYZE_FROM:
            self.mart.execute("ANALYZE new_event")
        for name in LEARNT:
            run(name)
        for name in ("refuted_end", "fk_violation"):
            run(name)
        new_pairs = run("alias_pair")
        boots = self.mart.execute(sql_text("extract/switch_boot"), known).fetchall()
        told = self.mart.execute(
            "SELECT EXISTS (SELECT FROM new_event WHERE kind IN ('channel_snapshot', 'member_snapshot'))"
        ).fetchone()
        if new_pairs or boots or told == (True,):
            # Whom these concern is read from what transformations have written: none must be on its way meanwhile.
            self.mart.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(FACTS_LOCK),))
        new_names = self._name_agents(collector, batch) if new_pairs else []
        run("consult_candidate", new_names=new_names, boots=[boot_at for boot_at, _, _ in boots])
        for name in ("consult_link", "consult_forget", "consult_learn", "touched_resource", "list_touched_resource"):
            run(name)
        run("boot_touched_call", booted=bool(boots))
        for boot_at, last_heard_at, from_at in boots:
            run("boot_touched_resource", boot_at=boot_at, from_at=from_at)
            run("boot_gap", boot_at=boot_at, last_heard_at=last_heard_at)
        # What an agent did before the cut-off stays as it was loaded: the events that told of it are gone.
        run("clamp_touched_resource")

    def _name_agents(self, collector: Collector, batch: int) -> list[str]:
        """Compute anew which name stands for each agent of the source; return the names for which that changed."""
        pairs = self.mart.execute(
            "SELECT name, same_as FROM gidb.alias_pair WHERE source_key = %s", (collector.source_key,)
        ).fetchall()
        found = roots(pairs)
        changed = self.mart.execute(
            sql_text("extract/alias_changed"),
            {
                "source_key": collector.source_key,
                "batch": batch,
                "names": list(found),
                "roots": list(found.values()),
            },
        )
        return [name for (name,) in changed]

    def _purged_before(self) -> datetime:
        row = self.mart.execute("SELECT max(before_at) FROM ctl.purge_command WHERE kind = 'gidb'").fetchone()
        return NOTHING_PURGED if row is None or row[0] is None else row[0]

    def _refuse(
        self, collector: Collector, taken: Taken, late: list[tuple[datetime, int, int]], before_at: datetime
    ) -> None:
        """Record that events of a purged span are left where they are; the mark moves on over them."""
        taken.rows_refused = sum(count for _, count, _ in late)
        minutes = [minute for minute, _, _ in late]
        self.mart.execute(
            "INSERT INTO ctl.late_discard"
            " (source_key, code, collector_key, row_count, first_at, last_at, before_at)"
            " VALUES (%s, 'purged-event', %s, %s, %s, %s, %s)",
            (collector.source_key, collector.key, taken.rows_refused, min(minutes), max(minutes), before_at),
        )

    def _move_mark(self, collector: Collector, mark: int, taken: Taken, started_at: datetime) -> None:
        self.mart.execute(
            sql_text("extract/move_mark"),
            {
                "collector_key": collector.key,
                "source_key": collector.source_key,
                "from_seq": mark,
                "to_seq": taken.up_to,
                "rows_read": taken.rows_read,
                "rows_new": taken.rows_new,
                "last_event_at": taken.last_event_at,
                "started_at": started_at,
                "session_key": taken.session_key,
                "program_version": __version__,
                "rows_refused": taken.rows_refused,
            },
        )


def _latest_session(idb: Connection, collector: Collector) -> UUID | None:
    sessions = sql.Identifier(collector.idb_schema, "data_source_session")
    row = idb.execute(
        sql.SQL("SELECT session_key FROM {} ORDER BY connected_at DESC LIMIT 1").format(sessions)
    ).fetchone()
    return row[0] if row else None


def next_number(mart: Connection, name: str) -> int:
    """Return the next number of a counter, in the caller's transaction: others wait for it, and none is ever lost."""
    row = mart.execute("UPDATE ctl.counter SET value = value + 1 WHERE name = %s RETURNING value", (name,)).fetchone()
    assert row is not None  # noqa: S101  the migration made the counters
    return int(row[0])
