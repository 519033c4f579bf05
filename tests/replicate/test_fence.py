"""The fences: nothing of ours writes to a replica, what crosses the link does, and the twins' databases stay open."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.etl.story import Switch
from tests.replicate.conftest import Pair
from tests.replicate.test_link import cross, interactions, one_call
from twinmart import errors
from twinmart.collect.idb import Idb
from twinmart.collect.records import Record, Tag
from twinmart.collect.rows import copy_lines
from twinmart.db.connect import mapped_errors
from twinmart.etl.cycle import run_once
from twinmart.model.events import Event, Kind
from twinmart.replicate import fence
from twinmart.replicate.ends import reach
from twinmart.site.mart import prepare_mart

WRITE = "INSERT INTO ctl.counter VALUES ('sales', 0)"


def test_a_session_is_read_only_by_default(steady: Pair) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        steady.other_mart.connect().execute(WRITE)


def test_the_owner_has_no_privilege_even_when_it_says_otherwise(steady: Pair) -> None:
    mart = steady.other_mart.connect(autocommit=True)
    mart.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        mart.execute(WRITE)


@pytest.mark.parametrize("table", ["cfg.topology", "ctl.audit_log", "a partition"])
@pytest.mark.parametrize("act", ["DELETE FROM {}", "TRUNCATE {}"])
def test_a_superuser_meets_the_trigger_on_tables_and_partitions(steady: Pair, table: str, act: str) -> None:
    with reach(steady.target, "test") as mart:
        if table == "a partition":
            row = mart.execute("SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent ="
                               " 'ctl.audit_log'::regclass").fetchone()  # fmt: skip
            assert row is not None
            table = str(row[0])
        with pytest.raises(errors.ReadOnlySite) as caught, mapped_errors():
            mart.execute(act.format(table).encode())
    assert "replica of site 1" in (caught.value.detail or "")


def test_a_load_at_the_standby_is_refused_and_names_the_active_site(steady: Pair) -> None:
    with pytest.raises(errors.SiteFenced) as caught:
        run_once(2, {2: steady.other_mart.dsn})
    assert "site 1 is active" in (caught.value.detail or "")


def test_a_twin_goes_on_writing_its_own_database_at_the_standby(steady: Pair) -> None:
    mart = steady.other_mart.connect(autocommit=True)
    now = datetime.now(UTC)
    lines = copy_lines([Event("0" * 32, now, Kind.CHANNEL_END, channel_id="c1")], "0" * 32, now)
    assert Idb.open(mart, "idb_pbx_b").write([Record(Tag.EVENTS, lines)]) == 1


def test_partitions_are_made_at_the_standby_and_are_fenced(steady: Pair) -> None:
    _, made = prepare_mart(steady.other_mart.dsn, now=datetime.now(UTC) + timedelta(days=2), ahead=timedelta(days=1))
    assert made != []
    with reach(steady.target, "test") as mart:
        assert fence.standing(mart).bare_tables == ()


def test_raising_and_lowering_again_change_nothing(linked: Pair) -> None:
    with reach(linked.target, "test") as mart:
        before = fence.standing(mart)
        fence.raise_(mart, 1)
        assert fence.standing(mart) == before
        assert before.holes == ()
        assert fence.lower(mart)
        assert not fence.lower(mart)
        assert fence.standing(mart).of_site is None
    linked.other_mart.connect().execute(WRITE)


def test_s3_what_is_missing_of_the_fences_is_named(linked: Pair) -> None:
    with reach(linked.target, "test") as mart:
        mart.execute("DROP TRIGGER fence ON cfg.topology")
        mart.execute("GRANT INSERT ON cfg.topology TO twinmart")
        assert fence.standing(mart).holes == (
            'no fence on table "cfg.topology"', "its owner may write replicated tables"
        )  # fmt: skip


def test_what_crosses_passes_all_three(steady: Pair) -> None:
    one_call(Switch(steady.mart))
    cross(steady)
    assert interactions(steady.other_mart) == interactions(steady.mart) != []


def test_a_session_under_an_older_epoch_is_refused_at_the_active_site_too(steady: Pair) -> None:
    mart = steady.mart.connect(autocommit=True)
    mart.execute("SET twinmart.epoch = '0'")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="under epoch 0, and the mart is at epoch 1"):
        mart.execute(WRITE)
