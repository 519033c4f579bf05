"""Must-show 4: both twins of a source are killed while its switch is played; no report or export shows a zero there."""

import csv
import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from openpyxl import load_workbook
from pyarrow import parquet

from tests.collect.live import eventually, replaying
from tests.paths.live import TWINS, Chain, chain
from tests.paths.sample import POOL
from tests.paths.walk import Twin
from tests.report.asking import told, written
from tests.support import Mart, MartServer
from twinmart.aggregate.job import aggregate
from twinmart.aggregate.requests import request
from twinmart.etl.cycle import Etl
from twinmart.report.catalogue import REPORTS
from twinmart.report.formats import FORMATS
from twinmart.upkeep.export import export


@dataclass(frozen=True)
class Dark:
    """A mart with a gap that a killed pair left, and a period around it."""

    mart: Mart
    gaps: frozenset[str]
    period: dict[str, Any]


@pytest.fixture(scope="module")
def dark(server: MartServer, other_server: MartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dark]:
    """What comes of a switch that was heard, not heard by anybody, and heard again."""
    folder = tmp_path_factory.mktemp("dark")
    began = datetime.now(UTC)
    with (
        chain((server, other_server), POOL.source, folder) as live,
        replaying("--shift-to-now", "--clients", "2", recording=POOL.recordings[0]) as port,
    ):
        live.switch.port = port
        hear(live, 3.0)
        for twin in TWINS:
            live.kill_collector(twin)
        time.sleep(2)
        hear(live, 1.0)
        live.wait_until_written()
        with Etl(1, live.dsns) as etl:
            etl.cycle()
        owner = live.marts[0].connect(autocommit=True)
        day = timedelta(days=1)
        request(owner, from_at=began - day, to_at=began + day)
        aggregate(1, {1: live.marts[0].dsn}, stop=Event())
        gaps = owner.execute("SELECT gap_key::text FROM ctl.unfilled_gap WHERE NOT is_open").fetchall()
        # Each of the two was silent, and its twin too; on a busy machine they may have been so once more.
        assert len(gaps) >= len(TWINS)
        span = {"from_": f"{began - day:%Y-%m-%dT%H:%M}", "to": f"{began + day:%Y-%m-%dT%H:%M}"}
        yield Dark(live.marts[0], frozenset(key for (key,) in gaps), span)


def hear(live: Chain, seconds: float) -> None:
    """Let both twins hear the switch for a while."""
    before = {twin: len(events) for twin, events in live.heard().items()} if live.kills else dict.fromkeys(TWINS, 0)
    for twin in TWINS:
        live.start_collector(twin)
    eventually(lambda: _has_heard(live, before), within_s=60)
    time.sleep(seconds)


def _has_heard(live: Chain, before: dict[Twin, int]) -> bool:
    try:
        return all(len(events) > before[twin] for twin, events in live.heard().items())
    except Exception:  # noqa: BLE001  the collector has not made its tables yet
        return False


@pytest.mark.parametrize("report", list(REPORTS))
def test_every_report_marks_the_gap_and_shows_no_zero_for_it(dark: Dark, report: str) -> None:
    answer = told(dark.mart, report, **dark.period)
    assert {gap["gap"] for gap in answer.about["gap_list"]} >= dark.gaps
    marked = [row for row in answer.rows if dark.gaps & set(row["gaps"])]
    assert marked
    measures = [one.name for one in REPORTS[report].measures]
    for row in marked:
        assert row["data"] in {"partial", "none"}
        assert row["data"] == "partial" or all(row[name] is None for name in measures)


@pytest.mark.parametrize("format_", list(FORMATS))
@pytest.mark.parametrize("report", ["queue-by-interval", "agent-state-details"])
def test_every_format_shows_it(dark: Dark, report: str, format_: str) -> None:
    text = written(dark.mart, report, format_, **dark.period)
    if format_ == "xlsx":
        found = {row[0].value for row in load_workbook(io.BytesIO(text))["Gaps"].iter_rows(min_row=2)}
        assert found >= dark.gaps
    elif format_ == "parquet":
        rows = parquet.read_table(io.BytesIO(text)).to_pylist()
        assert dark.gaps <= {key for row in rows for key in row["gaps"]}
    elif format_ == "csv":
        lines = list(csv.DictReader(io.StringIO(text.decode())))
        assert dark.gaps <= {key for line in lines for key in line["gaps"].split(";")}
    elif format_ == "json":
        assert json.loads(text)["complete_rows"] < json.loads(text)["row_count"]
    else:
        assert all(key in text.decode() for key in dark.gaps)


def test_an_export_lists_it_too(dark: Dark, scratch: Path) -> None:
    done = export(1, {1: dark.mart.dsn}, stop=Event(), to=scratch, file_format="csv")
    manifest = json.loads((Path(str(done["folder"])) / "manifest.json").read_text())
    assert {gap["gap_key"] for gap in manifest["gaps"] if gap["to"]} == dark.gaps
    assert done["gaps"] == len(manifest["gaps"])
