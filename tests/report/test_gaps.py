"""Must-show 4: a gap is never a zero, in any report and any format; and an answer of a replica says how old it is."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from openpyxl import load_workbook

from tests.etl.story import DAWN, Switch
from tests.report.asking import told, written
from tests.report.calls import whole_call
from tests.report.conftest import aggregated
from tests.support import Mart, MartServer
from twinmart.report.catalogue import REPORTS
from twinmart.report.values import harmless

GAP = "01a20267-fb1f-8aed-884b-0000000000aa"


@pytest.fixture(scope="module")
def dark(server: MartServer) -> Iterator[Mart]:
    """One call at 09:00, and a gap of both twins from 09:10 to 09:40, of which only the first part saw anything."""
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


@pytest.mark.parametrize("report", list(REPORTS))
def test_every_report_marks_the_gap(dark: Mart, report: str) -> None:
    rows = told(dark, report).rows
    marked = [row for row in rows if GAP in row["gaps"]]
    assert marked
    assert {row["data"] for row in marked} <= {"partial", "none"}
    for row in marked:
        if row["data"] == "none":
            names = {one.name for one in REPORTS[report].measures}
            assert all(row[name] is None for name in names)


def test_where_nothing_is_known_there_is_a_dash_a_null_and_an_empty_cell(dark: Mart) -> None:
    rows = told(dark, "queue-by-interval", by=("15min", "queue")).rows
    assert [(row["data"], row["entered"]) for row in rows] == [("partial", 1), ("none", None), ("none", None)]
    lines = list(csv.DictReader(io.StringIO(written(dark, "queue-by-interval", "csv", by=("15min", "queue")).decode())))
    assert [(line["data"], line["entered"], line["gaps"]) for line in lines] == [
        ("partial", "1", GAP), ("none", "", GAP), ("none", "", GAP),
    ]  # fmt: skip
    assert " — " in written(dark, "queue-by-interval", "table", by=("15min", "queue")).decode()
    book = load_workbook(io.BytesIO(written(dark, "queue-by-interval", "xlsx", by=("15min", "queue"))))
    assert book.sheetnames == ["Report", "About", "Gaps"]
    assert [row[2].value for row in book["Report"].iter_rows(min_row=2, max_row=4)] == [1, None, None]
    assert book["Gaps"]["A2"].value == GAP


def test_an_answer_of_a_standby_says_how_old_it_is(dark: Mart) -> None:
    about = told(dark, "queue-summary", site=2).about
    assert about["answered_by"] == "standby"
    assert about["age_s"] >= 0
    assert told(dark, "queue-summary", site=1).about["answered_by"] == "active site"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_text_becomes_a_formula(text: str) -> None:
    assert harmless(text).startswith("'")
