"""The link: what is loaded at the active site is at the standby, and nothing else is."""

import pytest

from tests.etl.story import Switch
from tests.replicate.conftest import Pair
from tests.support import Mart
from twinmart import errors
from twinmart.replicate import link, slot
from twinmart.replicate.ends import reach
from twinmart.replicate.heartbeat import beat, wait_for


def one_call(switch: Switch, second: int = 0, number: int = 1) -> None:
    """A call from a to b, and the load that takes it in."""
    caller, dialled = f"c{number}", f"c{number + 1}"
    switch.call(second, caller, "PJSIP/a")
    switch.dial(second + 1, caller, dialled, "PJSIP/b")
    switch.up(second + 2, dialled, caller)
    switch.up(second + 2, caller)
    switch.end(second + 9, dialled, caller)
    switch.end(second + 9, caller)
    switch.hear()


def interactions(mart: Mart) -> list[tuple[object, ...]]:
    with mart.connect() as connection:
        return connection.execute("SELECT * FROM mart.interaction_fact ORDER BY interaction_id").fetchall()


def cross(pair: Pair) -> None:
    """Wait until the standby has everything."""
    wait_for(pair.other_mart.connect(), 1, beat(pair.mart.connect(autocommit=True), 1), timeout_s=20)


def test_what_was_there_is_copied_and_what_comes_is_sent(pair: Pair) -> None:
    pbx = Switch(pair.mart)
    one_call(pbx)
    pair.set_up()
    assert interactions(pair.other_mart) == interactions(pair.mart) != []
    one_call(pbx, 20, 3)
    cross(pair)
    assert interactions(pair.other_mart) == interactions(pair.mart)
    assert len(interactions(pair.mart)) == 2


def test_the_database_is_copied_by_files_with_the_catch_up_after(pair: Pair) -> None:
    pbx = Switch(pair.mart)
    one_call(pbx)
    link.set_up(pair.source, pair.target, method="dump")
    one_call(pbx, 20, 3)
    cross(pair)
    assert interactions(pair.other_mart) == interactions(pair.mart)
    assert len(interactions(pair.mart)) == 2


def test_setting_up_again_changes_nothing(steady: Pair) -> None:
    with reach(steady.source, "test") as active:
        before = active.execute("SELECT slot_name FROM pg_replication_slots").fetchall()
        steady.set_up()
        assert active.execute("SELECT slot_name FROM pg_replication_slots").fetchall() == before


def test_detaching_needs_the_standby_alone_and_tells_how_far_it_was(linked: Pair) -> None:
    one_call(Switch(linked.mart))
    cross(linked)
    reached = link.detach(linked.target)
    assert reached.of_site == 1
    assert reached.lsn is not None
    assert reached.last_load == 1
    assert reached.last_commit_at is not None
    again = link.detach(linked.target)
    assert (again.lsn, again.last_commit_at) == (reached.lsn, reached.last_commit_at)


def test_nothing_is_left_after_taking_down(linked: Pair) -> None:
    name = link.standing(linked.source, linked.target)
    assert name is not None
    link.tear_down(linked.source, linked.target)
    with reach(linked.source, "test") as active, reach(linked.target, "test") as standby:
        assert not slot.exists(active, name)
        assert active.execute("SELECT count(*) FROM pg_publication").fetchone() == (0,)
        origins = "SELECT count(*) FROM pg_replication_origin WHERE roname IN (SELECT origin FROM ops.link)"
        assert standby.execute(origins).fetchone() == (0,)
        standby.execute("INSERT INTO cfg.object (object_key, kind, name) VALUES (1, 'skill', 'sales')")
    assert link.tear_down(linked.source, linked.target) == []


def test_a_standby_that_holds_more_is_not_emptied(pair: Pair) -> None:
    one_call(Switch(pair.other_mart))
    with pytest.raises(errors.StandbyHoldsMore, match="site 2 holds 1 loads"):
        pair.set_up()
    assert len(interactions(pair.other_mart)) == 1
    link.set_up(pair.source, pair.target, discard_standby=True)
    assert interactions(pair.other_mart) == []
