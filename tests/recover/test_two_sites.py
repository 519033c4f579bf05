"""Hand-over and return on real servers: nothing lost, one active site, replication the other way round."""

import pytest

from tests.paths.fingerprint import Fingerprint
from tests.recover.conftest import Disaster, disaster
from tests.recover.recorder import Recorder
from tests.support import MartServer
from twinmart.recover.model import Wish


def both_hold_the_same(made: Disaster) -> bool:
    first = Fingerprint.of(made.first.connect(autocommit=True))
    return first.difference(Fingerprint.of(made.mart)) is None


def topology(made: Disaster) -> list[tuple[int, int]]:
    return [
        mart.connect(autocommit=True).execute("SELECT active_site, epoch FROM cfg.topology").fetchall()[0]
        for mart in (made.first, made.second)
    ]


@pytest.mark.soak
def test_a_switchover_and_back_loses_nothing(server: MartServer, other_server: MartServer) -> None:
    with disaster(server, other_server) as made, Recorder(made.ends) as recorder:
        run = made.carry_out(Wish("switchover", 2, 1), lost=False)
        assert run.state == "done"
        assert topology(made) == [(2, 2), (2, 2)]
        assert both_hold_the_same(made)
        assert made.mart.execute("SELECT count(*) FROM mart.interaction_fact").fetchone() == (2,)
        assert made.carry_out(Wish("switchover", 1, 2), lost=False).state == "done"
        assert topology(made) == [(1, 101), (1, 101)]
        assert both_hold_the_same(made)
        assert {load.epoch for load in recorder.check()} >= {1, 2}


@pytest.mark.soak
def test_a_lost_site_returns_first_as_standby_and_then_as_active(
    server: MartServer, other_server: MartServer
) -> None:  # fmt: skip
    with disaster(server, other_server) as made:
        made.carry_out()
        recorder = Recorder(made.ends)
        with recorder:
            return_twice(made)
        assert {load.epoch for load in recorder.check()} >= {2}


def return_twice(made: Disaster) -> None:
    assert made.carry_out(Wish("return", 2, 1, survivor=2), lost=False).state == "done"
    assert topology(made) == [(2, 2), (2, 2)]
    assert both_hold_the_same(made)
    used = made.mart.execute("SELECT count(*) FROM cfg.object WHERE kind = 'collector' AND enabled").fetchone()
    assert used == (2,)
    assert made.carry_out(Wish("return", 1, 2, survivor=2), lost=False).state == "done"
    assert topology(made) == [(1, 101), (1, 101)]
    assert both_hold_the_same(made)
