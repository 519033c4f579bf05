"""A mart that tells of a recorded day, aggregated: loaded once, read by the tests of reports."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest

from tests.support import Mart, MartServer
from tests.truth.loading import load
from tests.truth.recording import Recording
from twinmart.aggregate.job import aggregate
from twinmart.aggregate.requests import request


def aggregated(mart: Mart) -> None:
    """Aggregate all that the mart holds of November 2026."""
    connection = mart.connect(autocommit=True)
    request(connection, from_at=datetime(2026, 11, 20, tzinfo=UTC), to_at=datetime(2026, 11, 25, tzinfo=UTC))
    aggregate(1, {1: mart.dsn}, stop=Event())


@pytest.fixture(scope="session")
def day(server: MartServer, recordings: Path) -> Iterator[Mart]:
    """Everyday traffic of a quarter of an hour, in aggregates too."""
    mart = server.new_mart()
    load(mart, Recording(recordings / "site1"))
    aggregated(mart)
    yield mart
    server.drop(mart)
