"""Marts that tell of the recordings; tests only read them, so each is loaded once and serves all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import Mart, MartServer
from tests.truth.loading import Told, load
from tests.truth.recording import Recording

NAMES = ("site1", "edges", "crash")


@pytest.fixture(scope="session")
def tell(server: MartServer, recordings: Path) -> Iterator[Callable[[str], Told]]:
    """Returns the mart that tells of a recording, which is loaded when it is asked for first."""
    known: dict[str, Told] = {}
    marts: list[Mart] = []

    def told(name: str) -> Told:
        if name not in known:
            marts.append(server.new_mart())
            known[name] = load(marts[-1], Recording(recordings / name))
        return known[name]

    yield told
    for mart in marts:
        server.drop(mart)


@pytest.fixture(scope="session", params=NAMES)
def told(request: pytest.FixtureRequest, tell: Callable[[str], Told]) -> Told:
    """Each of the recordings, with the mart that tells of it."""
    return tell(request.param)


@pytest.fixture(scope="session")
def site1(tell: Callable[[str], Told]) -> Told:
    """Everyday traffic."""
    return tell("site1")


@pytest.fixture(scope="session")
def edges(tell: Callable[[str], Told]) -> Told:
    """Full and empty queues, exits by key, autopause, queues that ring everyone."""
    return tell("edges")


@pytest.fixture(scope="session")
def crash(tell: Callable[[str], Told]) -> Told:
    """A switch that was killed and came up again."""
    return tell("crash")
