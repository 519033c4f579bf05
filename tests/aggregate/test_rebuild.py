"""What is asked for, and when it is rebuilt: requests of loads, zones, levels, writers, stops, kills and fences."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from threading import Timer
from typing import Any
from uuid import UUID

import pytest

from tests.aggregate.facts import put, put_resource, rebuild, stored
from tests.aggregate.test_measures import put_call
from tests.support import Mart
from twinmart import errors
from twinmart.aggregate.audit import audit
from twinmart.aggregate.job import aggregate
from twinmart.aggregate.requests import parse_raw, pending, request
from twinmart.aggregate.sets import SETS
from twinmart.aggregate.work import Unit, Work
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.config.store import Store
from twinmart.db.connect import Connection
from twinmart.db.partitions import ensure_partitions
from twinmart.model.writers import OLD, RECENT, Schedule, Writers

DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = int(DAY.timestamp())


@pytest.fixture
def facts(mart: Mart) -> Connection:
    """A connection to a mart with an agent, a queue, and room for facts around the day."""
    connection = mart.connect(autocommit=True)
    ensure_partitions(connection, DAY - timedelta(days=9), DAY + timedelta(days=5))
    put_resource(connection, 11, "AGENT")
    put_resource(connection, 21, "QUEUE")
    return connection


def asked(connection: Connection) -> dict[str, list[int]]:
    rows = connection.execute(
        "SELECT set_name, array_agg(DISTINCT (date_time_key - %s) / 900) FROM ctl.aggregate_request"
        " WHERE level = 'subhr' GROUP BY set_name",
        (KEY,),
    )
    return {name: sorted(keys) for name, keys in rows}


def state(connection: Connection, start: datetime, end: datetime | None, number: int = 1) -> None:
    put(
        connection, "sm_res_state_fact", start_at=start, end_at=end, resource_key=11, resource_state_key=2,
        sm_res_state_fact_key=UUID(int=number), sm_res_session_fact_key=UUID(int=number),
    )  # fmt: skip


class TestRequests:
    """A load asks for exactly the intervals that its facts touched before and touch now."""

    def test_a_state_asks_for_all_intervals_that_it_covers(self, facts: Connection) -> None:
        state(facts, DAY + timedelta(minutes=14), DAY + timedelta(minutes=46))
        assert asked(facts) == {"i_sess_state": [0, 1, 2, 3]}

    def test_a_state_that_shrinks_asks_for_where_it_was(self, facts: Connection, mart: Mart) -> None:
        state(facts, DAY, DAY + timedelta(minutes=40))
        rebuild(mart)
        facts.execute(
            "UPDATE mart.sm_res_state_fact SET end_at = %s, end_date_time_key = %s",
            (DAY + timedelta(minutes=10), KEY),
        )
        assert asked(facts) == {"i_sess_state": [0, 1, 2]}
        rebuild(mart)
        assert [(key[1], told["ready_time_ms"]) for key, told in stored(facts, "i_sess_state").items()] == [
            (KEY, 600_000)
        ]
        assert [told["ready_time_ms"] for told in stored(facts, "i_sess_state", "year").values()] == [600_000]

    def test_a_deleted_fact_takes_its_row_away_at_every_level(self, facts: Connection, mart: Mart) -> None:
        state(facts, DAY, DAY + timedelta(minutes=40))
        rebuild(mart)
        facts.execute("DELETE FROM mart.sm_res_state_fact")
        rebuild(mart)
        levels = ("subhr", "hour", "day", "month")
        assert [facts.execute(f"SELECT count(*) FROM agg.i_sess_state_{lv}".encode()).fetchone() for lv in levels] == [
            (0,)
        ] * 4

    def test_a_call_asks_for_the_interval_of_offer_and_of_entry(self, facts: Connection) -> None:
        put_call(facts, 1, 21, 11, DAY + timedelta(minutes=14), 120_000, 60_000, "answered", "queue", 1)
        told = asked(facts)
        assert told["queue"] == told["id"] == told["queue_abn"] == [0]
        assert told["agent"] == told["agent_queue"] == told["agent_grp"] == [1]
        assert told["i_agent"] == [0, 1]

    def test_a_load_that_is_rolled_back_asks_for_nothing(self, facts: Connection) -> None:
        with facts.transaction(force_rollback=True):
            state(facts, DAY, DAY + timedelta(minutes=1))
            assert asked(facts) != {}
        assert asked(facts) == {}

    def test_what_goes_on_counts_up_to_where_its_source_was_heard(self, facts: Connection, mart: Mart) -> None:
        source = ensure_source(facts, "pbx", site=1)
        collector = ensure_collector(facts, source, site=1)
        put(
            facts, "sm_res_state_fact", source_key=source.key, start_at=DAY, resource_key=11, resource_state_key=2,
            sm_res_state_fact_key=UUID(int=1), sm_res_session_fact_key=UUID(int=1),
        )  # fmt: skip
        for minutes in (20, 50):
            facts.execute(
                "INSERT INTO ctl.extract_watermark VALUES (%s, 0, %s, now())"
                " ON CONFLICT (collector_key) DO UPDATE SET last_event_at = excluded.last_event_at",
                (collector.key, DAY + timedelta(minutes=minutes)),
            )
            rebuild(mart)
            assert [told["ready_time_ms"] for told in stored(facts, "i_sess_state", "day").values()] == [
                minutes * 60_000
            ]


class TestRedo:
    """People ask for spans again, also as the original's command line did."""

    def test_row_90_the_original_argument_is_accepted_as_written(self) -> None:
        told = parse_raw("ALLTENANTS:ALLSETS:1795305600:1795392000")
        assert (told.tenant, told.sets) == (None, None)
        assert (told.from_at.timestamp(), told.to_at.timestamp()) == (1795305600, 1795392000)
        assert parse_raw("Resources:AGENT,QUEUE:1:2").sets == ("agent", "queue")

    @pytest.mark.parametrize("text", ["", "ALLTENANTS:ALLSETS:1", "A:B:x:2", "ALLTENANTS:ALLSETS:999999999999:1"])
    def test_any_other_argument_is_refused(self, text: str) -> None:
        with pytest.raises(errors.WrongAggregateRequest):
            parse_raw(text)

    def test_every_interval_of_the_span_is_asked_for_once(self, facts: Connection) -> None:
        span: dict[str, Any] = {"from_at": DAY + timedelta(minutes=5), "to_at": DAY + timedelta(minutes=30)}
        assert request(facts, **span) == 2 * len(SETS)
        request(facts, **span, sets=["QUEUE"])
        assert [one.intervals for one in pending(facts)] == [2] * len(SETS)

    @pytest.mark.parametrize(
        "wrong",
        [{"sets": ["nonsense"]}, {"tenant": "nobody"}, {"to_at": DAY}, {"to_at": DAY + timedelta(days=9000)}],
    )
    def test_what_cannot_be_is_refused_and_nothing_asked_for(self, facts: Connection, wrong: dict[str, Any]) -> None:
        with pytest.raises(errors.WrongAggregateRequest):
            request(facts, **{"from_at": DAY, "to_at": DAY + timedelta(hours=1), **wrong})
        assert asked(facts) == {}

    @pytest.mark.parametrize(
        ("spoilt", "seen"),
        [("subhr", {"subhr", "hour"}), ("hour", {"hour", "day"}), ("day", {"day", "month"}), ("month", {"month"})],
    )
    def test_a_redo_mends_what_was_spoilt_and_an_audit_sees_it_before(
        self, facts: Connection, mart: Mart, spoilt: str, seen: set[str]
    ) -> None:
        put_call(facts, 1, 21, 11, DAY, 5000, 60_000, "answered", "queue", 1)
        rebuild(mart)
        facts.execute(f"UPDATE agg.queue_{spoilt} SET accepted = 7".encode())
        span: dict[str, Any] = {"from_at": DAY, "to_at": DAY + timedelta(hours=1)}
        assert {(one.set_name, one.level) for one in audit(facts, **span)} == {("queue", level) for level in seen}
        request(facts, **span)
        rebuild(mart)
        assert audit(facts, **span) == []
        assert [told["accepted"] for told in stored(facts, "queue").values()] == [1]


class TestThresholds:
    """Row 89: the more specific setting wins, and a change holds from its time on."""

    def set(self, facts: Connection, kind: str, name: str, value: str, *, hours_ago: float, medium: str = "") -> None:
        store = Store(facts, author="test")
        store.put(kind, name)
        store.set_option(kind, name, "gim-etl", f"q-answer-threshold{medium}", value)
        facts.execute(
            "UPDATE cfg.history SET changed_at = %s WHERE aspect = 'option' AND new_value = %s",
            (DAY - timedelta(hours=hours_ago), value),
        )

    def within(self, facts: Connection, mart: Mart) -> list[int]:
        rebuild(mart)
        return [told.get("accepted_thr", 0) for _, told in sorted(stored(facts, "queue").items())]

    def test_row_89_tenant_and_medium_before_tenant_before_the_mart(self, facts: Connection, mart: Mart) -> None:
        put_call(facts, 1, 21, 11, DAY, 25_000, 60_000, "answered", "queue", 1)
        for *where, value, fits in (
            ("application", "mart", "", "30", 1),
            ("application", "mart", "-voice", "20", 0),
            ("tenant", "default", "", "31", 1),
            ("tenant", "default", "-voice", "21", 0),
            ("queue", "QUEUE21", "", "32", 1),
        ):
            kind, name, medium = where
            self.set(facts, str(kind), str(name), str(value), hours_ago=9, medium=str(medium))
            request(facts, from_at=DAY, to_at=DAY + timedelta(minutes=1))
            assert self.within(facts, mart) == [fits], where

    def test_row_89_a_change_at_noon_leaves_the_morning_as_it_was(self, facts: Connection, mart: Mart) -> None:
        self.set(facts, "application", "mart", "30", hours_ago=9)
        self.set(facts, "application", "mart", "20", hours_ago=0)
        put_call(facts, 1, 21, 11, DAY - timedelta(hours=1), 25_000, 60_000, "answered", "queue", 1)
        put_call(facts, 2, 21, 11, DAY + timedelta(hours=1), 25_000, 60_000, "answered", "queue", 1)
        span: dict[str, Any] = {"from_at": DAY - timedelta(hours=2), "to_at": DAY + timedelta(hours=2)}
        assert self.within(facts, mart) == [1, 0]
        request(facts, **span)
        assert self.within(facts, mart) == [1, 0]
        request(facts, **span, current_thresholds=True)
        assert self.within(facts, mart) == [0, 0]


class TestWriters:
    """Row 92: recent intervals before old ones, as many writers as the schedule says."""

    def test_the_default_is_three_and_one(self) -> None:
        by_hour = Schedule.parse("default=flex(3:1)").by_hour
        assert by_hour == (Writers(3, 1, is_strict=False),) * 24
        assert [by_hour[0].zones(writer) for writer in range(5)] == [(RECENT, OLD)] * 3 + [(OLD, RECENT), ()]

    def test_an_hour_has_its_own_and_strict_forbids_borrowing(self) -> None:
        by_hour = Schedule.parse("default=flex(3:1);hour(8-19)=strict(2:0);hour(22-2)=p(1:1)").by_hour
        assert [hour for hour in range(24) if by_hour[hour].is_strict] == list(range(8, 20))
        assert by_hour[8].zones(0) == (RECENT,)
        assert by_hour[23] == by_hour[2] == Writers(1, 1, is_strict=False)

    @pytest.mark.parametrize("text", ["flex(3:1)", "default=flex(0:0)", "default=flex(9:2)", "hour(1-25)=p(1:1)", "x"])
    def test_what_cannot_be_read_is_refused(self, text: str) -> None:
        with pytest.raises(errors.WrongWriterSchedule, match="writer-schedule"):
            Schedule.parse(text)

    def test_row_92_recent_intervals_come_before_old_ones_and_low_levels_first(self, mart: Mart) -> None:
        connection = mart.connect(autocommit=True)
        now = datetime.now(UTC)
        request(connection, from_at=now - timedelta(days=9), to_at=now - timedelta(days=8), sets=["queue"])
        request(connection, from_at=now - timedelta(hours=1), to_at=now, sets=["queue"])
        connection.execute("INSERT INTO ctl.aggregate_request VALUES (1, 'queue', 'day', %s)", (KEY // 86400 * 86400,))
        work = Work(connection, Schedule.parse("default=flex(1:0)"), {"day": 0, "month": 0})
        order = []
        for unit in work.units(0):
            order.append((unit.zone, unit.level))
            connection.execute(
                "DELETE FROM ctl.aggregate_request WHERE level = %s AND date_time_key >= %s AND date_time_key < %s",
                (unit.level, unit.from_key, unit.to_key),
            )
        assert order == sorted(order, key=lambda one: (one[0], one[1] == "day"))
        assert {zone for zone, _ in order} == {RECENT, OLD}

    def test_sets_made_of_the_same_facts_are_rebuilt_in_one_transaction(self, facts: Connection, mart: Mart) -> None:
        span: dict[str, Any] = {"from_at": DAY, "to_at": DAY + timedelta(minutes=30)}
        request(facts, **span)
        work = Work(facts, Schedule.parse("default=flex(1:0)"), {"day": 0, "month": 0})
        work.writers()
        units = {unit.set_names for unit in work._ready}
        assert {("queue", "queue_acc_agent"), ("agent", "agent_grp", "agent_queue"), ("i_agent",)} <= units
        # One alone is rebuilt alone, as when somebody joined a group.
        put_call(facts, 1, 21, 11, DAY, 5000, 60_000, "answered", "queue", 1)
        facts.execute("DELETE FROM ctl.aggregate_request WHERE set_name <> 'agent_grp'")
        rebuild(mart)
        assert [len(stored(facts, name)) for name in ("agent_grp", "agent", "queue")] == [1, 0, 0]
        request(facts, **span)
        rebuild(mart)
        assert audit(facts, from_at=DAY, to_at=DAY + timedelta(days=1)) == []

    def test_row_93_a_level_with_a_delay_waits_and_those_above_it_too(self, facts: Connection, mart: Mart) -> None:
        Store(facts, author="test").set_option("application", "mart", "agg", "agg-level-day-delay", "3600")
        state(facts, DAY, DAY + timedelta(minutes=5))
        assert rebuild(mart)["requests_left"] == 1
        assert (len(stored(facts, "i_sess_state", "hour")), len(stored(facts, "i_sess_state", "day"))) == (1, 0)
        facts.execute("UPDATE ctl.aggregate_request SET requested_at = now() - interval '61 minutes'")
        rebuild(mart)
        assert len(stored(facts, "i_sess_state", "day")) == 1


class TestLittleNews:
    """A cycle's news is carried up to the month at once, and only for those that it is about."""

    def test_all_levels_are_right_after_one_transaction_and_others_are_not_touched(
        self, facts: Connection, mart: Mart
    ) -> None:
        put_resource(facts, 12, "AGENT")
        put_call(facts, 1, 21, 12, DAY, 5000, 60_000, "answered", "queue", 1)
        rebuild(mart)
        query = "SELECT xmin::text FROM agg.agent_day WHERE resource_key = 12"
        before = facts.execute(query).fetchone()
        put_call(facts, 2, 21, 11, DAY + timedelta(minutes=1), 5000, 60_000, "answered", "queue", 1)
        done = rebuild(mart)
        sets = facts.execute("SELECT count(*) FROM agg.agent_month").fetchone()
        assert (done["requests_left"], sets, facts.execute(query).fetchone()) == (0, (2,), before)
        assert audit(facts, from_at=DAY, to_at=DAY + timedelta(days=1)) == []

    def test_a_longest_wait_that_is_less_than_it_was_is_less_at_every_level(
        self, facts: Connection, mart: Mart
    ) -> None:
        for number, wait_ms in ((1, 5000), (2, 3000)):
            put_call(facts, number, 21, 11, DAY, wait_ms, 60_000, "answered", "queue", 1)
        rebuild(mart)
        facts.execute("UPDATE mart.mediation_segment_fact SET total_duration_ms = 2000 WHERE total_duration_ms = 5000")
        assert rebuild(mart)["requests_left"] == 0
        longest = [
            row["accepted_time_max_ms"] for lv in ("hour", "month") for row in stored(facts, "queue", lv).values()
        ]
        assert longest == [3000, 3000]
        assert audit(facts, from_at=DAY, to_at=DAY + timedelta(days=1)) == []

    def test_units_that_write_the_same_rows_exclude_each_other(self) -> None:
        month = KEY // 86400 * 86400 - 19 * 86_400
        small = Unit(1, ("queue",), "subhr", KEY, KEY + 900, RECENT, "month")
        assert small.overlaps(Unit(1, ("queue",), "subhr", KEY - 5 * 86_400, KEY - 5 * 86_400 + 900, OLD, "month"))
        assert small.overlaps(Unit(1, ("queue",), "month", month, month + 30 * 86_400, RECENT))
        assert not small.overlaps(Unit(1, ("queue",), "subhr", KEY - 86_400, KEY, OLD, "month"))
        assert not small.overlaps(Unit(1, ("agent",), "subhr", KEY, KEY + 900, RECENT, "month"))


class TestEnds:
    """Stopped, killed or fenced, it has done a unit or has not, and goes on where it was."""

    def test_row_95_a_stop_ends_it_within_a_second_and_it_resumes(self, facts: Connection, mart: Mart) -> None:
        request(facts, from_at=DAY - timedelta(days=400), to_at=DAY)
        put_call(facts, 1, 21, 11, DAY - timedelta(days=1), 5000, 60_000, "answered", "queue", 1)
        stop = Signal()
        Timer(0.3, stop.set).start()
        done = aggregate(1, {1: mart.dsn}, stop=stop)
        assert done["stopped"]
        assert float(str(done["seconds"])) < 10
        assert int(str(done["requests_left"])) > 0
        facts.execute("DELETE FROM ctl.aggregate_request WHERE date_time_key < %s", (KEY - 2 * 86_400,))
        assert rebuild(mart)["requests_left"] == 0
        assert audit(facts, from_at=DAY - timedelta(days=2), to_at=DAY + timedelta(days=1)) == []

    @pytest.mark.faults("E5")
    def test_row_95_killed_in_the_middle_it_leaves_whole_units_and_the_next_run_goes_on(
        self, facts: Connection, mart: Mart
    ) -> None:
        for number in range(30):
            put_call(facts, number, 21, 11, DAY + timedelta(hours=number), 5000, 60_000, "answered", "queue", 1)
        left = len(asked(facts)["queue"])
        program = (
            "import sys; from threading import Event; from twinmart.aggregate.job import aggregate;"
            " import os; aggregate(1, {1: sys.argv[1]}, stop=Event(), tell=lambda line: os._exit(9))"
        )
        killed = subprocess.run([sys.executable, "-c", program, mart.dsn], env={**os.environ}, timeout=60, check=False)
        assert killed.returncode in (0, 9)
        # What is stored is stored whole, and what is not is still asked for: the audit leaves out only the latter.
        assert audit(facts, from_at=DAY - timedelta(days=1), to_at=DAY + timedelta(days=3)) == []
        rebuild(mart)
        assert sum(told["accepted"] for told in stored(facts, "queue").values()) == 30 == left
        assert audit(facts, from_at=DAY - timedelta(days=1), to_at=DAY + timedelta(days=3)) == []

    def test_a_site_that_is_not_active_aggregates_nothing(self, facts: Connection, mart: Mart) -> None:
        state(facts, DAY, DAY + timedelta(minutes=5))
        facts.execute("UPDATE cfg.topology SET active_site = 2, epoch = 2")
        with pytest.raises(errors.SiteFenced):
            rebuild(mart)
        assert stored(facts, "i_sess_state") == {}
        assert asked(facts) == {"i_sess_state": [0]}


def test_row_83_every_set_has_the_views_of_the_original_at_seven_levels(mart: Mart) -> None:
    views = {name for (name,) in mart.connect().execute("SELECT viewname FROM pg_views WHERE schemaname = 'gim'")}
    levels = ("subhr", "hour", "day", "week", "month", "qrtr", "year")
    assert {f"ag2_{one.name}_{level}" for one in SETS for level in levels} <= views
    common = "date_time_key tenant_key resource_key group_combination_key media_type_key interaction_type_key"
    common += " interaction_descriptor_key user_data_key1 user_data_key2"
    query = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
    for name in views:
        if name.startswith("ag2_"):
            columns = {column for (column,) in mart.connect().execute(query, (f"gim.{name}",))}
            assert set(common.split()) <= columns, name
