"""Metrics: what a scrape says is what the mart and the files say, and nothing that is not declared."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support import Mart
from twinmart.config.sources import ensure_source
from twinmart.site.ports import free_port
from twinmart.watch.metrics import METRICS, SiteMetrics, serve_metrics


@contextmanager
def scraped(metrics: SiteMetrics) -> Iterator[dict[tuple[str, tuple[str, ...]], float]]:
    port = free_port([])
    server = serve_metrics(metrics, port)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    finally:
        server.shutdown()
        server.server_close()
    yield {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "collectors").mkdir()
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    told = {
        "name": "pbx_a",
        "source": {"state": "connected", "events": 41, "kept_aside": 2},
        "idb": {"waiting_bytes": 512},
        "updated_at": str(at),
    }
    (tmp_path / "collectors" / "pbx_a.json").write_text(json.dumps(told))
    (tmp_path / "collectors" / "broken.json").write_text("{")
    programs = [{"name": "pbx_a", "state": "running", "starts": 3}]
    (tmp_path / "supervisor.json").write_text(json.dumps({"programs": programs}))
    return tmp_path


def test_a_scrape_tells_of_mart_collectors_and_processes(mart: Mart, folder: Path) -> None:
    with mart.connect() as connection:
        ensure_source(connection, "pbx")
    with scraped(SiteMetrics(lambda: mart.dsn, folder)) as values:
        assert values["twinmart_site_up", ()] == 1
        assert values["twinmart_topology_epoch", ()] == 1
        assert values["twinmart_source_open_gaps", ("pbx",)] == 0
        assert values["twinmart_partition_ahead_seconds", ()] > 86_400
        assert values["twinmart_collector_connected", ("pbx_a",)] == 1
        assert values["twinmart_collector_events_total", ("pbx_a",)] == 41
        assert values["twinmart_collector_waiting_bytes", ("pbx_a",)] == 512
        # No supervisor holds the folder, so what its file says is out of date.
        assert values["twinmart_supervisor_up", ()] == 0
        assert values["twinmart_process_up", ("pbx_a",)] == 0
        assert values["twinmart_process_starts_total", ("pbx_a",)] == 3
        # Nothing was loaded, and a time that is not known is no value at all.
        assert ("twinmart_last_load_timestamp_seconds", ()) not in values


def test_every_metric_told_is_declared(mart: Mart, folder: Path) -> None:
    declared = {f"twinmart_{one.name}" for one in METRICS}
    with scraped(SiteMetrics(lambda: mart.dsn, folder)) as values:
        told = {name for name, _ in values if not name.endswith("_created")}
    assert told - declared == set()


def test_a_site_without_an_answer_is_a_value_too(tmp_path: Path) -> None:
    dsn = f"host=127.0.0.1 port={free_port([])} dbname=twinmart user=twinmart connect_timeout=2"
    with scraped(SiteMetrics(lambda: dsn, tmp_path)) as values:
        assert values["twinmart_site_up", ()] == 0
        assert not any(name.startswith("twinmart_topology") for name, _ in values)
