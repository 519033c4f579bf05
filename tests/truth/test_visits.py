"""Every visit of a caller to a queue is told once, with what really came of it."""

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.truth import facts
from tests.truth.loading import Told

COLUMNS = ("uniqueid", "queue", "nth", "result", "agent", "wait_s", "talk_s", "hold_s", "transferred")


@pytest.fixture(scope="session")
def comparison(recordings: Path) -> Path:
    """The recordings' own program that compares a product's visits with the truth."""
    program = recordings.parents[1] / "tools" / "compare_visits.py"
    if not program.is_file():
        pytest.skip(f"no {program}")
    return program


def compare(program: Path, told: Told, rows: list[tuple[object, ...]], folder: Path, *more: str) -> dict[str, object]:
    """Return what the comparison says of visits."""
    table, verdict = folder / "visits.csv", folder / "verdict.json"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    command = [sys.executable, program, told.recording.folder, table, "--list", "5", "--json", verdict, *more]
    run = subprocess.run(list(map(str, command)), text=True, capture_output=True)
    assert verdict.exists(), run.stderr
    found: dict[str, object] = json.loads(verdict.read_text())
    return found


def rows_of(told: Told) -> list[tuple[object, ...]]:
    return told.mart.execute(
        "SELECT uniqueid, queue, nth, result, agent, wait_s, talk_s, hold_s, transferred FROM mart.queue_visit"
    ).fetchall()


@pytest.mark.parametrize("tolerance", [(), ("--strict",)], ids=["whole-seconds", "strict"])
def test_the_comparison_finds_no_visit_wrong(
    told: Told, comparison: Path, tmp_path: Path, tolerance: tuple[str, ...]
) -> None:
    verdict = compare(comparison, told, rows_of(told), tmp_path, *tolerance)
    assert verdict["errors"] == {}
    assert verdict["wrong"] == 0
    assert verdict["score"] == 100


def test_the_comparison_finds_a_visit_that_is_wrong(edges: Told, comparison: Path, tmp_path: Path) -> None:
    rows = rows_of(edges)
    wrong = next(place for place, row in enumerate(rows) if row[3] == "answered")
    rows[wrong] = (*rows[wrong][:6], float(str(rows[wrong][6])) + 5, *rows[wrong][7:])
    assert compare(comparison, edges, rows, tmp_path)["wrong"] == 1


def test_every_visit_has_exactly_one_row_with_its_result_and_agent(told: Told) -> None:
    killed_at = told.recording.killed_at
    found = facts.visits(told.mart)
    assert [row for row, times in Counter((v.channel, v.queue, v.ordinal) for v in found).items() if times > 1] == []
    true = {
        (visit.channel, visit.queue, visit.ordinal): (visit.result, visit.agent)
        for visit in told.recording.visits
        if not visit.is_open_at(killed_at)
    }
    open_at_the_kill = {
        (visit.channel, visit.queue, visit.ordinal) for visit in told.recording.visits if visit.is_open_at(killed_at)
    }
    told_rows = {(visit.channel, visit.queue, visit.ordinal): (visit.result, visit.agent) for visit in found}
    assert told_rows.keys() - true.keys() == open_at_the_kill
    assert {key: value for key, value in told_rows.items() if key in true} == true


def test_every_visit_is_entered_the_way_it_was(told: Told) -> None:
    ways = {"arrival": "did", "overflow": "overflow", "transfer": "transfer", "consult": "transfer"}
    found = {(visit.channel, visit.queue, visit.ordinal): ways[visit.how] for visit in facts.visits(told.mart)}
    assert found == {(visit.channel, visit.queue, visit.ordinal): visit.how for visit in told.recording.visits}


def test_an_answer_meets_the_threshold_if_it_came_within_it(told: Told) -> None:
    threshold = {queue: setting["servicelevel"] for queue, setting in told.recording.settings.items()}
    for visit in facts.visits(told.mart):
        if visit.result == "answered":
            assert visit.wait is not None
            assert visit.met_threshold == int(visit.wait <= threshold[visit.queue])
        else:
            assert visit.met_threshold is None


def test_every_answered_visit_leads_to_the_resource_that_answered(told: Told) -> None:
    (astray,) = told.mart.execute(
        """
        SELECT count(*)
        FROM mart.mediation_segment_fact AS visit
        LEFT JOIN mart.interaction_resource_fact AS target
            ON target.interaction_resource_id = visit.target_ixn_resource_id
            AND target.start_date_time_key = visit.target_ixn_resource_sdt_key
        WHERE visit.result = 'answered'
          AND (
              target.mediation_segment_id IS DISTINCT FROM visit.mediation_segment_id
              OR target.answered_at IS DISTINCT FROM visit.end_at
              OR target.interaction_id <> visit.interaction_id
          )
        """
    ).fetchone() or (None,)
    assert astray == 0
