"""Fixtures for walking paths: a server prepared for the samples, what each sample comes to at once, and the seed."""

from collections.abc import Callable

import pytest

from tests.paths.fingerprint import Fingerprint
from tests.paths.sample import Sample
from tests.paths.table import Tell, told_by
from tests.paths.walk import ground, one_batch, prepare
from tests.support import MartServer


@pytest.fixture(scope="session")
def walks(server: MartServer) -> MartServer:
    """The server on which paths are walked."""
    prepare(server)
    return server


@pytest.fixture(scope="session")
def at_once(walks: MartServer) -> Callable[[Sample], Fingerprint]:
    """What a sample comes to in one batch."""
    known: dict[Sample, Fingerprint] = {}

    def found(sample: Sample) -> Fingerprint:
        if sample not in known:
            with ground(walks, sample.source) as fresh:
                known[sample] = fresh.walk(one_batch(sample.events), sample.events)
        return known[sample]

    return found


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Tells the closing table that something was done so many times more."""
    return told_by(record_property)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run, which the header shows; the same again with ``--randomly-seed=N``."""
    return int(request.config.getoption("randomly_seed"))
