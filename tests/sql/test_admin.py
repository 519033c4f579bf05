"""The views for administrators: names, lengths and lags, and that the role for reports may read them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql
from psycopg.rows import dict_row

from tests.support import Mart
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.db.connect import Connection
from twinmart.db.partitions import ensure_partitions
from twinmart.site.mart import READER

VIEWS = (
    "admin_extract_history",
    "admin_transform_history",
    "admin_audit_log",
    "admin_discard",
    "admin_gap",
    "admin_source_freshness",
)
DAY = datetime(2031, 5, 3, tzinfo=UTC)


@pytest.fixture
def ctl(mart: Mart) -> Connection:
    """A mart with source london at site 1 and its two collectors, and room for a day in 2031."""
    connection = mart.connect(autocommit=True)
    source = ensure_source(connection, "london")
    for site in (1, 2):
        ensure_collector(connection, source, site=site)
    ensure_partitions(connection, DAY, DAY + timedelta(days=1))
    return connection


def rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


def insert(connection: Connection, table: str, **values: object) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() * len(values)),
    )
    connection.execute(statement, list(values.values()))


def key(connection: Connection, collector: str) -> dict[str, object]:
    """Return source and collector by their keys, as the control tables name them."""
    return rows(connection, f"SELECT source_key, collector_key FROM cfg.collector WHERE name = '{collector}'")[0]


def event(connection: Connection, number: int, at: datetime) -> None:
    source_key = key(connection, "london_a")["source_key"]
    identity = f"00000000-0000-8000-8000-{number:012}"
    insert(connection, "gidb.event", event_id=identity, at=at, source_key=source_key, kind="channel_start", batch=1)


def test_an_extraction_has_names_marks_and_a_length(ctl: Connection) -> None:
    times = {"started_at": DAY, "ended_at": DAY + timedelta(seconds=1.25), "last_event_at": DAY - timedelta(seconds=3)}
    marks = {"extract_key": 7, "from_seq": 10, "to_seq": 14, "rows_read": 4, "rows_new": 3}
    insert(ctl, "ctl.extract_history", **key(ctl, "london_b"), **times, **marks)
    names = {"source": "london", "collector": "london_b", "site": 2, "duration_ms": 1_250}
    assert rows(ctl, "SELECT * FROM ctl.admin_extract_history") == [{**names, **times, **marks}]


def test_an_extraction_outlives_the_names_of_its_collector(ctl: Connection) -> None:
    gone = {"source_key": 1, "collector_key": 2, "started_at": DAY, "ended_at": DAY, "extract_key": 7}
    insert(ctl, "ctl.extract_history", **gone, from_seq=0, to_seq=1, rows_read=1, rows_new=1)
    (row,) = rows(ctl, "SELECT extract_key, source, collector, site FROM ctl.admin_extract_history")
    assert list(row.values()) == [7, None, None, None]


def test_a_transformation_is_told_with_the_site_and_epoch_of_its_load(ctl: Connection) -> None:
    span = {"started_at": DAY, "ended_at": DAY + timedelta(milliseconds=480)}
    counts = {"interactions": 5, "events": 90, "rows_changed": 31}
    insert(ctl, "ctl.transform_history", audit_key=4, **span, **counts, resources=2)
    insert(ctl, "ctl.audit_log", audit_key=4, created_at=DAY, job="transform", epoch=3, site=2, row_count=31)
    insert(ctl, "ctl.audit_log", audit_key=5, created_at=DAY, job="purge", epoch=3, site=2, row_count=1)
    told = {"audit_key": 4, "site": 2, "epoch": 3, "duration_ms": 480, "agents": 2}
    assert rows(ctl, "SELECT * FROM ctl.admin_transform_history") == [{**told, **span, **counts}]


def test_a_load_names_the_days_that_it_touched(ctl: Connection) -> None:
    first = int(DAY.timestamp())
    load = {"created_at": DAY, "job": "transform", "epoch": 1, "site": 1, "row_count": 8}
    insert(ctl, "ctl.audit_log", audit_key=1, **load, min_date_time_key=first, max_date_time_key=first + 86_399)
    insert(ctl, "ctl.audit_log", audit_key=2, **load)
    found = rows(ctl, "SELECT audit_key, from_at, to_at FROM ctl.admin_audit_log ORDER BY 1")
    assert [tuple(row.values()) for row in found] == [(1, DAY, DAY + timedelta(days=1)), (2, None, None)]


def test_a_discard_names_its_interaction_where_the_facts_know_it(ctl: Connection) -> None:
    source_key = key(ctl, "london_a")["source_key"]
    why = {"code": "too-long", "reason": "from 1 to 40", "first_at": DAY, "audit_key": 9, "discarded_at": DAY}
    for root in ("c1", "c2"):
        insert(ctl, "ctl.transform_discard", source_key=source_key, root_id=root, **why)
    identity = "01a20267-fb1f-8aed-884b-000000000000"
    known = {"interaction_id": identity, "start_date_time_key": 0, "last_date_time_key": 0}
    insert(ctl, "gidb.interaction", source_key=source_key, root_id="c1", **known)
    found = rows(ctl, "SELECT source, root_id, interaction_id::text, code, audit_key FROM ctl.admin_discard ORDER BY 2")
    assert [tuple(row.values()) for row in found] == [
        ("london", "c1", identity, "too-long", 9),
        ("london", "c2", None, "too-long", 9),
    ]


def test_a_gap_has_a_length_also_while_it_goes_on(ctl: Connection) -> None:
    ids = [f"00000000-0000-8000-8000-{number:012}" for number in (1, 2)]
    now = datetime.now(UTC)
    common = {"noted_at": now, "cause": "silent"}
    blind = key(ctl, "london_b")
    ended = {"from_at": DAY, "to_at": DAY + timedelta(minutes=2), "filled": True}
    insert(ctl, "ctl.gap", gap_key=ids[0], **blind, **common, **ended)
    silent = {"source_key": blind["source_key"], "collector_key": None}
    insert(ctl, "ctl.gap", gap_key=ids[1], **silent, **common, from_at=now - timedelta(hours=1))
    closed, opened = rows(ctl, "SELECT * FROM ctl.admin_gap ORDER BY gap_key")
    assert [closed[name] for name in ("source", "collector", "site")] == ["london", "london_b", 2]
    assert [closed[name] for name in ("length_s", "is_open", "filled")] == [120, False, True]
    assert [opened[name] for name in ("source", "collector", "site")] == ["london", None, None]
    assert [opened[name] for name in ("to_at", "is_open", "filled")] == [None, True, False]
    assert 3_600 <= opened["length_s"] <= 3_600 + (datetime.now(UTC) - now).total_seconds() + 1


def test_a_source_is_as_fresh_as_the_better_of_its_twins(ctl: Connection) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for collector, ago in (("london_a", 90), ("london_b", 20)):
        mark = {"idb_seq": 1, "last_event_at": now - timedelta(seconds=ago), "moved_at": now - timedelta(seconds=ago)}
        insert(ctl, "ctl.extract_watermark", collector_key=key(ctl, collector)["collector_key"], **mark)
    ensure_partitions(ctl, now - timedelta(hours=2), now)
    for number, minutes in enumerate((10, 59, 61)):
        event(ctl, number, now - timedelta(minutes=minutes))
    ensure_source(ctl, "bristol", site=2)
    bristol, london = rows(ctl, "SELECT * FROM ctl.admin_source_freshness ORDER BY source")
    assert (london["last_event_at"], london["extracted_at"]) == (now - timedelta(seconds=20),) * 2
    assert 20 <= london["lag_s"] <= 20 + (datetime.now(UTC) - now).total_seconds() + 1
    assert london["events_last_hour"] == 2
    nothing = {"last_event_at": None, "lag_s": None, "extracted_at": None, "events_last_hour": 0}
    assert bristol == {"source": "bristol", "site": 2, "enabled": True, **nothing}


def test_recent_events_are_counted_without_reading_old_partitions(ctl: Connection) -> None:
    now = datetime.now(UTC)
    ensure_partitions(ctl, now - timedelta(days=100), now - timedelta(days=30))
    plan = ctl.execute("EXPLAIN (FORMAT JSON) SELECT * FROM ctl.admin_source_freshness").fetchone()
    removed = sum(map(int, re.findall(r"'Subplans Removed': (\d+)", str(plan))))
    assert removed >= 70 // 7


def test_an_audit_key_and_a_batch_are_found_by_an_index(ctl: Connection) -> None:
    ctl.execute("SET enable_seqscan = off")
    for query, index in (
        ("SELECT FROM ctl.audit_log WHERE audit_key = 5", "audit_key_idx"),
        ("SELECT FROM ctl.extract_history WHERE extract_key = 5", "extract_key_idx"),
    ):
        assert index in str(ctl.execute(f"EXPLAIN {query}".encode()).fetchall())


@pytest.mark.parametrize("view", VIEWS)
def test_the_role_for_reports_may_read_it(mart: Mart, view: str) -> None:
    reader = mart.connect(user=READER)
    reader.execute(sql.SQL("SELECT * FROM {} LIMIT 1").format(sql.Identifier("ctl", view)))
