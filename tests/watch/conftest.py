"""A folder of two sites on servers that run already."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support import Mart
from twinmart.settings import Settings
from twinmart.site.home import Home


@pytest.fixture
def home(tmp_path: Path, mart: Mart, other_mart: Mart) -> Home:
    dsns = {1: SecretStr(mart.dsn), 2: SecretStr(other_mart.dsn)}
    return Home(Settings(home=tmp_path / "home", site_dsns=dsns))
