"""Commands that work on marts of the test's own, and the configuration read straight from a mart."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.support import Mart
from twinmart.cli.main import exit_code
from twinmart.config.store import Store


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, mart: Mart, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``twinmart`` on one site, the mart of the test."""
    monkeypatch.setenv("TWINMART_SITE_1_DSN", mart.dsn)

    def command(*words: str) -> Done:
        code = exit_code(["--home", str(tmp_path / "home"), *words])
        structlog.reset_defaults()
        return Done(code, *capsys.readouterr())

    return command


@pytest.fixture
def store(mart: Mart) -> Store:
    return Store(mart.connect(autocommit=True), author="test")
