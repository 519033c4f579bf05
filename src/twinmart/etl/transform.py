"""Recomputes the interactions and agents that have news, and brings the result into the facts in one transaction.

The models in ``sql/transform`` are SELECTs; each fills a temporary table of its own name, in the order of
``CALL_MODELS`` and ``AGENT_MODELS``. What they read is only events and configuration, never earlier facts of the same
interaction, so that any order of arrival ends in the same rows.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
from psycopg import sql

from twinmart import errors
from twinmart.config.topology import lapsed
from twinmart.db.connect import Connection, lock_key
from twinmart.db.partitions import PartitionMemory
from twinmart.db.sqlfiles import sql_text
from twinmart.etl.extract import ANALYZE_FROM, FACTS_LOCK, next_number
from twinmart.etl.load import AGENT_FACTS, INTERACTION_FACTS, Fact, KeySpan, Shape, merge, shape_of

# So many calls are transformed in one transaction; a backlog is worked off in such steps, oldest news first.
MOST_CALLS = 4_000

CALL_MODELS = (
    "call_event",
    "channel",
    "joined",
    "queue_event",
    "visit",
    "attempt",
    "transfer",
    "hold",
    "conference",
    "leg",
    "broken",
    "interaction",
    "leg_phase",
    "leg_wrap",
    "leg_time",
)
USER_DATA_MODELS = ("user_data", "user_value", "user_dim")
USER_DATA_FACTS = tuple(
    Fact(name, of_interaction=True)
    for name in ("irf_user_data_gen_1", "irf_user_data_cust", "irf_user_data_keys", "irf_user_data_discard")
)
AGENT_MODELS = ("member_span", "agent_course", "agent_session")

_TABLES = (
    "transform/working_call_table",
    "transform/working_channel_table",
    "transform/working_resource_table",
    "transform/stale_interaction_table",
    "transform/stale_place_table",
    "transform/leg_resource_table",
)
_DAY_S = 86_400


@dataclass(slots=True)
class Transformed:
    """What one transformation recomputed and changed; all of it is committed or nothing."""

    calls: int = 0
    interactions: int = 0
    resources: int = 0
    events: int = 0
    discarded: int = 0
    rows_changed: int = 0
    span: tuple[int, int] | None = None


@dataclass(slots=True)
class Transformer:
    """Transforms one mart. ``side`` is a second connection to it, on which partitions are made while the first loads.

    ``epoch`` is the topology's as this loader knows it: a mart that has moved on refuses the load.
    """

    mart: Connection
    side: Connection
    site: int
    epoch: int
    most_calls: int = MOST_CALLS
    # Whether a step takes news of chunk-size at most; a caller that undoes its work takes all in one.
    in_chunks: bool = True
    partitions: PartitionMemory = field(default_factory=PartitionMemory)
    _models: set[str] = field(default_factory=set)
    _shapes: dict[str, Shape] = field(default_factory=dict)
    _calendar: set[int] = field(default_factory=set)
    # Calls in one transaction while one that cannot be loaded is searched for; 0 while none is.
    _limit: int = 0
    _taken: int = 0
    _in_calls: bool = False

    def transform(self) -> Transformed:
        """Take the oldest news and load what follows from it; a call that cannot be loaded is discarded alone.

        Raises:
            SiteFenced: another site is active, or has been since this loader began; nothing was changed.
        """
        while True:
            try:
                done = self._transform_next()
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                # A row that cannot be computed or stored: ever fewer calls at a time, until it is known whose it is.
                if not self._in_calls:
                    raise
                if self._taken == 1:
                    self._put_aside(error)
                self._limit = max(1, self._taken // 4)
                continue
            self._limit = self._limit * 2 if self._limit * 2 < self.most_calls else 0
            return done

    def _transform_next(self) -> Transformed:
        started_at = datetime.now(UTC)
        self.partitions.ensure(self.side, started_at, started_at + timedelta(days=1))
        try:
            with self.mart.transaction():
                return self._transform(started_at)
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Forget temporary tables and days of the calendar that were made in a transaction that is gone."""
        self._models.clear()
        self._calendar.clear()

    def _transform(self, started_at: datetime) -> Transformed:
        done = Transformed()
        self.mart.execute("SELECT pg_advisory_xact_lock_shared(%s)", (lock_key(FACTS_LOCK),))
        check_epoch(self.mart, self.site, self.epoch)
        self.mart.execute(sql_text("transform/settings"))
        for name in _TABLES:
            self._run(name)
        most = min(self.most_calls, self._limit or self.most_calls)
        self._taken = done.calls = self._take_calls(most)
        touched = self.mart.execute("SELECT EXISTS (SELECT FROM gidb.touched_resource)").fetchone()
        if not done.calls and touched == (False,):
            return done
        audit_key = next_number(self.mart, "audit")
        if done.calls:
            self._in_calls = True
            self._interactions(done, audit_key)
        self._in_calls = False
        done.resources = self._run("transform/take_touched_resource")
        if done.resources:
            self._agents(done, audit_key)
        self._record(done, audit_key, started_at)
        return done

    def _take_calls(self, most: int) -> int:
        parameters = {"most": most, "in_chunks": self.in_chunks}
        row = self.mart.execute(sql_text("transform/take_touched_call"), parameters).fetchone()
        return int(row[0]) if row else 0

    def _put_aside(self, error: psycopg.Error) -> None:
        """Discard the oldest call with news, alone, since it cannot be loaded; its facts stay as they were."""
        with self.mart.transaction():
            check_epoch(self.mart, self.site, self.epoch)
            reason = f"{error.diag.sqlstate}: {error.diag.message_primary}"
            if self._policy() == "exception":
                raise _broken("with the oldest news", reason) from error
            # Recorded also where the policy is to go on without a word: unlike others it would be nowhere.
            self.mart.execute(sql_text("transform/put_aside"), {"reason": reason})

    def _interactions(self, done: Transformed, audit_key: int) -> None:
        self._gather_calls()
        for name in CALL_MODELS:
            count = self._model(name)
            if name == "call_event":
                done.events = count
            elif name == "interaction":
                done.interactions = count
            elif name == "broken":
                done.discarded = count
        facts: tuple[Fact, ...] = INTERACTION_FACTS
        for fact in facts:
            self._model(fact.name, f"new_{fact.name}")
        if self.mart.execute("SELECT EXISTS (SELECT FROM cfg.user_data_key)").fetchone() == (True,):
            self._user_data(audit_key)
            facts += USER_DATA_FACTS
        self._run("transform/stale_interaction")
        # Without it, all facts of the same hours are read to find those of a few calls.
        self.mart.execute("ANALYZE stale_interaction")
        new = self._prepare(INTERACTION_FACTS)
        stale = self._span("SELECT min(start_date_time_key), max(last_date_time_key) FROM stale_interaction")
        low, high = stale or (0, 0)
        self._run("transform/leg_resource", from_key=low, to_key=high)
        left_places = self._run("transform/stale_place", from_key=low, to_key=high)
        self._run("transform/dimension_place")
        self._load(facts, done, audit_key, new, stale)
        if left_places:
            self._run("transform/dimension_place_forget")
        for name in ("interaction_identity", "open_channel_close", "open_channel", "discard_forget"):
            self._run(f"transform/{name}")
        if done.discarded:
            self._discard(audit_key)

    def _discard(self, audit_key: int) -> None:
        """Record the interactions that break a rule, or only leave them out, or end the load, as the option says.

        A dangling link has an option of its own, which keeps its call out; that is always recorded.

        Raises:
            InteractionBroken: it ends the load; nothing of this step was changed.
        """
        policy = self._policy()
        if policy == "exception":
            row = self.mart.execute(
                "SELECT root_id, reason FROM broken WHERE code <> 'dangling-link' ORDER BY first_at, root_id LIMIT 1"
            ).fetchone()
            if row is not None:
                raise _broken(*row)
        self._run("transform/discard", audit_key=audit_key, is_recorded=policy != "resume")

    def _policy(self) -> str:
        query = "SELECT cfg.mart_option('error-policy', 'error-policy-irf-exception', 'log_db_resume')"
        row = self.mart.execute(query).fetchone()
        return str(row[0]) if row else "log_db_resume"

    def _user_data(self, audit_key: int) -> None:
        """Compute what the interactions carry; a mart that never had a key to collect is spared this."""
        for name in USER_DATA_MODELS:
            self._model(name)
        for fact in USER_DATA_FACTS:
            self._model(fact.name, f"new_{fact.name}")
        self._run("transform/dimension_user_data", audit_key=audit_key)

    def _gather_calls(self) -> None:
        """Complete the working set to whole interactions and find the root of each."""
        is_linked = self.mart.execute("SELECT EXISTS (SELECT FROM gidb.across_link)").fetchone() == (True,)
        while True:
            while self._run("transform/grow_channel") and self._run("transform/grow_call"):
                pass
            if not is_linked or not self._run("transform/grow_across"):
                break
        self.mart.execute("ANALYZE working_call, working_channel")
        while self._run("transform/join_call"):
            pass
        self._run("transform/channel_root")
        self._run("transform/purged_call")

    def _agents(self, done: Transformed, audit_key: int) -> None:
        self._run("transform/dimension_agent")
        self._run("transform/dimension_agent_name_forget")
        self._run("transform/dimension_agent_name")
        self._run("transform/dimension_agent_forget")
        for name in AGENT_MODELS:
            self._model(name)
        for fact in AGENT_FACTS:
            self._model(fact.name, f"new_{fact.name}")
        new = self._prepare(AGENT_FACTS)
        stale = self._span("SELECT mart.date_time_key(min(from_at)), 1::bigint << 62 FROM working_resource")
        self._load(AGENT_FACTS, done, audit_key, new, stale)
        self._run("transform/resource_group_combination")

    def _load(
        self, facts: tuple[Fact, ...], done: Transformed, audit_key: int, new: KeySpan | None, stale: KeySpan | None
    ) -> None:
        for fact in facts:
            if fact.name not in self._shapes:
                self._shapes[fact.name] = shape_of(self.mart, fact)
            done.rows_changed += merge(self.mart, fact, self._shapes[fact.name], audit_key, new, stale)
        for low, high in filter(None, (new,)):
            done.span = (low, high) if done.span is None else (min(done.span[0], low), max(done.span[1], high))

    def _run(self, name: str, **parameters: object) -> int:
        """Run a statement from its file; the number of rows it concerned."""
        return self.mart.execute(sql_text(name), parameters or {"none": None}).rowcount

    def _model(self, name: str, table: str | None = None) -> int:
        """Fill the temporary table of a model; the number of its rows."""
        target = sql.Identifier(table or name)
        text = sql.SQL(sql_text(f"transform/{name}"))
        if name not in self._models:
            self.mart.execute(
                sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS {} WITH NO DATA").format(
                    target, text
                ),
                {"none": None},
            )
            self._models.add(name)
        count = self.mart.execute(sql.SQL("INSERT INTO {} {}").format(target, text), {"none": None}).rowcount
        if count >= ANALYZE_FROM // 4:
            self.mart.execute(sql.SQL("ANALYZE {}").format(target))
        return count

    def _prepare(self, facts: tuple[Fact, ...]) -> KeySpan | None:
        """Make partitions and calendar for the rows computed; return their first and last interval."""
        days = sql.SQL(" UNION ").join(
            sql.SQL("SELECT {} / {}, {} FROM {}").format(
                sql.Identifier(key), sql.Literal(_DAY_S), sql.Literal(key == "start_date_time_key"), fact.computed
            )
            for fact in facts
            for key in fact.keys_of_time
        )
        found = [(day, is_start) for day, is_start in self.mart.execute(days) if day is not None]
        for day, _ in found:
            self._extend_calendar(day)
        new = sorted(day for day, is_start in found if is_start)
        for day in new:
            start = datetime.fromtimestamp(day * _DAY_S, UTC)
            self.partitions.ensure(self.side, start, start + timedelta(days=1))
        return (new[0] * _DAY_S, (new[-1] + 1) * _DAY_S - 1) if new else None

    def _span(self, query: LiteralString) -> KeySpan | None:
        row = self.mart.execute(query).fetchone()
        return None if row is None or row[0] is None else (int(row[0]), int(row[1]))

    def _extend_calendar(self, day: int) -> None:
        if day not in self._calendar:
            self._run("transform/calendar", from_key=day * _DAY_S, to_key=(day + 1) * _DAY_S - 900)
            self._calendar.add(day)

    def _record(self, done: Transformed, audit_key: int, started_at: datetime) -> None:
        low, high = done.span or (None, None)
        self.mart.execute(
            "INSERT INTO ctl.audit_log VALUES (%s, now(), 'transform', %s, %s, %s, %s, %s)",
            (audit_key, self.epoch, self.site, done.rows_changed, low, high),
        )
        self.mart.execute(
            "INSERT INTO ctl.transform_history VALUES (%s, %s, clock_timestamp(), %s, %s, %s, %s)",
            (audit_key, started_at, done.interactions, done.resources, done.events, done.rows_changed),
        )


def _broken(root: str, reason: str) -> errors.InteractionBroken:
    return errors.InteractionBroken(
        f"the call {root} breaks a rule, and the load ends for it",
        detail=f"{reason}\nnothing of this step was changed",
        hint="Keep such calls out instead:"
        " twinmart config unset application mart error-policy/error-policy-irf-exception.",
    )


def check_epoch(mart: Connection, site: int, epoch: int) -> None:
    """Refuse to load unless this site is active in the epoch it believes in; holds the topology until commit.

    Raises:
        SiteFenced: it is not; nothing was changed.
    """
    row = mart.execute(
        "SELECT active_site, epoch, (SELECT heard_epoch FROM ops.recovery_fence) FROM cfg.topology FOR SHARE"
    ).fetchone()
    active, current, heard = row or (None, None, 0)
    if (active, current) != (site, epoch):
        raise errors.SiteFenced(
            f"site {site} must not load",
            detail=f"site {active} is active since epoch {current}; this loader holds epoch {epoch}",
            hint="Nothing was changed. Look with: twinmart status.",
        )
    if heard > epoch:
        raise errors.SiteFenced(
            f"site {site} must not load",
            detail=f"it has heard of epoch {heard}; its mart is of epoch {epoch}",
            hint="Nothing was changed. Let it come back as a copy of the active site: twinmart return.",
        )
    reason = lapsed(mart)
    if reason is not None:
        raise errors.SiteFenced(
            f"site {site} has fenced itself", detail=reason, hint="Nothing was changed. See: twinmart witness status."
        )
