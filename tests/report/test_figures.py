"""Rows 96 to 102 and must-show 1 and 2: what reports say is what happened, and no two of them say different things."""

from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.report.asking import told
from tests.support import Mart
from tests.truth.recording import Recording
from tests.truth.test_totals import readme_table
from twinmart.db.sqlfiles import sql_text
from twinmart.report.catalogue import REPORTS
from twinmart.report.measures import MEASURES, SERVICE_LEVELS


def near(one: Any, other: Any) -> bool:
    return bool(one == pytest.approx(other, rel=1e-9)) if isinstance(one, float) else one == other


def test_row_96_every_queue_has_the_figures_of_the_truth(day: Mart, recordings: Path) -> None:
    true = readme_table(recordings / "README.md", "site1")
    rows = {row["queue"]: row for row in told(day, "queue-summary").rows}
    assert rows.keys() == true.keys()
    for queue, sums in true.items():
        row = rows[queue]
        counts = (row["entered"], row["accepted"], row["accepted_in_time"], row["abandoned"], row["routed_other"])
        others = sums.counts["timeout"] + sums.counts["exitkey"]
        expected = [sums.counts[key] for key in ("visits", "answered", "within", "abandoned")]
        assert counts == (*expected, others)
        assert row["accept_time_s"] == pytest.approx(sums.seconds["wait"], rel=0.002)
        assert row["data"] == "complete"


def test_rows_97_and_98_every_agent_has_the_calls_of_the_truth(day: Mart, recordings: Path) -> None:
    true = Recording(recordings / "site1").agent_totals()
    answered = sum(int(row["queue_answered"]) + int(row["direct"]) for row in true.values())
    for report in ("agent-conduct", "agent-utilization"):
        total = told(day, report).total
        assert total is not None
        assert total["accepted"] == pytest.approx(answered, abs=40)
        assert total["offered"] >= total["accepted"] + total["not_accepted"]


def test_pauses_add_up_to_the_truth_by_reason(day: Mart) -> None:
    states = told(day, "agent-state-details").rows
    listed: Counter[str] = Counter()
    for row in states:
        if row["kind"] == "reason":
            listed[row["reason_code"]] += round(row["duration_s"] * 1000)
    summed = told(day, "agent-not-ready", by=("reason_code",)).rows
    assert {row["reason_code"]: round(row["reason_time_s"] * 1000) for row in summed} == dict(listed)
    assert sum(row["reasons"] for row in summed) == sum(row["kind"] == "reason" for row in states)


def test_transfers_are_those_of_the_truth(day: Mart) -> None:
    rows = told(day, "transfer-detail").rows
    assert Counter(row["transfer_type"] for row in rows) == {"blind": 55, "attended": 25}


def test_row_101_one_line_an_attempt(day: Mart) -> None:
    rows = told(day, "interaction-handling-attempt").rows
    count = day.connect().execute("SELECT count(*) FROM mart.interaction_resource_fact").fetchone()
    assert (len(rows),) == count
    assert len({row["handling_attempt_id"] for row in rows}) == len(rows)


def test_an_interaction_is_followed_over_its_queues_and_agents(day: Mart) -> None:
    sent = next(row for row in told(day, "transfer-detail").rows if row["received_queue"])
    course = told(day, "interaction-flow", interaction=sent["interaction_id"]).rows
    assert [row["step"] for row in course] == list(range(1, len(course) + 1))
    places = {row["resource"] for row in course}
    assert {sent["agent"], sent["queue"], sent["received_by"], sent["received_queue"]} <= places


def test_row_102_ranges_add_up_to_all(day: Mart) -> None:
    for report, total, shares in (("speed-of-accept", "accepted_agent", 1), ("abandon-delay", "abandoned_last", 1)):
        for row in told(day, report).rows:
            assert sum(row[f"bucket_{n}"] for n in range(1, 21)) == row[total]
            assert sum(row[f"bucket_{n}_share"] for n in range(1, 21)) == pytest.approx(shares)


def test_the_list_of_abandoned_calls_is_as_long_as_the_summary_says(day: Mart) -> None:
    calls = Counter(row["queue"] for row in told(day, "abandoned-calls").rows)
    assert calls == {row["queue"]: row["abandoned"] for row in told(day, "queue-summary").rows}
    assert all(row["caller"] and row["wait_s"] >= 0 for row in told(day, "abandoned-calls").rows)


def test_reports_that_show_the_same_measure_show_the_same_figure(day: Mart) -> None:
    """All pairs of the catalogue, with every filter that both have."""
    grouped = [report for report in REPORTS.values() if report.measures]
    queue, agent = told(day, "queue-summary").rows[0]["queue"], told(day, "agent-conduct").rows[0]["agent"]
    filters: dict[str, Any] = {
        "none": {}, "queue": (queue,), "agent": (agent,), "group": (queue,), "source": ("site1",), "site": (1,),
        "tenant": (told(day, "queue-summary", by=("tenant",)).rows[0]["tenant"],),
    }  # fmt: skip
    compared: Counter[str] = Counter()
    for name, value in filters.items():
        having = [report for report in grouped if name == "none" or name in report.filters]
        asked = {} if name == "none" else {name: value}
        told_of = {report.name: told(day, report.name, **asked).total for report in having}
        for one, other in combinations(having, 2):
            common = {measure.key: measure.name for measure in one.measures} if told_of[one.name] else {}
            for measure in (measure for measure in other.measures if measure.key in common):
                first, second = told_of[one.name], told_of[other.name]
                assert first is not None
                assert second is not None
                assert near(first[measure.name], second[measure.name]), (name, one.name, other.name, measure.key)
                compared[name] += 1
    assert compared.keys() == filters.keys()
    assert compared["none"] >= 20


@pytest.mark.parametrize("report", [report.name for report in REPORTS.values() if report.measures])
def test_every_level_and_every_zone_has_the_same_total(day: Mart, report: str) -> None:
    total = told(day, report).total
    names = [measure.name for measure in REPORTS[report].measures]
    wide: dict[str, Any] = {"from_": "2026-11-01", "to": "2026-12-01"}
    assert total is not None
    for step, zone in (("15min", "UTC"), ("hour", "Europe/Paris"), ("day", "Asia/Kolkata"), ("month", "UTC")):
        found = told(day, report, by=(step,), zone=zone, **wide)
        assert found.total is not None
        for name in names:
            assert near(found.total[name], total[name]), (step, zone, name)
        for name in (one.name for one in REPORTS[report].measures if one.unit == "count"):
            assert sum(row[name] for row in found.rows) == total[name], (step, zone, name)


def test_queues_and_agents_differ_only_by_what_is_documented(day: Mart) -> None:
    queue, agent = told(day, "queue-summary").total, told(day, "agent-utilization").total
    assert queue is not None
    assert agent is not None
    # Customers whom agents had by a direct transfer came through no queue a second time.
    attempts = told(day, "interaction-handling-attempt").rows
    direct = sum(row["customer_handle_count"] > 0 and row["attempt_kind"] != "queue" for row in attempts)
    assert agent["accepted"] - direct == queue["accepted"] - queue["consult_accepted"]


def test_a_service_level_is_computed_by_the_formula_that_was_asked_for(day: Mart) -> None:
    for row in told(day, "queue-summary").rows:
        answered, gone, entered = row["accepted"], row["abandoned"], row["entered"]
        short, offered = row["short_abandoned"], row["offered"]
        level = {
            one.number: next(
                found["service_level"]
                for found in told(day, "queue-summary", service_level=one.number, queue=(row["queue"],)).rows
            )
            for one in SERVICE_LEVELS
        }
        within = row["accepted_in_time"]
        assert level[2] == pytest.approx(within / answered)
        assert level[3] == pytest.approx(within / (answered + gone))
        assert level[5] == pytest.approx((within + short) / (answered + gone))
        assert level[6] == pytest.approx(within / (offered - short)) == row["service_level"]
        assert level[7] == pytest.approx(within / (entered - short))
        assert level[9] == pytest.approx(within / (answered + gone - short))
        quick = round(level[8] * entered) - within
        assert level[1] == pytest.approx((within + quick) / (answered + gone))
        assert level[4] == pytest.approx(within / (answered + gone - quick))


def test_the_nine_service_levels_are_those_of_a_known_example(mart: Mart) -> None:
    """A = 1000, B = 60, 860 answered and 20 gone in time, 10 short abandons: the example of the literature."""
    found = {}
    for one in SERVICE_LEVELS:
        row = mart.connect().execute(
            "SELECT 100.0 * mart.service_level_met(%(n)s, 860, 20, 10)"
            " / mart.service_level_of(%(n)s, 1060, 1060, 1000, 60, 20, 10, 0)", {"n": one.number},
        ).fetchone()  # fmt: skip
        assert row is not None
        found[one.number] = round(float(row[0]), 1)
    assert found == {1: 83.0, 2: 86.0, 3: 81.1, 4: 82.7, 5: 82.1, 6: 81.9, 7: 81.9, 8: 83.0, 9: 81.9}


@pytest.mark.parametrize("report", [report.name for report in REPORTS.values() if report.measures])
def test_the_sql_of_a_report_holds_the_definition_of_its_measures(report: str) -> None:
    text = "".join(sql_text(REPORTS[report].sql).split())
    for measure in REPORTS[report].measures:
        assert "".join(f"{measure.sql} AS {measure.name}".split()) in text, measure.key


def test_every_measure_is_shown_by_a_report() -> None:
    shown = {measure.key for report in REPORTS.values() for measure in report.measures}
    assert shown == MEASURES.keys()
