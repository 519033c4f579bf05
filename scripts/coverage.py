"""Which test shows which capability: the rows of docs/capabilities.toml, and the tests that name them."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CAPABILITIES = ROOT / "docs" / "capabilities.toml"

_NUMBERED = re.compile(r"test_rows?_((?:\d+_(?:and_)?)+)")
# A test that is given one of these, or calls it, goes through the commands or a running server.
_OUTSIDE = {"run", "site", "twinmart", "serving"}
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Test:
    """A test function, the rows that it bears, and whether it works through commands or a running server."""

    file: str
    name: str
    rows: frozenset[int]
    is_outside: bool

    @property
    def key(self) -> str:
        """How docs/capabilities.toml names it."""
        return f"{self.file}::{self.name}"


@dataclass(frozen=True, slots=True)
class Row:
    """A capability; ``tests`` are those that bear its number, and those that the file names."""

    number: int
    area: str
    text: str
    left_out: str | None = None
    part: str | None = None
    named: tuple[str, ...] = ()
    tests: tuple[Test, ...] = field(default=())

    @property
    def state(self) -> str:
        """In a word, whether tests show it."""
        if self.left_out is not None:
            return "left out"
        return "partly shown" if self.part is not None else "shown"


def all_tests() -> list[Test]:
    """Return every test of the suite, from the text of its files."""
    return [test for path in sorted((ROOT / "tests").rglob("test_*.py")) for test in _tests_of(path)]


def rows() -> list[Row]:
    """Return all capabilities with their tests.

    Raises:
        LookupError: a test that the file names does not exist.
    """
    tests = all_tests()
    found = []
    for told in tomllib.loads(CAPABILITIES.read_text(encoding="utf-8"))["row"]:
        named = tuple(told.pop("tests", ()))
        bearing = [test for test in tests if told["number"] in test.rows]
        for name in named:
            matching = [test for test in tests if name in (test.file, test.key)]
            if not matching:
                raise LookupError(f"row {told['number']} names {name}, which is no test")
            bearing += [test for test in matching if test not in bearing]
        found.append(Row(**told, named=named, tests=tuple(bearing)))
    return found


def coverage_page(made_by: str) -> str:
    """Return the page: each row with its state and its tests."""
    known = rows()
    states = [row.state for row in known]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states, reverse=True)))
    lines = [
        "# Coverage\n",
        made_by,
        f"What a mart for contact centres is expected to do, {len(known)} capabilities: {counts}. A test bears the",
        "number of its row in its name or in the marker `rows`; others are named in `docs/capabilities.toml`.\n",
        "| # | area | capability | state | tests, or why not |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [f"| {row.number} | {row.area} | {row.text} | {row.state} | {_why(row)} |" for row in known]
    return "\n".join(lines) + "\n"


def _why(row: Row) -> str:
    if row.left_out is not None:
        return row.left_out
    whole = [name for name in row.named if "::" not in name]
    single = [test for test in row.tests if test.file not in whole]
    links = [f"[{Path(name).stem}](../../{name})" for name in whole]
    links += [f"[{test.name.removeprefix('test_')}](../../{test.file})" for test in single[:_SHOWN]]
    told = ", ".join(links) + (f" and {len(single) - _SHOWN} more" if len(single) > _SHOWN else "")
    return told if row.part is None else f"{told}; missing: {row.part}"


def _tests_of(path: Path) -> Iterator[Test]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield Test(path.relative_to(ROOT).as_posix(), node.name, frozenset(_rows_of(node)), _is_outside(node))


def _rows_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[int]:
    if (found := _NUMBERED.match(node.name)) is not None:
        yield from map(int, re.findall(r"\d+", found[1]))
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.rows":
            yield from (_number(one) for one in mark.args)


def _number(node: ast.expr) -> int:
    value: Any = ast.literal_eval(node)
    return int(value)


def _is_outside(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = {one.arg for one in node.args.args}
    called = {one.func.id for one in ast.walk(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
    return bool(_OUTSIDE & (given | called))
