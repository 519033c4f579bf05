"""What a failover or a switchover must not wait for: a site that says nothing, privileges of thousands of partitions,
and rows that were compared before."""

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.etl.story import DAWN
from tests.replicate.conftest import Pair
from tests.support import Mart
from twinmart.db.partitions import ensure_partitions
from twinmart.recover.world import SiteWorld
from twinmart.replicate import fence, link
from twinmart.replicate.compare import Comparer
from twinmart.replicate.ends import End, reach
from twinmart.site.mart import REPLICATOR

PART = """
    SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'ctl.audit_log'::regclass ORDER BY 1 LIMIT 1
"""


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[End]:
    """A site that takes connections and never says a word, as one whose machine or line is gone."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        yield End(1, f"host=127.0.0.1 port={listening.getsockname()[1]} dbname=twinmart user=twinmart")


def test_a_silent_site_is_waited_for_once(silent: End, mart: Mart) -> None:
    world = SiteWorld({1: silent, 2: End(2, mart.dsn)})
    spent = []
    for _ in range(3):
        began = time.monotonic()
        facts = world.facts({1, 2})
        spent.append(time.monotonic() - began)
        assert not facts[1].answers
        assert facts[2].answers
    assert min(spent[1:]) < spent[0] / 2
    world.ends[1] = replace(silent, dsn=mart.dsn)
    # It is heard again as soon as it speaks.
    assert any(world.facts({1, 2})[1].answers for _ in range(20))


def may_insert(mart: psycopg.Connection[tuple[object, ...]], role: str, table: str) -> bool:
    return mart.execute("SELECT has_table_privilege(%s, %s, 'INSERT')", (role, table)).fetchone() == (True,)


def test_the_owner_writes_at_once_and_partitions_are_settled_later(linked: Pair) -> None:
    with reach(linked.target, "test") as mart:
        owner, part = fence.owner_of(mart), str((mart.execute(PART).fetchone() or [""])[0])
        assert not may_insert(mart, owner, "ctl.audit_log")
        assert fence.lower(mart, parts=False)
        assert (may_insert(mart, owner, "ctl.audit_log"), may_insert(mart, REPLICATOR, "ctl.audit_log")) == (
            True,
            False,
        )
        assert (may_insert(mart, owner, part), may_insert(mart, REPLICATOR, part)) == (False, True)
        # Whoever writes by way of the table needs no privilege on the partition.
        with linked.other_mart.connect(autocommit=True) as owners, owners.transaction(force_rollback=True):
            owners.execute(
                "INSERT INTO ctl.audit_log (audit_key, created_at, job, epoch, site, row_count)"
                " VALUES (-1, now(), 'test', 1, 2, 0)"
            )
        fence.settle(mart)
        assert (may_insert(mart, owner, part), may_insert(mart, REPLICATOR, part)) == (True, False)
        fence.raise_(mart, 1)
        assert (may_insert(mart, owner, part), may_insert(mart, REPLICATOR, part)) == (False, True)
        fence.settle(mart)
        assert fence.standing(mart).holes == ()


@pytest.mark.parametrize("trusts_days", [0, 7])
def test_a_row_is_found_where_the_other_site_has_an_empty_partition(pair: Pair, trusts_days: int) -> None:
    row = (
        "INSERT INTO ctl.audit_log (audit_key, created_at, job, epoch, site, row_count)"
        " VALUES (%s, %s, 'test', 1, 1, 0)"
    )
    months = [DAWN + timedelta(days=31 * month) for month in range(8)]
    with pair.mart.connect(autocommit=True) as mart:
        ensure_partitions(mart, months[0], months[-1] + timedelta(days=1), schema="ctl")
        for key, at in enumerate(months[1:-1], 1):
            mart.execute(row, (-key, at))
        pair.set_up()
        link.pause(pair.target)
        mart.execute(row, (-101, months[-1]))
    with reach(pair.target, "test") as standby, fence.passed(standby):
        standby.execute(row, (-102, months[0]))
        standby.execute("DELETE FROM ctl.audit_log WHERE audit_key = -3")
        standby.execute("UPDATE ctl.audit_log SET row_count = 1 WHERE audit_key = -4")
    comparer = Comparer(pair.source.dsn, pair.target.dsn, trusts_days=trusts_days)
    found = comparer.compare(["ctl.audit_log", "cfg.object"])
    assert {(json.loads(one.key)["audit_key"], one.kind) for one in found.listed} == {
        (-101, "missing"), (-102, "extra"), (-3, "missing"), (-4, "different"),
    }  # fmt: skip


def test_what_was_loaded_lately_is_read_though_a_kept_signature_says_that_it_is_equal(linked: Pair) -> None:
    def compare(**words: float) -> int:
        return Comparer(linked.source.dsn, linked.target.dsn, **words).compare(["ctl.audit_log"]).different  # type: ignore[arg-type]

    with reach(linked.source, "test") as mart:
        mart.execute(
            "INSERT INTO ctl.audit_log (audit_key, created_at, job, epoch, site, row_count)"
            " VALUES (-1, now(), 'test', 1, 1, 0)"
        )
    with reach(linked.target, "test") as standby, fence.passed(standby):
        deadline = time.monotonic() + 60
        while standby.execute("SELECT 1 FROM ctl.audit_log WHERE audit_key = -1").fetchone() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert compare(trusts_days=7) == 0
        standby.execute("UPDATE ctl.audit_log SET row_count = 1 WHERE audit_key = -1")
        # As if the server had not counted the write yet.
        standby.execute("SELECT pg_stat_force_next_flush()")
        standby.execute(
            "UPDATE ops.verify_signature SET writes = ("
            "  SELECT pg_stat_get_tuples_inserted(inhrelid) + pg_stat_get_tuples_updated(inhrelid)"
            "    + pg_stat_get_tuples_deleted(inhrelid)"
            "    + (hashint8extended(pg_relation_filenode(inhrelid)::bigint, 0) & 1099511627775)"
            "  FROM pg_inherits WHERE inhparent = 'ctl.audit_log'::regclass"
            "  AND inhrelid = (SELECT tableoid FROM ctl.audit_log WHERE audit_key = -1))"
            " WHERE table_name = 'ctl.audit_log' AND rows_counted > 0"
        )
    assert compare(trusts_days=7) == 0
    assert compare(trusts_days=7, reads_from=0) == 1
