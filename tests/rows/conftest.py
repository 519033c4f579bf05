"""Commands on a mart of the test's own, and a switch of which tests tell a story."""

import pytest

from tests.config.conftest import run, store
from tests.etl.story import Switch
from tests.support import Mart

__all__ = ["run", "store", "switch"]


@pytest.fixture
def switch(mart: Mart) -> Switch:
    return Switch(mart)
