"""Fixtures for every test: real PostgreSQL servers, a fresh mart for each test, and the recordings."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths.table import pytest_terminal_summary  # noqa: F401
from tests.support import Mart, MartServer, running_server, scratch_folder
from twinmart.errors import NoPostgres
from twinmart.site.programs import find_programs


def pytest_report_header() -> str:
    try:
        programs = find_programs()
    except NoPostgres as error:
        return error.render()
    return f"PostgreSQL {programs.version} in {programs.folder}"


@pytest.fixture(scope="session")
def scratch_root() -> Iterator[Path]:
    """A folder for the whole session; servers in it are ended and it is removed even when the session is killed."""
    with scratch_folder() as folder:
        yield folder


@pytest.fixture
def scratch() -> Iterator[Path]:
    """As ``tmp_path``, but with a short name, open to PostgreSQL's account, and no server in it outlives the test."""
    with scratch_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def server(scratch_root: Path) -> Iterator[MartServer]:
    """The server that tests have their marts on."""
    with running_server(scratch_root / "1") as running:
        yield running


@pytest.fixture(scope="session")
def other_server(scratch_root: Path) -> Iterator[MartServer]:
    """A second server, for tests of two sites; started when the first of them asks."""
    with running_server(scratch_root / "2") as running:
        yield running


@pytest.fixture
def mart(server: MartServer) -> Iterator[Mart]:
    """A fresh mart, at this program's version, with partitions made ahead."""
    fresh = server.new_mart()
    yield fresh
    server.drop(fresh)


@pytest.fixture
def other_mart(other_server: MartServer) -> Iterator[Mart]:
    """A fresh mart on the second server."""
    fresh = other_server.new_mart()
    yield fresh
    other_server.drop(fresh)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder with recordings of real telephony servers; tests that need it are skipped where it is missing."""
    named = os.environ.get("TWINMART_RECORDINGS")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data" / "asterisk"
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}; name their folder in TWINMART_RECORDINGS")
    return folder
