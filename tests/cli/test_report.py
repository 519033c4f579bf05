"""report: what people and programs read, what is refused and how, and a reader that stops reading."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import sql

from tests.cli.conftest import Run
from tests.etl.story import DAWN, Switch
from tests.report.calls import whole_call
from tests.report.conftest import aggregated
from tests.support import Mart, MartServer
from twinmart.db.connect import connect

DAY = ("--from", "2026-11-22", "--to", "2026-11-23")
GAP = "01a20267-fb1f-8aed-884b-0000000000aa"

# Python, the program and one batch of rows. What a report takes beyond that must not grow with its rows.
MOST_MIB = 200

# Columns of an attempt in which copies of it differ.
DIFFERS = {
    "interaction_resource_id": "gen_random_uuid()",
    "start_at": "start_at + n * interval '1 millisecond'",
}


@pytest.fixture(scope="module")
def told(server: MartServer) -> Iterator[Mart]:
    """One call at 09:00 and a gap from 09:10 to 09:40."""
    mart = server.new_mart()
    switch = Switch(mart)
    whole_call(switch)
    switch.hear()
    aggregated(mart)
    mart.connect(autocommit=True).execute(
        "INSERT INTO ctl.gap SELECT %s, source_key, NULL, %s, %s, 'silent', false, now() FROM cfg.source",
        (GAP, DAWN + timedelta(minutes=10), DAWN + timedelta(minutes=40)),
    )
    yield mart
    server.drop(mart)


@pytest.fixture
def ask(told: Mart, twinmart: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command ``twinmart report``, whose site 1 is the mart."""
    monkeypatch.setenv("TWINMART_SITE_1_DSN", told.dsn)
    return lambda *words: twinmart("report", *words)


def test_reports_are_listed_and_explained(ask: Run) -> None:
    ask("list").is_as_in("report-list")
    ask("show", "abandoned-calls").is_as_in("report-show")
    shown = json.loads(ask("show", "queue-summary", "--json").out)
    assert shown["v"] == 1
    assert {"name", "title", "unit", "formula"} == set(shown["columns"][0])


def test_a_report_is_answered_for_people_and_programs(ask: Run) -> None:
    ask("queue-by-interval", *DAY).is_as_in("report-table")
    lines = ask("queue-by-interval", *DAY, "-o", "csv")
    replace(lines, out=lines.out.replace("\r\n", "\n")).is_as_in("report-csv")
    answer = json.loads(ask("queue-by-interval", *DAY, "--json").out)
    assert (answer["v"], answer["row_count"], answer["complete_rows"]) == (1, 2, 0)
    assert [row["entered"] for row in answer["rows"]] == [1, None]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("report-unknown", ("queue-sumary",)),
        ("report-impossible-period", ("queue-summary", "--from", "2026-11-23", "--to", "2026-11-22")),
        ("report-no-day", ("queue-summary", "--from", "2026-02-30")),
        ("report-unknown-zone", ("queue-summary", *DAY, "--zone", "Europe/Lodnon")),
        ("report-ten-years", ("queue-summary", "--from", "2016-01-01", "--to", "2026-01-01", "--by", "15min")),
        ("report-unknown-column", ("queue-summary", *DAY, "--by", "agent")),
        ("report-unknown-format", ("queue-summary", *DAY, "-o", "pdf")),
        ("report-no-folder", ("queue-summary", *DAY, "--to-file", "/nowhere/at/all.csv")),
    ],
)
def test_what_cannot_be_asked_says_what_to_do(ask: Run, name: str, words: tuple[str, ...]) -> None:
    ask(*words).is_as_in(name)


def test_a_report_is_saved_asked_by_its_name_scheduled_and_forgotten(ask: Run, tmp_path: Path) -> None:
    ask("saved").is_as_in("report-saved-none")
    ask("save", "morning", "queue-summary", *DAY, "--queue", "sales").is_as_in("report-save")
    ask("save", "../x", "queue-summary").is_as_in("report-save-no-name")
    ask("save", "x", "queue-sumary").is_as_in("report-unknown")
    file = tmp_path / "out.json"
    assert ask("morning", "--to-file", str(file)).code == 0
    assert json.loads(file.read_text())["filters"] == {"queue": ["sales"]}
    ask("schedule", "morning", "--at", "30 6", "--zone", "Europe/London", "--folder", "/srv/reports").is_as_in(
        "report-schedule"
    )
    ask("schedule", "morning", "--at", "noon", "--folder", "/srv/reports").is_as_in("report-schedule-no-time")
    ask("schedule", "morning", "--at", "30 6").is_as_in("report-schedule-nowhere")
    ask("schedule", "evening", "--at", "30 6", "--folder", "/srv/reports").is_as_in("report-schedule-unknown")
    ask("saved").is_as_in("report-saved")
    ask("forget", "morning").is_as_in("report-forget")
    ask("forget", "morning").is_as_in("report-forget-again")


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "twinmart", "report", *words]


def environment(mart: Mart, home: Path) -> dict[str, str]:
    return {"TWINMART_HOME": str(home), "TWINMART_SITE_1_DSN": mart.dsn, "PATH": "/usr/bin:/bin"}


def filled(mart: Mart, rows: int) -> None:
    """Make so many copies of an attempt, a millisecond apart, without telling the aggregates."""
    table = sql.SQL("mart.interaction_resource_fact")
    with connect(mart.dsn, application_name="test", autocommit=True) as owner:
        names = [
            column.name for column in owner.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table)).description or ()
        ]
        values = [sql.SQL(DIFFERS[name]) if name in DIFFERS else sql.Identifier(name) for name in names]
        owner.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(table))
        owner.execute(
            sql.SQL(
                "INSERT INTO {} SELECT {} FROM (SELECT * FROM {} LIMIT 1) AS model, generate_series(1, {}) AS n"
            ).format(table, sql.SQL(", ").join(values), table, rows)
        )
        owner.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(table))


@pytest.fixture
def long(server: MartServer) -> Iterator[Mart]:
    """A mart with one call, which a test may multiply."""
    mart = server.new_mart()
    switch = Switch(mart)
    whole_call(switch)
    switch.hear()
    yield mart
    server.drop(mart)


def test_a_reader_that_has_had_enough_ends_it_quietly(long: Mart, tmp_path: Path) -> None:
    filled(long, 20_000)
    for format_ in ("csv", "table"):
        with subprocess.Popen(
            command("interaction-handling-attempt", *DAY, "-o", format_), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment(long, tmp_path),
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0, format_
    with connect(long.dsn, application_name="test", autocommit=True) as owner:
        left = owner.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'twinmart report'")
        assert left.fetchone() == (0,)


def written_in(long: Mart, tmp_path: Path, rows: int) -> int:
    """Write so many rows to CSV in a process, and return its greatest memory in MiB."""
    filled(long, rows)
    file = tmp_path / "all.csv"
    words = command("interaction-handling-attempt", *DAY, "--to-file", str(file))
    measured = f"import resource, subprocess; subprocess.run({words!r}, check=True);"
    measured += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run(
        [sys.executable, "-c", measured], env=environment(long, tmp_path), capture_output=True, text=True, check=True
    )
    with file.open("rb") as lines:
        assert sum(1 for _ in lines) >= rows + 1
    file.unlink()
    return int(done.stdout) // 1024


def test_many_rows_take_no_more_memory_than_few(long: Mart, tmp_path: Path) -> None:
    assert written_in(long, tmp_path, 60_000) < MOST_MIB


@pytest.mark.soak
def test_ten_million_rows_take_no_more_memory_than_few(long: Mart, tmp_path: Path) -> None:
    assert written_in(long, tmp_path, 10_000_000) < MOST_MIB
