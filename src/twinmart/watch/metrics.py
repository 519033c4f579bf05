"""Metrics for Prometheus: what a site's mart, its collectors and its processes say when somebody asks.

Nothing is measured in between: each scrape looks, with a deadline, and a site that gives no answer is a metric too.
Each metric is declared once, in ``METRICS``; ``docs/reference/metrics.md`` comes from there.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from twinmart.db.connect import Connection, session
from twinmart.db.migrate import schema_state
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import MartError
from twinmart.report.sources import source_states
from twinmart.watch.supervisor import read_state, running_pid


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric: its name without the prefix, what it is, and what tells its series apart."""

    name: str
    kind: Literal["gauge", "counter"]
    words: str
    labels: tuple[str, ...] = ()


METRICS = (
    Declared("site_up", "gauge", "1 if the site's database answers and its mart can be used, else 0"),
    Declared("schema_version", "gauge", "version of the mart's schema"),
    Declared("topology_epoch", "gauge", "epoch of the topology as this site knows it; it only rises"),
    Declared("topology_active_site", "gauge", "number of the active site as this site knows it"),
    Declared("partition_ahead_seconds", "gauge", "how far ahead partitions exist, for the table that has the least"),
    Declared("last_load_timestamp_seconds", "gauge", "when the last load was committed"),
    Declared("discards", "gauge", "interactions that are kept out of the facts because they break a rule"),
    Declared("replication_state", "gauge", "1 for the state that the link was in at the last look", ("state",)),
    Declared("replication_looked_timestamp_seconds", "gauge", "when the link was last looked at"),
    Declared("replication_lag_seconds", "gauge", "age of the newest beat that had crossed the link then"),
    Declared("replication_lag_bytes", "gauge", "write-ahead log that the standby had not confirmed"),
    Declared("replication_kept_bytes", "gauge", "write-ahead log that the active site kept for the standby"),
    Declared("replication_safe_days", "gauge", "days that the standby may stay away before its slot is lost"),
    Declared("source_last_event_timestamp_seconds", "gauge", "time of the latest event in the mart", ("source",)),
    Declared("source_events_24_hours", "gauge", "events that came into the mart in the last 24 hours", ("source",)),
    Declared("source_open_gaps", "gauge", "holes in the data that no twin covers", ("source",)),
    Declared("collector_connected", "gauge", "1 if the collector is connected to its source, else 0", ("collector",)),
    Declared("collector_events_total", "counter", "events that the running collector has taken", ("collector",)),
    Declared("collector_kept_aside_total", "counter", "messages that it could not use and kept aside", ("collector",)),
    Declared("collector_waiting_bytes", "gauge", "what waits in its spool for its database", ("collector",)),
    Declared("collector_status_timestamp_seconds", "gauge", "when it last said how it is", ("collector",)),
    Declared("supervisor_up", "gauge", "1 if a supervisor runs at this site, else 0"),
    Declared("process_up", "gauge", "1 if the process runs, else 0", ("process",)),
    Declared("process_starts_total", "counter", "how often the supervisor has started it", ("process",)),
)

_BY_NAME: Mapping[str, Declared] = {declared.name: declared for declared in METRICS}

# One value: of which metric, of which series, and how much.
Sample = tuple[str, tuple[str, ...], float]


class SiteMetrics(Collector):
    """Gathers the metrics of one site when they are asked for."""

    def __init__(self, dsn: Callable[[], str], folder: Path) -> None:
        self._dsn = dsn
        self._folder = folder

    def describe(self) -> list[Metric]:
        """Name the metrics without gathering them, so that registering asks no database."""
        return [_family(declared) for declared in METRICS]

    def collect(self) -> Iterator[Metric]:
        """Yield every declared metric that has values now."""
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for name, labels, value in self._samples():
            if name not in families:
                families[name] = _family(_BY_NAME[name])
            families[name].add_metric(labels, value)
        yield from families.values()

    def _samples(self) -> Iterator[Sample]:
        yield from self._of_mart()
        yield from _of_collectors(self._folder / "collectors")
        yield from _of_processes(self._folder)

    def _of_mart(self) -> list[Sample]:
        try:
            with session(self._dsn(), application_name="twinmart metrics", statement_timeout_s=5) as mart:
                if schema_state(mart).obstacle() is not None:
                    return [("site_up", (), 0.0), ("schema_version", (), float(schema_state(mart).version))]
                return [
                    ("site_up", (), 1.0),
                    *_of_topology(mart),
                    *_of_loads(mart),
                    *_of_link(mart),
                    *_of_sources(mart),
                ]
        except MartError:
            return [("site_up", (), 0.0)]


def serve_metrics(metrics: SiteMetrics, port: int) -> WSGIServer:
    """Serve the metrics at http://127.0.0.1:PORT/metrics, to this machine alone, until the server is shut down.

    Raises:
        OSError: the port is taken.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    server, _ = start_http_server(port, addr="127.0.0.1", registry=registry)
    return server


def _family(declared: Declared) -> GaugeMetricFamily | CounterMetricFamily:
    kind = CounterMetricFamily if declared.kind == "counter" else GaugeMetricFamily
    return kind("twinmart_" + declared.name, declared.words, labels=declared.labels)


def _of_topology(mart: Connection) -> Iterator[Sample]:
    yield "schema_version", (), float(schema_state(mart).version)
    for epoch, active in mart.execute("SELECT epoch, active_site FROM cfg.topology"):
        yield "topology_epoch", (), float(epoch)
        yield "topology_active_site", (), float(active)


def _of_loads(mart: Connection) -> Iterator[Sample]:
    for ahead_s, loaded_at, discards in mart.execute(sql_text("watch/loads")):
        if ahead_s is not None:
            yield "partition_ahead_seconds", (), float(ahead_s)
        if loaded_at is not None:
            yield "last_load_timestamp_seconds", (), loaded_at.timestamp()
        yield "discards", (), float(discards)


def _of_link(mart: Connection) -> Iterator[Sample]:
    names = ("looked_timestamp_seconds", "lag_seconds", "lag_bytes", "kept_bytes", "safe_days")
    for state, *values in mart.execute(sql_text("watch/replication")):
        yield "replication_state", (state,), 1.0
        for name, value in zip(names, values, strict=True):
            if value is not None:
                yield f"replication_{name}", (), float(value)


def _of_sources(mart: Connection) -> Iterator[Sample]:
    for source in source_states(mart):
        if source.last_event_at is not None:
            yield "source_last_event_timestamp_seconds", (source.name,), source.last_event_at.timestamp()
        yield "source_events_24_hours", (source.name,), float(source.events_in_24_h)
        yield "source_open_gaps", (source.name,), float(source.open_gaps)


def _of_collectors(folder: Path) -> Iterator[Sample]:
    for path in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(path.read_text(encoding="utf-8"))
            name = (told["name"],)
            yield "collector_connected", name, float(told["source"]["state"] == "connected")
            yield "collector_events_total", name, float(told["source"]["events"])
            yield "collector_kept_aside_total", name, float(told["source"]["kept_aside"])
            yield "collector_waiting_bytes", name, float(told["idb"]["waiting_bytes"])
            yield "collector_status_timestamp_seconds", name, datetime.fromisoformat(told["updated_at"]).timestamp()


def _of_processes(folder: Path) -> Iterator[Sample]:
    is_up = running_pid(folder) is not None
    yield "supervisor_up", (), float(is_up)
    for program in read_state(folder).get("programs", []):
        yield "process_up", (program["name"],), float(is_up and program["state"] == "running")
        yield "process_starts_total", (program["name"],), float(program["starts"])
