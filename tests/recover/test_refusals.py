"""What a recovery says when it cannot go on: each refusal and failure, with what it left and what to do next."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.recover.conftest import NOWHERE, disaster
from tests.recover.night import carry_out
from tests.recover.sim import SimWorld
from tests.recover.tool import Crash, Tool
from tests.support import MartServer
from twinmart import errors
from twinmart.cli.main import exit_code
from twinmart.recover.journal import Journal
from twinmart.recover.model import Wish
from twinmart.recover.run import Executor, plan_now

FAILOVER = Wish("failover", 2, 1, accept_loss=frozenset({"all"}))


@pytest.fixture
def world() -> Iterator[SimWorld]:
    """Site 1 is lost."""
    made = SimWorld()
    made.speak("london")
    made.flow(2)
    made.kill(1)
    yield made
    shutil.rmtree(made.folder, ignore_errors=True)


def executor(world: SimWorld, journal: Journal) -> Executor:
    tool = Tool(world, 2)
    return Executor(tool, journal, point=tool.point, in_thread=False)


def broken_off(world: SimWorld, after: str) -> None:
    """Carry a failover out until a step was begun, and die there."""
    points = 1
    while True:
        try:
            carry_out(world, FAILOVER, crash_at=points)
        except Crash:
            with world.sites[2].journal() as journal:
                run = journal.open_run()
            if run is not None and after in run.intents:
                return
        points += 1


def test_a_step_that_acts_in_vain_is_told_with_its_goal_and_with_what_stands(world: SimWorld) -> None:
    world.sites[2].stuck = True
    with pytest.raises(errors.StepNotReached, match="did not reach its goal") as failed:
        carry_out(world, FAILOVER)
    assert "run the same command again: twinmart failover" in str(failed.value.hint)
    with world.sites[2].journal() as journal:
        (run,) = journal.runs()
        outcomes = [one.data["state"] for one in journal.records(run.id) if one.kind == "outcome"]
    assert run.state in {"undone", "open"}
    assert "failed" in outcomes
    assert ("Everything was taken back" in str(failed.value.hint)) is (run.state == "undone")


def test_a_step_whose_site_gives_no_answer_is_unknown_and_the_same_command_finds_out(world: SimWorld) -> None:
    world.sites[2].stuck = errors.TookTooLong("the database gives no answer")
    with pytest.raises(errors.StepUnknown, match="whether its goal is reached is not known") as unknown:
        carry_out(world, FAILOVER)
    assert "the database gives no answer" in str(unknown.value.detail)
    assert "twinmart failover" in str(unknown.value.hint)
    with world.sites[2].journal() as journal:
        run = journal.open_run()
    assert run is not None, "it is gone on with"
    world.sites[2].stuck = False
    done, _ = carry_out(world, FAILOVER)
    assert done is not None
    assert done.id == run.id
    assert world.sites[2].own.active_site == 2


def test_beyond_its_point_of_no_return_a_run_is_not_taken_back(world: SimWorld) -> None:
    broken_off(world, "detach-replication")
    journal = world.sites[2].journal()
    run = journal.open_run()
    assert run is not None
    with pytest.raises(errors.NoWayBack, match="has passed its point of no return") as refused:
        list(executor(world, journal).undo(run))
    assert "There is only forward: twinmart failover" in str(refused.value.hint)
    assert journal.open_run() is not None, "nothing was changed"
    journal.close()


def test_another_command_waits_for_a_run_that_is_open(world: SimWorld) -> None:
    broken_off(world, "raise-epoch")
    world.revive(1)
    journal = world.sites[2].journal()
    wish = Wish("return", 2, 1, survivor=2)
    with pytest.raises(errors.RunOpen, match="failover to site 2, is open") as refused:
        executor(world, journal).start(plan_now(Tool(world, 2), wish))
    assert "twinmart runs undo" in str(refused.value.hint)
    assert [run.wish.command for run in journal.runs()] == ["failover"]
    journal.close()


@pytest.mark.faults("C5")
def test_a_journal_that_cannot_be_written_lets_no_step_begin(tmp_path: Path) -> None:
    in_the_way = tmp_path / "a file"
    in_the_way.write_text("")
    with pytest.raises(errors.JournalNotWritten, match="cannot be opened"):
        Journal(in_the_way / "journal")
    with Journal(tmp_path / "journal") as journal:
        run = journal.begin(FAILOVER, "plan")
        pages = journal._file.execute("PRAGMA page_count").fetchone()[0]
        journal._file.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(errors.JournalNotWritten, match="could not be written") as refused:
            journal.write(run.id, "intent", "lower-fences", why="x" * 100_000)
        assert "full" in str(refused.value.detail)
        assert "The step was not begun" in str(refused.value.hint)
        with pytest.raises(errors.UnknownRun, match='"zzz" is the beginning of no runs'):
            journal.run("zzz")
    with sqlite3.connect(tmp_path / "journal") as file:
        kinds = {kind for (kind,) in file.execute("SELECT kind FROM record")}
    file.close()
    assert "intent" not in kinds


@pytest.mark.xdist_group("failover")
@pytest.mark.slow  # two marts with a link between them
def test_a_change_that_is_not_confirmed_or_was_made_before_changes_nothing(
    server: MartServer,
    other_server: MartServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with disaster(server, other_server) as made:
        monkeypatch.setenv("TWINMART_SITE_1_DSN", NOWHERE)
        monkeypatch.setenv("TWINMART_SITE_2_DSN", made.ends[2].reach)
        home = ("--home", str(tmp_path / "home"))
        # A script that gives its switchover again means the site that it names, not the one that is the standby now.
        monkeypatch.setenv("TWINMART_SITE_1_DSN", made.ends[1].reach)
        for again in (["--yes", "1"], ["--active", "1", "--yes", "1"], ["--active", "1"]):
            assert exit_code([*home, "switchover", *again]) == 0
            assert "site 1 is active already, and nothing is left to do" in capsys.readouterr().out
        code = exit_code([*home, "switchover", "--active", "2", "--yes", "1"])
        assert (code, "switchover --yes 2." in capsys.readouterr().err) == (errors.NotConfirmed.exit_code, True)
        monkeypatch.setenv("TWINMART_SITE_1_DSN", NOWHERE)
        for words in (("--yes", "1"), ()):
            code = exit_code([*home, "failover", *words])
            told = capsys.readouterr().err
            assert (code, "error TM393" in told) == (errors.NotConfirmed.exit_code, True), told
            assert "Nothing was changed. In a script: twinmart failover --yes 2." in " ".join(told.split())
        assert made.mart.execute("SELECT active_site, epoch FROM cfg.topology").fetchall() == [(1, 1)]
        code = exit_code([*home, "runs", "report", "zzz"])
        told = capsys.readouterr().err
        assert (code, "error TM190" in told) == (errors.UnknownRun.exit_code, True), told
        structlog.reset_defaults()
