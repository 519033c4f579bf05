"""What the link refuses, and that nothing was changed then."""

import pytest

from tests.replicate.conftest import Pair
from twinmart import errors
from twinmart.db.connect import Connection
from twinmart.replicate import link
from twinmart.replicate.dump import through_files
from twinmart.replicate.turn import reverse
from twinmart.replicate.watch import require_steady
from twinmart.watch.verify import verify


def leftovers(connection: Connection) -> tuple[object, ...]:
    """Return what a link would leave: publications, slots, subscriptions of this database."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM pg_publication),"
        " (SELECT count(*) FROM pg_replication_slots WHERE database = current_database()),"
        " (SELECT count(*) FROM pg_subscription"
        "  WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    ).fetchone()
    assert row is not None
    return tuple(row)


def test_without_a_link_nothing_is_held_up_or_let_go_or_mended(pair: Pair) -> None:
    for act in (link.pause, link.resume):
        with pytest.raises(errors.NoLink, match="no replication link ends at this site") as refused:
            act(pair.target)
        assert "twinmart replication setup" in str(refused.value.hint)
    with pytest.raises(errors.NotAStandby, match="no site is a standby of site 1") as unmended:
        verify({1: pair.source, 2: pair.target}, is_repairing=True)
    assert "Nothing was changed" in str(unmended.value.hint)


def test_a_table_without_a_key_cannot_cross(pair: Pair) -> None:
    active = pair.mart.connect(autocommit=True)
    for one in (active, pair.other_mart.connect(autocommit=True)):
        one.execute("CREATE TABLE mart.bare (word text)")
    before = leftovers(active)
    with pytest.raises(errors.NoKey, match=r'table "mart.bare" has no primary key') as refused:
        pair.set_up()
    assert "Nothing was changed" in str(refused.value.hint)
    assert leftovers(active) == before


def test_marts_of_two_shapes_are_not_linked(pair: Pair) -> None:
    active = pair.mart.connect(autocommit=True)
    active.execute("ALTER TABLE mart.interaction_fact ADD COLUMN extra text")
    before = leftovers(active)
    with pytest.raises(errors.SchemaDrift, match="the standby's schema lacks") as refused:
        pair.set_up()
    assert "mart.interaction_fact" in str(refused.value.detail)
    assert "extra" in str(refused.value.detail)
    assert leftovers(active) == before


def test_a_link_that_is_held_up_is_not_turned(steady: Pair) -> None:
    link.pause(steady.target, "a test")
    try:
        for act in (reverse, require_steady):
            with pytest.raises(errors.LinkNotSteady, match="is not fit for a switch") as refused:
                act(steady.source, steady.target)
            assert "the link is paused" in str(refused.value.detail)
            assert "Nothing was changed" in str(refused.value.hint)
    finally:
        link.resume(steady.target)


def test_a_dump_that_stops_says_what_pg_dump_said(pair: Pair) -> None:
    with pytest.raises(errors.CopyFailed, match="pg_dump stopped with an error") as failed:
        through_files(pair.source, pair.target, "00000000-00000001-1")
    assert "snapshot" in str(failed.value.detail)
    assert "begins the copy anew" in str(failed.value.hint)


@pytest.mark.rows(19)
def test_the_receiving_end_is_started_after_the_sending_one_also_where_setting_up_breaks_off(pair: Pair) -> None:
    """Slot before copy before subscription: a set-up that dies between them leaves nobody who receives too early."""
    active, standby = pair.mart.connect(autocommit=True), pair.other_mart.connect(autocommit=True)
    seen: list[tuple[object, ...]] = []

    def break_off(told: str) -> None:
        seen.append((told, leftovers(active)[1], leftovers(standby)[2]))
        raise errors.CopyFailed("broken off by a test")

    with pytest.raises(errors.CopyFailed, match="broken off by a test"):
        link.set_up(pair.source, pair.target, tell=break_off)
    # The sender keeps its place, and nobody receives.
    assert leftovers(standby)[2] == 0, seen
    pair.set_up()
    assert (leftovers(active)[1], leftovers(standby)[2]) == (1, 1)
    assert require_steady(pair.source, pair.target).is_ready
