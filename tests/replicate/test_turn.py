"""Turning the link round: both directions, nothing lost, nothing twice, nothing echoed."""

import threading
import time

import pytest

from tests.etl.story import Switch
from tests.replicate.conftest import Pair
from tests.replicate.test_link import interactions, one_call
from twinmart import errors
from twinmart.etl.cycle import run_once
from twinmart.replicate import link, turn
from twinmart.replicate.ends import reach
from twinmart.replicate.fence import standing
from twinmart.replicate.heartbeat import beat, wait_for
from twinmart.replicate.watch import look


def test_the_direction_is_turned_and_turned_back_without_a_copy(linked: Pair) -> None:
    one_call(Switch(linked.mart))
    turn.reverse(linked.source, linked.target)
    with linked.mart.connect() as old, linked.other_mart.connect() as new:
        assert new.execute("SELECT active_site, epoch FROM cfg.topology").fetchone() == (2, 2)
        wait_for(old, 2, beat(linked.other_mart.connect(autocommit=True), 2), timeout_s=20)
        assert old.execute("SELECT active_site, epoch FROM cfg.topology").fetchone() == (2, 2)
        assert standing(old).of_site == 2
        assert standing(new).of_site is None
    assert look(linked.target, linked.source).is_ready
    turn.reverse(linked.target, linked.source)
    assert look(linked.source, linked.target).is_ready
    assert interactions(linked.mart) == interactions(linked.other_mart) != []


def test_a_turn_that_was_made_is_not_made_again(linked: Pair) -> None:
    name = turn.reverse(linked.source, linked.target)
    assert turn.reverse(linked.source, linked.target) == name
    with linked.other_mart.connect() as new:
        assert new.execute("SELECT epoch FROM cfg.topology").fetchone() == (2,)


def test_the_old_active_site_takes_no_load_and_says_who_does(linked: Pair) -> None:
    turn.reverse(linked.source, linked.target)
    wait_for(linked.mart.connect(), 2, beat(linked.other_mart.connect(autocommit=True), 2), timeout_s=20)
    with pytest.raises(errors.SiteFenced) as caught:
        run_once(1, {1: linked.mart.dsn})
    assert "site 2" in caught.value.render()


@pytest.mark.faults("E1")
def test_a_transaction_under_way_is_waited_for_and_crosses(linked: Pair) -> None:
    writer = linked.mart.connect()
    writer.execute("INSERT INTO ctl.counter VALUES ('sales', 0)")
    ending = threading.Timer(1, writer.commit)
    ending.start()
    began = time.monotonic()
    turn.reverse(linked.source, linked.target)
    ending.join()
    assert time.monotonic() - began > 0.9
    with linked.other_mart.connect() as new:
        assert new.execute("SELECT 1 FROM ctl.counter WHERE name = 'sales'").fetchone() == (1,)


@pytest.mark.faults("E1")
def test_a_transaction_that_does_not_end_is_named_and_the_active_site_goes_on(linked: Pair) -> None:
    writer = linked.mart.connect()
    writer.execute("INSERT INTO ctl.counter VALUES ('sales', 0)")
    with pytest.raises(errors.OpenTransaction, match="1 transactions did not end") as caught:
        turn.reverse(linked.source, linked.target, drain_s=0.3)
    assert "test" in (caught.value.detail or "")
    writer.commit()
    with linked.mart.connect() as active:
        active.execute("INSERT INTO ctl.counter VALUES ('service', 0)")
    assert look(linked.source, linked.target).is_ready


SOAK = pytest.mark.soak


@pytest.mark.parametrize(
    "broken_off",
    [pytest.param("fenced", marks=SOAK), "before the slot", "decided", pytest.param("opened", marks=SOAK)],
)
def test_a_turn_that_is_broken_off_goes_on_when_called_again(
    linked: Pair, broken_off: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The process ended here."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    place = {
        "fenced": (turn, "wait_for"),
        "before the slot": (turn, "publish"),
        "decided": (link, "clear_role"),
        "opened": (link, "connect"),
    }[broken_off]
    with monkeypatch.context() as patched:
        patched.setattr(*place, die)
        with pytest.raises(Killed):
            turn.reverse(linked.source, linked.target)
    turn.reverse(linked.source, linked.target)
    assert look(linked.target, linked.source).is_ready
    with reach(linked.source, "test") as old, reach(linked.target, "test") as new:
        assert link.leftover_slots(old) == []
        assert len(link.leftover_slots(new)) == 1
        assert new.execute("SELECT active_site, epoch FROM cfg.topology").fetchone() == (2, 2)
