"""Which test shows that a fault is survived: the rows of docs/faults.toml, and the tests that bear their ids."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FAULTS = ROOT / "docs" / "faults.toml"

_NAMED = re.compile(r"test_((?:[a-z]\d_)+)")
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Row:
    """A fault, what must hold, and the tests by file and name; ``is_quick``: not all of them are left to the soak."""

    id: str
    fault: str
    holds: str
    tests: tuple[tuple[str, str], ...]
    is_quick: bool


def rows() -> list[Row]:
    """Return every fault with its tests."""
    tests = [found for path in sorted((ROOT / "tests").rglob("test_*.py")) for found in _tests_of(path)]
    told = tomllib.loads(FAULTS.read_text(encoding="utf-8"))["row"]
    found = []
    for row in told:
        bearing = [(file, name, soak) for file, name, ids, soak in tests if row["id"] in ids]
        shown = tuple((file, name) for file, name, _ in bearing)
        found.append(Row(**row, tests=shown, is_quick=any(not soak for _, _, soak in bearing)))
    return found


def unknown_ids() -> set[str]:
    """Return the ids that tests bear and no row has."""
    known = {row.id for row in rows()}
    borne = {
        one for path in (ROOT / "tests").rglob("test_*.py") for _, _, ids, _ in _tests_of(path) for one in ids
    }  # fmt: skip
    return borne - known


def faults_page(made_by: str) -> str:
    """Return the page: each fault, what must hold, and its tests."""
    known = rows()
    lines = [
        "# Faults\n",
        made_by,
        "What is done to two sites, and what must hold then. The sites are real ones; rows X, C3 and N6 are shown by",
        "the real planner and executor on simulated ones. Tests bear the id in their name or in the marker `faults`;",
        "those of rows in *italics* take minutes and run with `make soak` alone.\n",
        "| id | fault | must hold | tests |",
        "| --- | --- | --- | --- |",
    ]
    for row in known:
        links = [f"[{name.removeprefix('test_')}](../../{file})" for file, name in row.tests[:_SHOWN]]
        more = f" and {len(row.tests) - _SHOWN} more" if len(row.tests) > _SHOWN else ""
        name = row.id if row.is_quick else f"*{row.id}*"
        lines.append(f"| {name} | {row.fault} | {row.holds} | {', '.join(links)}{more} |")
    return "\n".join(lines) + "\n"


def _tests_of(path: Path) -> Iterator[tuple[str, str, frozenset[str], bool]]:
    """Yield file, name, ids and whether it is left to the soak, of each test that bears ids."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    marks_all = any(
        isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node.targets[0]) and "soak" in ast.unparse(node)
        for node in tree.body
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and (ids := frozenset(_ids_of(node))):
            is_soak = marks_all or any(ast.unparse(mark) == "pytest.mark.soak" for mark in node.decorator_list)
            yield path.relative_to(ROOT).as_posix(), node.name, ids, is_soak


def _ids_of(node: ast.FunctionDef) -> Iterator[str]:
    if (found := _NAMED.match(node.name)) is not None:
        yield from found[1].upper().strip("_").split("_")
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.faults":
            yield from (str(ast.literal_eval(one)) for one in mark.args)
