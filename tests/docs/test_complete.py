"""What is documented is generated or tested: pages, commands with their examples, error classes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from scripts.docs import MADE_BY, REFERENCE

from twinmart.cli.main import make_app
from twinmart.errors import MartError, error_classes

ROOT = Path(__file__).parents[2]

# Pages that a person writes, each with the test that holds it to the program.
BY_HAND = {
    "gim.md": "tests/sql/test_gim.py",
    "words.md": "tests/docs/test_complete.py",
    "configuration.md": "tests/config/test_rows.py",
}

# Commands that answer with no data: they run until told to stop, or print one line for a shell.
WITHOUT_JSON = {
    "init": "makes what status tells of",
    "up": "starts what status tells of",
    "down": "stops what status tells of",
    "dsn": "prints a connection string, for a shell",
    "site run": "runs until told to stop",
    "site stop": "stops what site status tells of",
    "mart run": "runs until told to stop",
    "collect": "runs until told to stop",
    "sim replay": "runs until told to stop",
    "source add": "makes what source list tells of",
    "demo": "plays for half a minute, and its exit code is the verdict",
    "visits": "answers as CSV",
}


def commands(command: Any = None, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command that is no group, with its words."""
    command = command or typer.main.get_command(make_app())
    below = getattr(command, "commands", None)
    if not below:
        yield path, command
    for name, child in (below or {}).items():
        yield from commands(child, f"{path} {name}".strip())


def examples(command: Any) -> list[str]:
    return re.findall(r"^\s*Example: (.+)$", command.help or "", re.MULTILINE)


def test_every_page_of_the_reference_is_generated_or_has_a_test() -> None:
    by_hand = {page.name for page in REFERENCE.glob("*.md") if MADE_BY.strip() not in page.read_text(encoding="utf-8")}
    assert by_hand == set(BY_HAND)
    assert [test for test in BY_HAND.values() if not (ROOT / test).exists()] == []


def test_every_command_has_an_example_that_can_be_read() -> None:
    for path, command in commands():
        told = examples(command)
        assert told, f"twinmart {path} has no Example: line"
        for example in told:
            inner = re.search(r"\$\((twinmart .*?)\)", example)
            words = shlex.split((inner[1] if inner else example).partition(" > ")[0])[1:]
            own = path.removeprefix("report run").split()
            assert example.startswith("twinmart ") or inner, f"{path}: {example}"
            # A report is asked for by its name, without a word between.
            skipped = ["report"] if not own and path else own
            assert words[: len(skipped)] == skipped, f"{path}: {example}"
            # Reads the words as the command would, types and ranges included, and runs nothing.
            command.make_context(path, words[len(skipped) :])


def test_every_command_answers_programs_or_is_named_with_why_not() -> None:
    without = {path for path, command in commands() if not any("--json" in one.opts for one in command.params)}
    assert without == set(WITHOUT_JSON)


def test_every_error_class_is_raised_and_is_in_a_test() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py") if path.parent.name != "errors"
    )
    paths = [path for path in (ROOT / "tests").rglob("*.*") if path.name != Path(__file__).name]
    tests = "\n".join(path.read_text(encoding="utf-8") for path in paths if path.suffix in {".py", ".txt"})
    families = set(MartError.__subclasses__())
    kinds = [kind for kind in error_classes() if kind is not MartError and kind not in families]
    unraised = {kind.__name__ for kind in kinds if not re.search(rf"\b{kind.__name__}\b", source)}
    untested = {kind.__name__ for kind in kinds if not re.search(rf"\b({kind.__name__}|{kind.code})\b", tests)}
    assert unraised == set()
    assert untested == set()


def test_words_are_one_each() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", (REFERENCE / "words.md").read_text(encoding="utf-8"), re.MULTILINE)
    words = [word for word in rows if word not in ("word", "the original", "---")]
    assert sorted(word for word in set(words) if words.count(word) > 1) == []
