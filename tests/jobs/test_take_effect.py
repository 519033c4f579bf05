"""Options that are changed while the server runs: each is heeded at once, by the next cycle or by the next run."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.across.calls import begin, two_switches
from tests.config.test_rows import waiting_call
from tests.etl.story import DAWN, Switch
from tests.jobs.support import ALWAYS, Clock, Sums, eventually, runs, serving, set_options, with_bodies
from tests.jobs.test_server import NIGHT, asked, ended, job_state
from tests.rows.test_commands import broken_call, days_ago
from tests.support import Mart
from tests.upkeep.stories import queue_call
from tests.upkeep.test_control import heard_last
from twinmart.config.declaration import Effect
from twinmart.config.options import DECLARED
from twinmart.config.store import Store
from twinmart.etl.delays import Delays
from twinmart.jobs.look import State

pytestmark = pytest.mark.rows(33)

LATER = 60.0

# What is changed, and when the job is due next from then on; it is two seconds to three.
SCHEDULE: tuple[tuple[dict[str, str], str, str | None], ...] = (
    ({"etl_frequency": "30"}, "extract", "22T03:00"),
    ({"etl_start_time": "04:10"}, "extract", "22T04:10"),
    ({"etl_start_time": "00:10", "etl_end_time": "02:30"}, "extract", "23T00:10"),
    ({"run_maintain": "true", "maintain_start_time": "03:20"}, "maintain", "22T03:20"),
    ({"maintain_start_time": "04:05"}, "maintain", "22T04:05"),
    ({"run_maintain": "false"}, "maintain", None),
    ({"run_aggregates": "true", "aggregate_schedule": "45 6,18"}, "aggregate", "22T06:45"),
    ({"aggregate_schedule": "15 5"}, "aggregate", "22T05:15"),
    ({"run_aggregates": "false"}, "aggregate", None),
    ({"run_update_stats": "true", "update_stats_schedule": "7/20 *"}, "update-stats", "22T03:07"),
    ({"update_stats_schedule": "59 23"}, "update-stats", "22T23:59"),
    ({"run_update_stats": "false"}, "update-stats", None),
    ({"run_export": "true"}, "export", "22T08:20"),
    ({"export_schedule": "10 4"}, "export", "22T04:10"),
    ({"timezone": "Asia/Kolkata"}, "export", "22T22:40"),
    ({"run_export": "false"}, "export", None),
    ({"run_scheduler": "false"}, "extract", None),
)

# Heeded at once too, and shown there.
AT_ONCE_ELSEWHERE = {
    "aggregate-duration": "test_the_time_of_aggregation_is_cut_short_while_it_runs",
    "on-demand-migration": "test_row_35_on_demand_migration_brings_a_mart_that_is_behind_up_to_date",
    "level": "test_row_53_the_level_of_log_lines_changes_while_the_server_runs",
}


def test_every_option_of_the_schedule_is_heeded_at_once(mart: Mart) -> None:
    set_options(mart, **ALWAYS)
    with serving({1: mart.dsn}, clock=Clock(NIGHT)) as server:
        eventually(lambda: server.state is State.RUNNING, LATER)
        for changes, job, due in SCHEDULE:
            set_options(mart, **changes)
            at = None if due is None else datetime.fromisoformat(f"2026-11-{due}").replace(tzinfo=UTC)
            eventually(lambda job=job, at=at: job_state(mart.dsn, job).get("next_at") == at, LATER)  # type: ignore[misc]
        eventually(lambda: server.state is State.PAUSED, LATER)
    shown = {name.replace("_", "-") for changes, _, _ in SCHEDULE for name in changes} | set(AT_ONCE_ELSEWHERE)
    declared = {
        one.name for one in DECLARED if one.takes_effect is Effect.AT_ONCE and one.section in ("schedule", "log")
    }
    assert shown == declared
    tests = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [test for test in AT_ONCE_ELSEWHERE.values() if f"def {test}(" not in tests] == []


@pytest.mark.rows(91)
def test_the_time_of_aggregation_is_cut_short_while_it_runs(mart: Mart) -> None:
    set_options(mart, **{**ALWAYS, "etl_frequency": "1", "run_aggregates": "true", "aggregate_schedule": "0 3"})
    set_options(mart, aggregate_duration="05:00")
    clock = Clock(NIGHT)
    with serving({1: mart.dsn}, catalogue=with_bodies(aggregate=Sums(goal=3)), clock=clock):
        eventually(lambda: [one for one in runs(mart.dsn, "aggregate") if one["rows"] == 3], LATER)
        clock.move(minutes=30)
        set_options(mart, aggregate_duration="00:20")
        run = eventually(lambda: [one for one in runs(mart.dsn, "aggregate") if one["ended_at"]], LATER)[0]
        assert (run["status"], run["rows"]) == ("done", 3)


class Line:
    """A running server, a switch that talks to it, and what the mart holds of it."""

    def __init__(self, mart: Mart) -> None:
        self.mart = mart
        self.switch = Switch(mart)
        self.said = 0

    def short_abandon(self) -> object:
        """Return whether a caller who gave up after twelve seconds did so soon."""
        return self._next_visit(lambda at: waiting_call(self.switch, at, f"c{round(at)}"))["short_abandoned_flag"]

    def wrap(self) -> object:
        """Return how many milliseconds of after-call work a call of the queue brought."""
        self.said += 1000
        at, caller, called = self.said, f"c{self.said}", f"c{self.said + 1}"
        queue_call(self.switch, at, at)
        for channel in (caller, called):
            self.switch.bridge(at + 5, channel, f"b{at}", caller)
        self.switch.write()
        parts = eventually(lambda: self.switch.parts() if called in self.switch.parts() else None, LATER)
        return parts[called]["customer_acw_duration_ms"]

    def _next_visit(self, call: Callable[[float], None]) -> dict[str, Any]:
        self.said += 1000
        call(self.said)
        self.switch.write()
        began_at = (DAWN + timedelta(seconds=self.said)).isoformat()
        query = f"SELECT * FROM mart.mediation_segment_fact WHERE start_at >= '{began_at}'"
        return dict(eventually(lambda: self.switch.rows(query), LATER)[0])

    def loads(self) -> int:
        """Return in how many loads a backlog of five hours came, while one call was said every half hour."""
        before = self.switch.rows("SELECT count(*) AS n FROM ctl.transform_history")[0]["n"]
        self.said += 100_000
        for number in range(10):
            queue_call(self.switch, self.said + 1800 * number, self.said + 10 * number)
        self.switch.write()
        want = self.switch.rows("SELECT count(*) AS n FROM mart.interaction_fact")[0]["n"] + 10
        eventually(lambda: self.switch.rows("SELECT count(*) AS n FROM mart.interaction_fact")[0]["n"] == want, LATER)
        return int(self.switch.rows("SELECT count(*) AS n FROM ctl.transform_history")[0]["n"] - before)


@pytest.mark.rows(50, 106)
def test_options_of_the_cycle_are_heeded_by_the_next_cycle_of_a_running_server(mart: Mart) -> None:
    set_options(mart, **ALWAYS)
    line = Line(mart)
    line.switch.member(0, "PJSIP/100")
    with serving({1: mart.dsn}) as server:
        eventually(lambda: job_state(mart.dsn, "extract").get("is_continuous"), LATER)
        for value, is_short in (("11", 0), ("13", 1), ("11.999", 0)):
            set_options(mart, gim_etl__q_short_abandoned_threshold=value)
            assert line.short_abandon() == is_short, value
        for value, wrap_ms in (("7", 7_000), ("0", 0)):
            set_options(mart, gim_etl__wrap_up_time=value)
            assert line.wrap() == wrap_ms, value
        set_options(mart, gim_transformation__chunk_size="3600")
        assert line.loads() >= 4
        set_options(mart, gim_transformation__chunk_size="604800")
        assert line.loads() == 1
        assert server.state is State.RUNNING


@pytest.mark.rows(47)
def test_the_policy_for_broken_calls_is_heeded_by_a_running_server(mart: Mart) -> None:
    set_options(mart, **ALWAYS, error_policy__error_policy_irf_exception="resume")
    switch = Switch(mart)

    def facts() -> int:
        return len(switch.rows("SELECT FROM mart.interaction_resource_fact"))

    def discards() -> list[str]:
        return [row["root_id"] for row in switch.rows("SELECT root_id FROM ctl.transform_discard ORDER BY root_id")]

    with serving({1: mart.dsn}) as server:
        broken_call(switch, 200, "c21")
        queue_call(switch, 300, 31)
        switch.write()
        eventually(lambda: facts() > 0, LATER)
        assert discards() == []
        set_options(mart, error_policy__error_policy_irf_exception="log_db_resume")
        broken_call(switch, 400, "c41")
        switch.write()
        eventually(lambda: discards() == ["c41"], LATER)
        set_options(mart, error_policy__error_policy_irf_exception="exception")
        before = facts()
        broken_call(switch, 500, "c51")
        queue_call(switch, 600, 61)
        switch.write()
        failed = eventually(lambda: [one for one in runs(mart.dsn, "transform") if one["status"] == "failed"], LATER)
        assert "c51" in failed[0]["message"]
        assert (server.state, facts()) == (State.RUNNING, before)
        set_options(mart, error_policy__error_policy_irf_exception="log_db_resume")
        eventually(lambda: facts() > before, LATER)
        assert discards() == ["c41", "c51"]


@pytest.mark.rows(49)
def test_the_policy_for_dangling_calls_is_heeded_by_a_running_server(mart: Mart) -> None:
    set_options(mart, **ALWAYS, error_policy__error_policy_islink_dangling="exception")
    london, _bristol = two_switches(mart)
    with serving({1: mart.dsn}):
        begin(london)
        london.write()
        codes = "SELECT code FROM ctl.transform_discard"
        eventually(lambda: [row["code"] for row in london.rows(codes)] == ["dangling-link"], LATER)
        assert london.rows("SELECT FROM mart.interaction_resource_fact") == []
        set_options(mart, error_policy__error_policy_islink_dangling="resume")
        # It is heard of once more, and loaded as it is.
        london.bridge(60, "c3", "b2", "c1")
        london.write()
        eventually(lambda: london.rows("SELECT FROM mart.interaction_resource_fact"), LATER)
        assert london.rows(codes) == []


@pytest.mark.rows(40, 41, 53)
def test_delays_are_told_by_a_running_server_as_the_thresholds_say(mart: Mart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinmart.etl.cycle.Delays", partial(Delays, pause_s=0.1))
    set_options(mart, **ALWAYS)
    switch = Switch(mart)
    Store(switch.mart, author="test").put("source", "pbx", {"protocol": "asterisk-ami", "site": 1, "host": "192.0.2.1"})
    queue_call(switch, 100, 1)
    switch.write()
    heard_last(switch, timedelta(seconds=500))

    def states() -> list[tuple[str, bool]]:
        return [(row["state"], row["is_open"]) for row in switch.rows("SELECT state, is_open FROM ctl.admin_delay")]

    with serving({1: mart.dsn}):
        eventually(lambda: switch.rows("SELECT FROM mart.interaction_fact"), LATER)
        assert states() == []
        set_options(mart, gim_etl__delayed_data_threshold="400")
        eventually(lambda: states() == [("delayed", True)], LATER)
        set_options(mart, gim_etl__extract_data_stuck_threshold="450")
        eventually(lambda: states() == [("stuck", True)], LATER)
        heard_last(switch, timedelta(seconds=1))
        eventually(lambda: states() == [("stuck", False)], LATER)


@pytest.mark.rows(36, 37, 41)
def test_options_of_jobs_are_heeded_by_their_next_run(mart: Mart, tmp_path: Path) -> None:
    switch = Switch(mart)

    def run(job: str) -> dict[str, Any]:
        done = ended(mart.dsn, asked(mart.dsn, job).run)
        assert done["status"] == "done", done
        return dict(done["summary"])

    with serving({1: mart.dsn}) as server:
        eventually(lambda: server.state is State.PAUSED, LATER)
        # A call of which nothing is heard any more, while its switch goes on talking.
        switch.call(days_ago(1), "c1", "PJSIP/1")
        switch.member(days_ago(1) + 3000, "PJSIP/100")
        switch.write()
        run("extract")
        run("transform")
        assert run("maintain")["terminated"] == {"stuck": 0, "too_old": 0}
        set_options(mart, gim_etl__max_call_duration="2900")
        assert run("maintain")["terminated"] == {"stuck": 1, "too_old": 0}

        set_options(mart, gim_etl__partitioning_ahead_range="25")
        assert any("interaction_fact" in name for name in run("maintain")["partitions"])
        set_options(mart, date_time__date_time_max_days_ahead="500", date_time__date_time_min_days_ahead="499")
        assert run("maintain")["calendar"]["date_time"] > 0
        for value, ending in (("csv", ".csv.zip"), ("parquet", ".parquet")):
            folder = tmp_path / value
            set_options(mart, gim_export__output_directory=str(folder), gim_export__output_format=value)
            run("transform")
            run("export")
            assert list(folder.rglob(f"*{ending}")), list(folder.rglob("*"))
