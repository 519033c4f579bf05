"""The mart server at work on a real mart: one test for each capability that it brings, named after its row."""

import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import structlog
from psycopg import sql
from structlog.testing import capture_logs

from tests.etl.test_loop import fill, visits
from tests.jobs.support import ALWAYS, Clock, Sums, eventually, rows, runs, serving, set_options, with_bodies
from tests.support import Mart, MartServer
from twinmart.db.connect import connect
from twinmart.db.migrate import known_migrations, migrate, schema_state
from twinmart.errors import JobExcluded, JobNotNow, LockHeld, MartServerRuns
from twinmart.jobs import desk, levels
from twinmart.jobs.book import Run
from twinmart.jobs.catalogue import CATALOGUE
from twinmart.jobs.look import State
from twinmart.jobs.runner import job_locks, run_job
from twinmart.jobs.stop import Stop
from twinmart.site.mart import OWNER

NIGHT = datetime(2026, 11, 22, 2, 59, 58, tzinfo=UTC)


def asked(dsn: str, job: str, action: str = "run") -> desk.Answer:
    """Ask the server as the command line does, and return its answer."""
    with connect(dsn, application_name="test", autocommit=True) as connection:
        request = desk.ask(connection, job, action)
        answer = eventually(lambda: desk.answer_of(connection, request))
        assert isinstance(answer, desk.Answer)
        return answer


def ended(dsn: str, run: Any) -> dict[str, Any]:
    """Wait for the end of a run and return it."""
    found = eventually(
        lambda: [row for row in rows(dsn, "SELECT * FROM ctl.job_run") if row["run"] == run and row["ended_at"]]
    )
    return dict(found[0])


def job_state(dsn: str, job: str) -> dict[str, Any]:
    return next((row for row in rows(dsn, "SELECT * FROM ops.job_state") if row["job"] == job), {})


def test_row_32_run_scheduler_pauses_and_resumes_without_touching_a_running_job(mart: Mart) -> None:
    slow = Sums(goal=1000, step_s=0.02)
    with serving({1: mart.dsn}, catalogue=with_bodies(update_stats=slow)) as server:
        eventually(lambda: server.state is State.PAUSED)
        fill(mart.dsn)
        set_options(mart, **ALWAYS)
        eventually(lambda: visits(mart.dsn) == 74)
        run = asked(mart.dsn, "update-stats").run
        eventually(lambda: job_state(mart.dsn, "update-stats").get("state") == "running")
        set_options(mart, run_scheduler="false")
        eventually(lambda: server.state is State.PAUSED and job_state(mart.dsn, "extract")["state"] == "idle")
        fill(mart.dsn, "london")
        time.sleep(0.5)
        assert visits(mart.dsn) == 74
        assert job_state(mart.dsn, "update-stats")["state"] == "running"
        set_options(mart, run_scheduler="true")
        eventually(lambda: visits(mart.dsn) == 74 + 154)
        asked(mart.dsn, "update-stats", "stop")
        assert ended(mart.dsn, run)["status"] == "stopped"


def test_row_33_options_of_the_schedule_are_heeded_while_the_server_runs(mart: Mart) -> None:
    set_options(mart, **ALWAYS)
    clock = Clock(NIGHT)
    with serving({1: mart.dsn}, catalogue=with_bodies(export=Sums()), clock=clock) as server:
        eventually(lambda: server.state is State.RUNNING)
        assert job_state(mart.dsn, "export").get("next_at") is None
        set_options(mart, run_export="true", export_schedule="0,30 3/2", timezone="Europe/Berlin")
        next_at = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # 05:00 in Berlin
        eventually(lambda: job_state(mart.dsn, "export").get("next_at") == next_at, 60)
        clock.move(hours=1)
        run = eventually(lambda: runs(mart.dsn, "export"))[0]
        assert (run["due_at"], run["cause"]) == (next_at, "schedule")
        set_options(mart, run_export="false")
        eventually(lambda: job_state(mart.dsn, "export")["next_at"] is None)


def test_maintenance_waits_for_the_cycles_window_and_runs_once_a_night(mart: Mart) -> None:
    set_options(mart, **{**ALWAYS, "run_maintain": "false", "etl_start_time": "03:30", "etl_end_time": "03:00"})
    set_options(mart, run_maintain="true")
    clock = Clock(NIGHT)
    with serving({1: mart.dsn}, catalogue=with_bodies(maintain=Sums(goal=3)), clock=clock):
        eventually(lambda: job_state(mart.dsn, "extract").get("is_continuous"))
        run = eventually(lambda: runs(mart.dsn, "maintain"))[0]
        assert run["due_at"] == datetime(2026, 11, 22, 3, tzinfo=UTC)
        eventually(lambda: runs(mart.dsn, "maintain")[0]["status"] == "done")
        assert job_state(mart.dsn, "extract")["state"] == "idle"
        clock.move(minutes=40)
        eventually(lambda: job_state(mart.dsn, "extract")["is_continuous"])
        assert len(runs(mart.dsn, "maintain")) == 1
    with serving({1: mart.dsn}, catalogue=with_bodies(maintain=Sums(goal=3)), clock=clock) as server:
        eventually(lambda: server.state is State.RUNNING)
        time.sleep(0.3)
        assert len(runs(mart.dsn, "maintain")) == 1, "a server that begins anew knows that it ran"


def test_aggregation_goes_on_until_its_time_is_over(mart: Mart) -> None:
    set_options(mart, **{**ALWAYS, "run_scheduler": "true", "run_aggregates": "true", "aggregate_schedule": "0 3"})
    set_options(mart, aggregate_duration="00:10", etl_frequency="1")
    clock = Clock(NIGHT)
    with serving({1: mart.dsn}, catalogue=with_bodies(aggregate=Sums(goal=3)), clock=clock):
        eventually(lambda: job_state(mart.dsn, "aggregate").get("state") == "running")
        time.sleep(0.3)
        assert job_state(mart.dsn, "aggregate")["state"] == "running"
        clock.move(minutes=10)
        run = eventually(lambda: [one for one in runs(mart.dsn, "aggregate") if one["ended_at"]])[0]
        assert (run["status"], run["rows"]) == ("done", 3)


def test_a_job_that_breaks_is_tried_again_and_goes_on_where_it_was(mart: Mart) -> None:
    set_options(mart, **{**ALWAYS, "run_export": "true", "export_schedule": "0 3"})
    with serving({1: mart.dsn}, catalogue=with_bodies(export=Sums(goal=5, fails_at=2)), clock=Clock(NIGHT)):
        found = eventually(lambda: [one for one in runs(mart.dsn, "export") if one["status"] == "done"])
    first, second = runs(mart.dsn, "export")
    assert (first["status"], second["status"]) == ("failed", "done")
    assert first["due_at"] == second["due_at"]
    assert found[0]["rows"] == 3, "two of five were committed before it broke"
    assert "it breaks" in first["message"]


@pytest.mark.parametrize("version", [6, -1], ids=["the first release", "the one before"])
def test_row_34_a_mart_that_is_behind_puts_the_server_into_migration_state(server: MartServer, version: int) -> None:
    mart = old_mart(server, known_migrations()[:version])
    with capture_logs() as logs, serving({1: mart.dsn}) as running:
        eventually(lambda: running.state is State.MIGRATION)
        assert {line.get("id") for line in logs} >= {"55-20152", "55-20034"}
        if version != 6:
            refused = asked(mart.dsn, "extract").error
            assert refused is not None
            assert refused["code"] == JobNotNow.code
            assert "twinmart jobs run migrate" in str(refused["hint"])
    server.drop(mart)


def test_row_35_on_demand_migration_brings_a_mart_that_is_behind_up_to_date(server: MartServer) -> None:
    mart = old_mart(server, known_migrations()[:-1])
    with serving({1: mart.dsn}) as running:
        eventually(lambda: running.state is State.MIGRATION)
        set_options(mart, on_demand_migration="true")
        eventually(lambda: running.state is State.PAUSED, 30)
        eventually(lambda: runs(mart.dsn, "migrate")[0]["ended_at"], 30)
    assert [(one["cause"], one["status"]) for one in runs(mart.dsn, "migrate")] == [("demand", "done")]
    server.drop(mart)


def test_every_job_of_the_catalogue_has_a_body() -> None:
    assert all(callable(job.function()) for job in CATALOGUE)


def old_mart(server: MartServer, known: Any) -> Mart:
    """Return a mart of an earlier version."""
    mart = server.new_mart()
    server.drop(mart)
    with connect(server.server.dsn(), application_name="test", autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(mart.name), sql.Identifier(OWNER)))
    with connect(mart.dsn, application_name="test", autocommit=True) as connection:
        migrate(connection, known)
    return mart


def test_row_42_jobs_are_begun_and_stopped_on_request_and_readers_must_not(mart: Mart) -> None:
    catalogue = with_bodies(export=Sums(goal=1000, step_s=0.02))
    with serving({1: mart.dsn}, catalogue=catalogue) as server:
        eventually(lambda: server.state is State.PAUSED)
        run = asked(mart.dsn, "export").run
        eventually(lambda: (job_state(mart.dsn, "export").get("message") or "").endswith("of 1000"))
        again = asked(mart.dsn, "export").error
        assert again is not None
        assert again["code"] == JobExcluded.code
        began = time.monotonic()
        assert asked(mart.dsn, "export", "stop").run == run
        assert ended(mart.dsn, run)["status"] == "stopped"
        assert time.monotonic() - began < 3
        idle = asked(mart.dsn, "export", "stop").error
        assert idle is not None
        assert idle["code"] == JobNotNow.code
    with (
        connect(mart.reader_dsn, application_name="test") as reader,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        desk.ask(reader, "export", "run")


def test_row_43_the_history_of_jobs_has_the_originals_columns(mart: Mart) -> None:
    set_options(mart, **ALWAYS)
    fill(mart.dsn)
    with serving({1: mart.dsn}):
        eventually(lambda: visits(mart.dsn) == 74)
    found = {row["job_name"]: row for row in rows(mart.dsn, "SELECT * FROM gim.admin_etl_job_history")}
    assert found.keys() == {"Job_ExtractICON", "Job_TransformGIM"}
    assert {"job_id", "job_name", "start_time", "end_time", "duration", "status", "row_count"} <= set(
        found["Job_ExtractICON"]
    )
    assert found["Job_ExtractICON"]["row_count"] == 2596
    transform = runs(mart.dsn, "transform")[0]
    loads = "SELECT min(audit_key) AS low, max(audit_key) AS high FROM ctl.audit_log WHERE job = 'transform'"
    audit = rows(mart.dsn, loads)
    assert (transform["first_audit_key"], transform["last_audit_key"]) == (audit[0]["low"], audit[0]["high"])


def test_row_51_the_export_never_runs_beside_maintenance(mart: Mart) -> None:
    catalogue = with_bodies(export=Sums(goal=1000, step_s=0.02), maintain=Sums(goal=2))
    with serving({1: mart.dsn}, catalogue=catalogue) as server:
        eventually(lambda: server.state is State.PAUSED)
        run = asked(mart.dsn, "export").run
        eventually(lambda: job_state(mart.dsn, "export").get("state") == "running")
        refused = asked(mart.dsn, "maintain").error
        assert refused is not None
        assert refused["code"] == JobExcluded.code
        assert "export" in str(refused["message"])
        # In another process likewise: the lock is in the database.
        with pytest.raises(JobExcluded, match="export"):
            run_job(catalogue, catalogue.get("maintain"), Run("maintain", "command"), 1, {1: mart.dsn}, Stop())
        asked(mart.dsn, "export", "stop")
        ended(mart.dsn, run)
        done = asked(mart.dsn, "Job_MaintainGIM").run
        assert ended(mart.dsn, done)["status"] == "done"


def test_maintenance_that_is_asked_for_lets_the_cycle_end_and_holds_up_the_next(mart: Mart) -> None:
    set_options(mart, **ALWAYS)
    with serving({1: mart.dsn}, catalogue=with_bodies(maintain=Sums(goal=10, step_s=0.05))):
        eventually(lambda: job_state(mart.dsn, "extract").get("is_continuous"))
        run = asked(mart.dsn, "maintain").run
        eventually(lambda: job_state(mart.dsn, "maintain").get("state") == "running")
        assert job_state(mart.dsn, "extract")["state"] == "idle"
        assert ended(mart.dsn, run)["status"] == "done"
        eventually(lambda: job_state(mart.dsn, "extract")["is_continuous"])


def test_no_rival_gets_its_locks_while_a_job_has_them(mart: Mart) -> None:
    catalogue = with_bodies()
    for job in catalogue:
        if job.is_of_cycle:
            continue
        with job_locks(catalogue, job, mart.dsn):
            for other in catalogue:
                if other.is_of_cycle:
                    continue
                if other.name == job.name or catalogue.excludes(job.name, other.name):
                    with pytest.raises(JobExcluded), job_locks(catalogue, other, mart.dsn):
                        pass
                else:
                    with job_locks(catalogue, other, mart.dsn):
                        pass


def test_row_53_the_level_of_log_lines_changes_while_the_server_runs(mart: Mart) -> None:
    with serving({1: mart.dsn}) as server:
        eventually(lambda: server.state is State.PAUSED)
        set_options(mart, log__level="error")
        eventually(lambda: levels.is_set("error"))
        set_options(mart, log__level="info")
        eventually(lambda: levels.is_set("info"))


def test_row_105_a_second_server_for_one_mart_is_refused_and_told_who_is_there(mart: Mart) -> None:
    with serving({1: mart.dsn}) as server:
        eventually(lambda: server.state is State.PAUSED)
        with pytest.raises(MartServerRuns) as refused, serving({1: mart.dsn}):
            time.sleep(0.3)
        assert "twinmart mart run --site 1, process" in str(refused.value.detail)
        assert isinstance(refused.value, LockHeld)


def test_a_standby_becomes_active_by_itself_and_an_active_site_that_was_replaced_is_fenced(
    mart: Mart, other_mart: Mart
) -> None:
    for one in (mart, other_mart):
        set_options(one, **ALWAYS)
    dsns = {1: mart.dsn, 2: other_mart.dsn}
    with serving(dsns, site=2) as second, serving(dsns, site=1) as first:
        eventually(lambda: first.state is State.RUNNING and second.state is State.STANDBY)
        with connect(other_mart.dsn, application_name="test", autocommit=True) as connection:
            connection.execute("UPDATE cfg.topology SET active_site = 2, epoch = 2")
        eventually(lambda: second.state is State.RUNNING)
        eventually(lambda: first.state is State.FENCED)
        eventually(lambda: job_state(mart.dsn, "extract").get("state") == "idle")
    with serving({1: mart.dsn, 2: "host=127.0.0.1 port=1 connect_timeout=1"}, site=1) as first:
        eventually(lambda: first.state is State.FENCED)


def test_a_held_job_is_not_begun_also_after_a_restart(mart: Mart) -> None:
    set_options(mart, **ALWAYS)
    with connect(mart.dsn, application_name="test", autocommit=True) as connection:
        assert desk.hold(connection, "transform", "me", "I look at something")
        assert not desk.hold(connection, "transform", "me", None)
        fill(mart.dsn)
        for _ in range(2):
            with serving({1: mart.dsn}):
                eventually(lambda: job_state(mart.dsn, "extract").get("state") == "running")
                eventually(lambda: rows(mart.dsn, "SELECT FROM gidb.event"))
                assert visits(mart.dsn) == 0
        with serving({1: mart.dsn}):
            desk.release(connection, "transform")
            eventually(lambda: visits(mart.dsn) == 74)


def test_runs_of_a_process_that_died_are_found_lost(mart: Mart) -> None:
    with connect(mart.dsn, application_name="test", autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ctl.job_run (run, started_at, job, site, epoch, status, cause)"
            " VALUES (gen_random_uuid(), now(), 'export', 1, 1, 'running', 'schedule')"
        )
    with serving({1: mart.dsn}) as server:
        eventually(lambda: server.state is State.PAUSED)
        assert [one["status"] for one in runs(mart.dsn, "export")] == ["lost"]


def test_options_that_contradict_one_another_leave_the_schedule_as_it_was(mart: Mart) -> None:
    set_options(mart, **ALWAYS)
    with serving({1: mart.dsn}) as server:
        eventually(lambda: job_state(mart.dsn, "extract").get("is_continuous"))
        set_options(mart, run_maintain="true")
        why = eventually(lambda: (rows(mart.dsn, "SELECT why FROM ops.server")[0]["why"] or "") or None)
        assert "maintenance would begin inside the window" in why
        assert job_state(mart.dsn, "extract")["is_continuous"]
        assert server.state is State.RUNNING


@pytest.mark.rows(22, 34)
def test_a_standby_that_is_behind_is_in_migration_state_and_migrates_without_the_active_site(
    server: MartServer,
) -> None:
    mart = old_mart(server, known_migrations()[:-1])
    with connect(mart.dsn, application_name="test", autocommit=True) as connection:
        connection.execute("UPDATE cfg.topology SET active_site = 1, epoch = 3")
    gone = {1: "host=127.0.0.1 port=1 connect_timeout=1", 2: mart.dsn}
    with capture_logs() as logs, serving(gone, site=2) as standby:
        eventually(lambda: standby.state is State.MIGRATION, 60)
        assert {line.get("id") for line in logs} >= {"55-20152", "55-20034"}
        refused = asked(mart.dsn, "maintain").error
        assert refused is not None
        assert refused["code"] == JobNotNow.code
        assert asked(mart.dsn, "Job_MigrateGIM").error is None
        eventually(lambda: standby.state is State.STANDBY, 60)
        with connect(mart.dsn, application_name="test", autocommit=True) as connection:
            assert schema_state(connection).obstacle() is None
    server.drop(mart)


@pytest.mark.rows(53)
def test_a_line_of_the_log_is_written_or_not_as_the_level_is_now(
    mart: Mart, capsys: pytest.CaptureFixture[str]
) -> None:
    def toggled(level: str) -> str:
        set_options(mart, log__level=level)
        eventually(lambda: levels.is_set(level), 60)
        capsys.readouterr()
        for on, state in (("true", State.RUNNING), ("false", State.PAUSED)):
            set_options(mart, run_scheduler=on)
            eventually(lambda state=state: server.state is state, 60)  # type: ignore[misc]
        return capsys.readouterr().out

    # Lines go to standard output until a command sends them elsewhere, which one before this test may have done.
    structlog.reset_defaults()
    with serving({1: mart.dsn}) as server:
        eventually(lambda: server.state is State.PAUSED, 60)
        assert "server.state" not in toggled("error")
        assert "server.state" in toggled("info")
        assert toggled("off") == ""
        assert toggled("none") == ""
        assert "server.state" in toggled("all")
        set_options(mart, log__level="info")
        eventually(lambda: levels.is_set("info"), 60)
