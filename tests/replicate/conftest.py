"""Two marts on two servers as the ends of a link; whatever a test leaves of it is taken away."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.support import Mart
from twinmart import errors
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


@pytest.fixture
def pair(mart: Mart, other_mart: Mart) -> Iterator[Pair]:
    made = Pair(mart, other_mart, end(1, mart), end(2, other_mart))
    yield made
    for one in (made.source, made.target):
        with suppress(errors.MartError):
            link.tear_down(None, one)


@pytest.fixture
def linked(pair: Pair) -> Pair:
    """The pair with site 2 following site 1."""
    pair.set_up()
    return pair
