"""A drill on real servers: every step of a failover, in a copy; production is as it was, and nothing is left."""

from collections.abc import Iterator

import pytest

from tests.recover.conftest import Disaster, disaster
from tests.support import MartServer
from twinmart import errors
from twinmart.db.connect import advisory_lock
from twinmart.recover.drill import LOCK, Drill, leftovers
from twinmart.recover.journal import Journal
from twinmart.recover.model import Wish
from twinmart.recover.procedure import Event
from twinmart.recover.report import drill_report

pytestmark = pytest.mark.xdist_group("drill")

WISH = Wish("drill", 2, 1, accept_loss=frozenset({"all"}))


@pytest.fixture(scope="module")
def pair(server: MartServer, other_server: MartServer) -> Iterator[Disaster]:
    """A pair of sites in production."""
    with disaster(server, other_server) as made:
        yield made


def topology(made: Disaster) -> list[object]:
    return [
        mart.connect(autocommit=True).execute("SELECT active_site, epoch FROM cfg.topology").fetchone()
        for mart in (made.first, made.second)
    ]


@pytest.mark.faults("Q1", "Q2")
def test_a_drill_takes_every_step_and_leaves_production_alone(pair: Disaster) -> None:
    """Q1, and Q2: what an interrupted drill has left is named, and the next one removes it."""
    end = pair.ends[2]
    assert end.server is not None
    left = end.server.folder / "drill-abandoned"
    end.server.account.make_folder(left)
    assert leftovers(end) == [left]
    journal, events = Journal(None), list[Event]()
    interrupted = journal.begin(WISH, "interrupted")
    before = pair.second.connect(autocommit=True).execute("SELECT count(*) FROM mart.interaction_fact").fetchone()
    run = Drill(pair.ends, WISH, journal, "test").carry_out(events.append)
    assert run.state == "done"
    assert journal.run(interrupted.id).state == "given up"
    came_out = {event.step: event.state for event in events}
    assert {
        came_out[step] for step in ("raise-epoch", "detach-replication", "load", "start-server", "open-reports")
    } == {"done"}
    assert "none differs" in str(run.notes["proof"])
    assert topology(pair) == [(1, 1), (1, 1)]
    after = pair.second.connect(autocommit=True).execute("SELECT count(*) FROM mart.interaction_fact").fetchone()
    assert before == after == (1,)
    assert leftovers(end) == []
    made = drill_report(run, {})
    assert made.rto_ms is not None
    assert [loss.kind for loss in made.losses] == ["delivered", "recovered"]
    assert "production untouched" in made.markdown()


@pytest.mark.faults("Q1")
def test_two_drills_at_once_are_one(pair: Disaster) -> None:
    with advisory_lock(pair.second.connect(autocommit=True), LOCK), pytest.raises(errors.LockHeld):
        Drill(pair.ends, WISH, Journal(None)).carry_out(lambda event: None)
    assert leftovers(pair.ends[2]) == []


@pytest.mark.soak
@pytest.mark.faults("Q1")
def test_a_failover_in_earnest_ends_a_drill(server: MartServer, other_server: MartServer) -> None:
    """Q1: the failover asks nobody, and the drill sees that it is over."""
    with disaster(server, other_server) as made:
        journal, begun = Journal(None), list[str]()

        def tell(event: Event) -> None:
            begun.append(event.step)
            if event.step == "raise-epoch" and event.state == "done":
                made.carry_out()

        with pytest.raises(errors.RunSuperseded, match="in earnest"):
            Drill(made.ends, WISH, journal).carry_out(tell)
        assert [run.state for run in journal.runs()] == ["superseded"]
        assert [run.state for run in made.journal.runs()] == ["done"]
        assert topology(made)[1] == (2, 2)
        assert leftovers(made.ends[2]) == []
