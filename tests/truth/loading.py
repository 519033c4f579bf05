"""Loads recorded streams into a fresh mart, as its own programs do."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.support import Mart
from tests.truth.recording import Recording
from twinmart.collect.backfill import backfill_file
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.config.store import Store
from twinmart.db.connect import Connection
from twinmart.etl.cycle import run_once

SITE = 1


@dataclass(frozen=True, slots=True)
class Told:
    """A recording, and the mart that tells of it."""

    recording: Recording
    mart: Connection


def load(mart: Mart, recording: Recording, streams: Iterable[Path] | None = None) -> Told:
    """Load the streams of a recording, or those given instead, and return it with a connection to what came of it."""
    connection = mart.connect(autocommit=True)
    source = ensure_source(connection, recording.source, site=SITE)
    collector = ensure_collector(connection, source, site=SITE)
    for queue, setting in recording.settings.items():
        threshold = {("gim-etl", "q-answer-threshold"): str(setting["servicelevel"])}
        Store(connection, author="test").put("queue", f"{source.name}/{queue}", options=threshold)
    for stream in recording.streams if streams is None else streams:
        backfill_file(connection, collector.idb_schema, source.name, stream)
    run_once(SITE, {SITE: mart.dsn})
    return Told(recording, connection)
