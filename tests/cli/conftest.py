"""Runs commands as a person does, and compares what they print with files that a person can read."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from twinmart.cli.main import exit_code
from twinmart.settings import Settings
from twinmart.site.home import Home

EXPECTED = Path(__file__).parent / "expected"

_MASKS = (
    (r"\d{1,2} [A-Z][a-z]{2} \d{4}  \d\d:\d\d:\d\d UTC", "DAY  TIME UTC"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "TIME"),
    (r":2\d{4}\b", ":PORT"),
    (r"port=2\d{4}\b", "port=PORT"),
    (r"PostgreSQL \d+\.\d+", "PostgreSQL VERSION"),
    (r'"server_version": "[\d.]+"', '"server_version": "VERSION"'),
    (r'("(?:schema|latest)_version": |\bv|at version )\d+', r"\g<1>0"),
)


@dataclass(frozen=True)
class Result:
    """How a command ended, with what differs from run to run masked."""

    code: int
    out: str
    err: str

    def is_as_in(self, name: str) -> None:
        """Compare with a file; TWINMART_REWRITE=1 writes it instead, for a reviewer to see the change."""
        path = EXPECTED / f"{name}.txt"
        text = f"{self.out}{self.err}exit {self.code}\n"
        if os.environ.get("TWINMART_REWRITE"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")


Run = Callable[..., Result]


@pytest.fixture
def home_path(scratch: Path) -> Path:
    return scratch / "home"


@pytest.fixture
def twinmart(home_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The command ``twinmart --home DIR``; what it started is stopped when the test ends."""
    for name in [name for name in os.environ if name.startswith("TWINMART_SITE")]:
        monkeypatch.delenv(name)

    def run(*words: str) -> Result:
        code = exit_code(["--home", str(home_path), *words])
        printed = capsys.readouterr()
        return Result(code, *(masked(text.replace(str(home_path), "HOME")) for text in printed))

    yield run
    # The tests that follow in this process shall not log as a command does.
    structlog.reset_defaults()
    for site in Home(Settings(home=home_path)).sites:
        if site.server is not None:
            site.server.stop("immediate")


def masked(text: str) -> str:
    for pattern, mask in _MASKS:
        text = re.sub(pattern, mask, text)
    # Columns move with the width of what was masked.
    return re.sub(r"(?<=\S) {2,}(?=\S)", "  ", text)
