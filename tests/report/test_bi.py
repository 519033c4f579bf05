"""The files for Grafana, Superset and Metabase: every query in them runs for the reader, and says what reports say."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import dict_row

from tests.etl.story import DAWN, Switch
from tests.report.asking import told
from tests.report.calls import whole_call
from tests.report.conftest import aggregated
from tests.support import Mart, MartServer
from twinmart.db.connect import connect

BI = Path(__file__).parents[2] / "deploy" / "bi"
FROM, TO = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def dark(server: MartServer) -> Iterator[Mart]:
    """One call at 09:00, and a gap from 09:30 to 11:30: 09:00 is partly known, 10:00 not at all."""
    mart = server.new_mart()
    switch = Switch(mart)
    whole_call(switch)
    switch.hear()
    aggregated(mart)
    mart.connect(autocommit=True).execute(
        "INSERT INTO ctl.gap"
        " SELECT gen_random_uuid(), source_key, NULL, %s, %s, 'silent', false, now() FROM cfg.source",
        (DAWN + timedelta(minutes=30), DAWN + timedelta(minutes=150)),
    )
    yield mart
    server.drop(mart)


def run(mart: Mart, query: str) -> list[dict[str, Any]]:
    """Run a query as the reader."""
    with (
        connect(mart.reader_dsn, application_name="test") as reader,
        reader.cursor(row_factory=dict_row) as cursor,
    ):
        return cursor.execute(query.encode()).fetchall()


def of_grafana(query: str) -> str:
    """Put in place of Grafana's macros and variables what it puts there."""
    query = query.replace("$__unixEpochFrom()", f"{FROM.timestamp():.0f}")
    query = query.replace("$__unixEpochTo()", f"{TO.timestamp():.0f}")
    return query.replace("${queue:sqlstring}", "'sales','support','vip','night'")


def of_metabase(query: str, queue: str | None = None) -> str:
    """Put in place of Metabase's variables what it puts there; a clause without its value goes away."""
    query = re.sub(r"\[\[(.*?)\]\]", r"\1" if queue else "", query, flags=re.DOTALL)
    return query.replace("{{from}}", f"'{FROM}'").replace("{{to}}", f"'{TO}'").replace("{{queue}}", f"'{queue}'")


def grafana_queries() -> dict[str, str]:
    board = json.loads((BI / "grafana" / "twinmart.json").read_text(encoding="utf-8"))
    found = {panel["title"]: target["rawSql"] for panel in board["panels"] for target in panel["targets"]}
    found |= {f"annotation {one['name']}": one["target"]["rawSql"] for one in board["annotations"]["list"]}
    return found | {
        f"variable {one['name']}": one["query"] for one in board["templating"]["list"] if one["type"] == "query"
    }


def superset_queries() -> dict[str, str]:
    """Return each metric of each dataset, and each dataset's rows, as Superset asks for them."""
    found = {}
    for file in sorted(BI.glob("superset/twinmart/datasets/*/*.yaml")):
        text = file.read_text(encoding="utf-8")
        body = re.search(r"^sql: \|\n((?:  .*\n)+)", text, re.MULTILINE)
        assert body is not None
        metrics = dict(re.findall(r'metric_name: (\w+)\n.*\n  expression: "(.*)"', text))
        columns = re.findall(r"column_name: (\w+)", text)
        assert metrics
        assert columns
        virtual = f"({body[1]}) AS virtual_table"
        chosen = ", ".join([f"{expression} AS {name}" for name, expression in metrics.items()])
        found[file.stem] = f"SELECT {', '.join(columns)} FROM {virtual}"
        found[f"{file.stem} metrics"] = f"SELECT {chosen} FROM {virtual}"
    return found


METABASE = {file.stem: file.read_text(encoding="utf-8") for file in sorted((BI / "metabase").glob("*.sql"))}
QUERIES = {
    **{f"grafana {name}": of_grafana(query) for name, query in grafana_queries().items()},
    **{f"metabase {name}": of_metabase(query) for name, query in METABASE.items()},
    **{f"metabase {name} of a queue": of_metabase(query, "sales") for name, query in METABASE.items()},
    **{f"superset {name}": query for name, query in superset_queries().items()},
}


def test_every_query_runs_for_the_reader_over_data_and_gaps(dark: Mart) -> None:
    assert len(QUERIES) > 20
    empty = {name for name, query in QUERIES.items() if not run(dark, query)}
    # The one caller was answered.
    assert {name for name in empty if "bandoned calls" not in name and "abandoned-calls" not in name} == set()


def test_an_hour_of_which_nothing_is_known_is_no_zero(dark: Mart) -> None:
    for name in ("grafana Calls by hour", "metabase calls-by-hour"):
        by_hour = {
            row.get("time", row.get("Time")).astimezone(UTC).hour: row["Entered"]  # type: ignore[union-attr]
            for row in run(dark, QUERIES[name])
        }
        assert (by_hour[8], by_hour[9], by_hour[10], by_hour[11]) == (0, 1, None, None), name
    rows = {row["hour_at"].astimezone(UTC).hour: row for row in run(dark, QUERIES["superset queue_by_hour"])}
    assert {hour: (row["data"]) for hour, row in rows.items()} == {9: "partial", 10: "none", 11: "none"}
    assert run(dark, QUERIES["superset queue_by_hour metrics"])[0]["hours_in_doubt"] == 3
    assert [row["Data"] for row in run(dark, QUERIES["metabase queues"])] == ["partial"]


def test_tools_and_reports_show_the_same_figures(day: Mart) -> None:
    reported = {row["queue"]: row for row in told(day, "queue-summary").rows}
    everywhere = (
        QUERIES["metabase queues"],
        of_grafana(grafana_queries()["Queues"]).replace(
            "'sales','support','vip','night'", ", ".join(f"'{name}'" for name in reported)
        ),
    )
    for query in everywhere:
        rows = run(day, query)
        assert {row["Queue"] for row in rows} == reported.keys()
        for row in rows:
            report = reported[row["Queue"]]
            assert row["Entered"] == report["entered"]
            assert row["Accepted in threshold"] == report["accepted_in_time"]
            assert row["Service level"] == report["service_level"]
            assert float(row["Avg accept time"]) == pytest.approx(report["avg_accept_time_s"])
    total = told(day, "queue-summary").total
    metrics = run(day, QUERIES["superset queue_by_hour metrics"])[0]
    assert total is not None
    assert metrics["service_level"] == pytest.approx(total["service_level"])
    assert metrics["entered"] == total["entered"]
    gone = run(day, QUERIES["metabase abandoned-calls"])
    assert len(gone) == total["abandoned"]


def test_the_files_of_superset_name_one_another() -> None:
    texts = {file: file.read_text(encoding="utf-8") for file in (BI / "superset").rglob("*.yaml")}
    own = {uuid for text in texts.values() for uuid in re.findall(r"^uuid: (\S+)$", text, re.MULTILINE)}
    named = {uuid for text in texts.values() for uuid in re.findall(r'(?:_uuid: |"uuid": ")([0-9a-f-]{36})', text)}
    assert named
    assert named <= own
    for file, text in texts.items():
        if file.parent.name == "charts":
            dataset = re.search(r"dataset_uuid: (\S+)", text)
            assert dataset is not None
            source = next(one for one in texts.values() if f"\nuuid: {dataset[1]}\n" in one)
            for key in ("metrics", "groupby", "all_columns"):
                for names in re.findall(rf"^  {key}: (\[.*\])$", text, re.MULTILINE):
                    assert all(re.search(rf"(metric|column)_name: {name}\n", source) for name in json.loads(names))
