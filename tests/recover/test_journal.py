"""The journal and the plans it spends: two programs, two operators, a disk that is full, a record that is torn."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from tests.recover.night import ALL, carry_out, undo
from tests.recover.sim import SimWorld
from tests.recover.tool import Crash, Tool
from twinmart import errors
from twinmart.recover.journal import FILE, VERSION, Journal, _hash
from twinmart.recover.model import Wish
from twinmart.recover.run import Executor, plan_now

SWITCHOVER = Wish("switchover", 2, 1)


@pytest.fixture
def world() -> Iterator[SimWorld]:
    made = SimWorld()
    yield made
    shutil.rmtree(made.folder, ignore_errors=True)


def rewrite(world: SimWorld, site: int, **begun: object) -> None:
    """Write the journal of a site as another program would have: with other words in the records of begun runs."""
    with sqlite3.connect(world.sites[site].folder / FILE) as file:
        before = ""
        for seq, run, at, kind, step, text in file.execute(
            "SELECT seq, run, at, kind, step, data FROM record ORDER BY seq"
        ).fetchall():
            data: dict[str, Any] = json.loads(text)
            if kind == "begun":
                data = {name: value for name, value in {**data, **begun}.items() if value is not None}
            written = json.dumps(data)
            before = _hash(before, run, at, kind, step, written)
            file.execute("UPDATE record SET data = ?, hash = ? WHERE seq = ?", (written, before, seq))
    file.close()


def broken_off(world: SimWorld, place: int) -> None:
    with pytest.raises(Crash):
        carry_out(world, SWITCHOVER, crash_at=place)


@pytest.mark.faults("M1")
def test_what_a_newer_program_began_is_left_to_it(world: SimWorld) -> None:
    """M1, from new to old."""
    broken_off(world, 40)
    newer = {**SWITCHOVER.to_json(), "by_moonlight": True}
    rewrite(world, 2, version=VERSION + 1, wish=newer)
    before = world.state()
    with pytest.raises(errors.RunOpen, match="was begun by a newer program") as refused:
        carry_out(world, SWITCHOVER)
    assert "Nothing was changed. Go on with that program: twinmart switchover" in str(refused.value.hint)
    with pytest.raises(errors.RunOpen, match="was begun by a newer program"):
        undo(world, 2)
    assert world.state() == before


@pytest.mark.faults("M1")
def test_what_an_older_program_began_is_gone_on_with(world: SimWorld) -> None:
    """M1, from old to new: what it did not know has its usual value."""
    broken_off(world, 40)
    old = {name: value for name, value in SWITCHOVER.to_json().items() if name in ("command", "target", "other")}
    rewrite(world, 2, version=None, epoch=1, wish=old)
    run, _ = carry_out(world, SWITCHOVER)
    assert run is not None
    assert (run.state, world.may_load(2)) == ("done", True)


def test_a_plan_is_spent_by_the_run_that_carries_it_out(world: SimWorld) -> None:
    with world.sites[2].journal() as journal:
        made = plan_now(Tool(world, 2), SWITCHOVER, journal)
    broken_off(world, 20)
    undo(world, 2)
    tool = Tool(world, 2)
    with world.sites[2].journal() as journal:
        with pytest.raises(errors.PlanStale, match="no longer fits") as stale:
            Executor(tool, journal, point=tool.point, in_thread=False).start(made)
        assert "number of runs was 0, is 1" in str(stale.value.detail)
        assert plan_now(Tool(world, 2), SWITCHOVER, journal).id != made.id


def test_a_plan_is_refused_when_the_world_has_moved(world: SimWorld) -> None:
    tool = Tool(world, 2)
    with world.sites[2].journal() as journal:
        made = plan_now(tool, SWITCHOVER, journal)
        world.sites[1].write("mart_point", 2)
        with pytest.raises(errors.PlanStale) as stale:
            Executor(tool, journal, point=tool.point, in_thread=False).start(made)
        assert "site 1: mart_point was 1, is 2" in str(stale.value.detail)
        assert "Nothing was changed" in str(stale.value.hint)
        assert journal.runs() == []


def test_who_was_overtaken_writes_no_record_and_so_takes_no_step(world: SimWorld) -> None:
    """C4: two who have one journal open; the second has taken the run up while the first one slept."""
    with world.sites[2].journal() as first, world.sites[2].journal() as second:
        run = first.begin(SWITCHOVER, "plan")
        with pytest.raises(errors.RunSuperseded, match="another command has taken up") as refused:
            second.write(run.id, "intent", "raise-epoch")
        assert "the step was not begun" in str(refused.value.detail)
        assert [record.kind for record in second.records()] == ["begun"]


@pytest.mark.faults("C5")
@pytest.mark.parametrize("place", [15, 40, 70])
def test_a_disk_that_is_full_lets_no_step_begin(world: SimWorld, place: int) -> None:
    """C5: what is not written down first is not done; with room again, the same command goes on."""
    broken_off(world, place)
    before = world.state()

    def fill(journal: Journal) -> None:
        journal._file.execute("PRAGMA query_only = ON")

    with pytest.raises(errors.JournalNotWritten, match="could not be written"):
        carry_out(world, SWITCHOVER, spoil=fill)
    assert world.state() == before
    run, _ = carry_out(world, SWITCHOVER)
    assert run is not None
    assert run.state == "done"


@pytest.mark.faults("C5")
def test_a_torn_last_record_is_left_out_and_the_run_goes_on(world: SimWorld) -> None:
    """C5."""
    broken_off(world, 50)
    with world.sites[2].journal() as journal, journal._file as file:
        file.execute("UPDATE record SET data = data || '!' WHERE seq = (SELECT max(seq) FROM record)")
    with world.sites[2].journal() as journal:
        assert "was not written whole" in journal.notes[0]
    run, _ = carry_out(world, SWITCHOVER)
    assert run is not None
    assert run.state == "done"


@pytest.mark.faults("C5")
def test_a_damaged_journal_is_kept_aside_and_a_failover_goes_on_without_it(world: SimWorld) -> None:
    broken_off(world, 50)
    with world.sites[2].journal() as journal, journal._file as file:
        file.execute("UPDATE record SET data = '{}' WHERE seq = 2")
    world.kill(1)
    run, _ = carry_out(world, Wish("failover", 2, 1, accept_loss=ALL))
    assert run is not None
    assert run.state == "done"
    assert list(world.sites[2].folder.glob(f"{FILE}.damaged-*"))
