"""Partitions come and go at both ends of a link while changes cross it."""

import time
from datetime import timedelta

import pytest

from tests.etl.story import DAWN, Switch
from tests.paths.fingerprint import Fingerprint
from tests.replicate.conftest import Pair
from tests.upkeep.stories import DAY_S, maintained, queue_call
from twinmart.db.partitions import partitioned_tables
from twinmart.etl.cycle import run_once
from twinmart.jobs.linkwatch import LinkWatch
from twinmart.replicate import fence, turn
from twinmart.replicate.ends import reach
from twinmart.replicate.heartbeat import beat, has_crossed
from twinmart.replicate.schema import drift, prepare
from twinmart.replicate.watch import look
from twinmart.site.mart import REPLICATOR

MUCH_LATER = DAWN + timedelta(days=450)


def everything_crosses(pair: Pair) -> None:
    """Wait until what is committed has crossed, with a watch at the standby as its mart server has one."""
    watch = LinkWatch(2, {1: pair.source, 2: pair.target})
    with reach(pair.source, "test") as active, reach(pair.target, "test") as standby:
        number = beat(active, 1)
        deadline = time.monotonic() + 60
        while not has_crossed(standby, 1, number):
            assert time.monotonic() < deadline, look(pair.source, pair.target)
            watch.tick()


def story(pair: Pair) -> Switch:
    """A switch of which a day long ago is loaded and has crossed."""
    switch = Switch(pair.mart)
    switch.member(0, "PJSIP/100")
    queue_call(switch, 100, 1)
    switch.hear()
    everything_crosses(pair)
    return switch


def differs(pair: Pair) -> str | None:
    one, other = (Fingerprint.of(mart.connect(autocommit=True)) for mart in (pair.mart, pair.other_mart))
    return one.difference(other)


@pytest.mark.parametrize(
    "purges",
    [
        pytest.param((1,), id="active-only"),
        pytest.param((1, 2), id="active-first", marks=pytest.mark.soak),
        pytest.param((2, 1), id="standby-first", marks=pytest.mark.soak),
    ],
)
def test_rows_of_new_days_cross_after_a_purge_wherever_it_was_carried_out(
    linked: Pair, purges: tuple[int, ...]
) -> None:
    """The standby lacks the partitions of the new days, and has others than the active site for the old ones."""
    switch = story(linked)
    for site in purges:
        maintained(linked.mart if site == 1 else linked.other_mart, MUCH_LATER, site=site)
    queue_call(switch, 600 * DAY_S, 21)
    switch.hear()
    everything_crosses(linked)
    maintained(linked.other_mart, MUCH_LATER, site=2)
    assert differs(linked) is None
    with reach(linked.source, "test") as active, reach(linked.target, "test") as standby:
        assert [one for one in drift(active, standby) if one.breaks] == []


def test_what_a_purge_leaves_at_the_standby_is_fenced_and_open_to_what_crosses(linked: Pair) -> None:
    """A row of long ago that was kept, such as an agent's session, is changed by a load of today."""
    story(linked)
    maintained(linked.mart, MUCH_LATER)
    everything_crosses(linked)
    maintained(linked.other_mart, MUCH_LATER, site=2)
    with reach(linked.target, "test") as standby:
        closed = "SELECT table_name FROM ops.replicated_table WHERE NOT has_table_privilege(%s, table_oid, %s)"
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            assert standby.execute(closed.encode(), (REPLICATOR, privilege)).fetchall() == []
        assert fence.standing(standby).holes == ()
        purged = standby.execute("SELECT count(*) FROM ops.purge_done").fetchone()
        assert purged is not None
        assert purged[0] > 0


def test_a_pair_of_which_only_the_active_site_has_purged_can_be_turned(linked: Pair) -> None:
    story(linked)
    maintained(linked.mart, MUCH_LATER)
    everything_crosses(linked)
    prepare(linked.source, linked.target, now=MUCH_LATER)
    assert look(linked.source, linked.target).is_ready
    turn.reverse(linked.source, linked.target)
    maintained(linked.other_mart, MUCH_LATER, site=2)
    assert differs(linked) is None


def test_a_span_that_the_standby_has_no_partition_for_is_told_and_one_that_is_divided_otherwise_is_not(
    linked: Pair,
) -> None:
    story(linked)
    maintained(linked.mart, MUCH_LATER)
    everything_crosses(linked)
    with reach(linked.source, "test") as active, reach(linked.target, "test") as standby:
        found = {str(one) for one in drift(active, standby) if one.breaks and "audit_log" in one.name}
    assert found
    assert all("partition ctl.audit_log" in one and "is missing at the standby" in one for one in found)


def test_the_standby_has_partitions_before_the_active_site_has_rows_for_them(linked: Pair) -> None:
    """So apply never stops for want of one, not even for the moment until it is healed."""
    dsns = {1: linked.mart.dsn, 2: linked.other_mart.dsn}
    switch = Switch(linked.mart)
    queue_call(switch, 600 * DAY_S, 1)
    switch.write()
    run_once(1, dsns)
    with reach(linked.source, "test") as active, reach(linked.target, "test") as standby:
        number = beat(active, 1)
        deadline = time.monotonic() + 60
        while not has_crossed(standby, 1, number):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        stopped = standby.execute("SELECT sum(apply_error_count) FROM pg_stat_subscription_stats").fetchone()
        assert stopped == (0,)
        covered = [
            {(table.schema, table.name): table.covered for table in partitioned_tables(one) if table.schema == "mart"}
            for one in (active, standby)
        ]
    assert covered[0] == covered[1]
    assert differs(linked) is None


def test_a_standby_that_does_not_answer_holds_up_no_load(linked: Pair) -> None:
    dsns = {1: linked.mart.dsn, 2: "host=127.0.0.1 port=1 dbname=twinmart user=twinmart connect_timeout=1"}
    switch = Switch(linked.mart)
    queue_call(switch, 700 * DAY_S, 1)
    switch.write()
    assert run_once(1, dsns).interactions == 1
    everything_crosses(linked)
    assert differs(linked) is None
