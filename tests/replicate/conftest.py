"""Two marts on two servers as the ends of a link; whatever a test leaves of it is taken away."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.support import Mart, MartServer
from twinmart import errors
from twinmart.config.store import Store
from twinmart.replicate import link
from twinmart.replicate.ends import End, embedded_end


@dataclass
class Pair:
    """Site 1 and site 2: marts, and ends of a link."""

    mart: Mart
    other_mart: Mart
    source: End
    target: End

    def set_up(self) -> str:
        return link.set_up(self.source, self.target)


def end(number: int, mart: Mart) -> End:
    return embedded_end(number, mart.server, mart.dsn, database=mart.name)


def pair_of(mart: Mart, other_mart: Mart) -> Pair:
    with mart.connect() as connection:
        # Partitions for a day, not for weeks: a test that needs others makes them.
        Store(connection, author="test").set_option("application", "mart", "gim-etl", "partitioning-ahead-range", "1")
    return Pair(mart, other_mart, end(1, mart), end(2, other_mart))


def take_down(pair: Pair) -> None:
    for one in (pair.source, pair.target):
        with suppress(errors.MartError):
            link.tear_down(None, one)


@pytest.fixture
def pair(mart: Mart, other_mart: Mart) -> Iterator[Pair]:
    made = pair_of(mart, other_mart)
    yield made
    take_down(made)


@pytest.fixture
def linked(pair: Pair) -> Pair:
    """The pair with site 2 following site 1."""
    pair.set_up()
    return pair


@pytest.fixture(scope="session")
def steady(server: MartServer, other_server: MartServer) -> Iterator[Pair]:
    """One linked pair for all tests that leave it streaming."""
    made = pair_of(server.new_mart(), other_server.new_mart())
    made.set_up()
    yield made
    take_down(made)
    server.drop(made.mart)
    other_server.drop(made.other_mart)
