"""The reference is what the program says of itself: pages are compared, and nothing is left without a comment."""

import re
from difflib import unified_diff
from pathlib import Path

import pytest
from scripts.docs import (
    REFERENCE,
    SCHEMAS,
    aggregates_page,
    commands_page,
    errors_page,
    events_page,
    jobs_page,
    measures_page,
    metrics_page,
    options_page,
    reports_page,
    schema_page,
    settings_page,
)

from tests.support import Mart
from twinmart.db.sqlfiles import sql_text

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("errors.md", errors_page),
        ("settings.md", settings_page),
        ("commands.md", commands_page),
        ("events.md", events_page),
        ("measures.md", measures_page),
        ("reports.md", reports_page),
        ("options.md", options_page),
        ("jobs.md", jobs_page),
        ("metrics.md", metrics_page),
    ],
)
def test_a_generated_page_is_up_to_date(name: str, make: object) -> None:
    assert callable(make)
    compare(name, make())


def test_the_schema_page_is_up_to_date(mart: Mart) -> None:
    compare("schema.md", schema_page(mart))


def test_the_page_of_aggregates_is_up_to_date(mart: Mart) -> None:
    compare("aggregates.md", aggregates_page(mart))


def test_every_table_view_and_column_has_a_comment(mart: Mart) -> None:
    rows = mart.connect().execute(sql_text("db/schema_columns"), {"schemas": list(SCHEMAS)}).fetchall()
    bare = set()
    for schema, schema_comment, table, _, table_comment, _, column, *_, comment in rows:
        bare |= {schema} if not schema_comment else set()
        bare |= {f"{schema}.{table}"} if not table_comment else set()
        bare |= {f"{schema}.{table}.{column}"} if not comment else set()
    assert sorted(bare) == []


def test_every_page_that_is_linked_to_exists() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.relative_to(ROOT)} links to {link}"


def compare(name: str, text: str) -> None:
    path = REFERENCE / name
    assert path.exists(), "write it with: make docs"
    difference = list(unified_diff(path.read_text(encoding="utf-8").splitlines(), text.splitlines(), n=0, lineterm=""))
    if difference:
        pytest.fail("\n".join([f"{name} is out of date; rewrite it with: make docs", *difference[:20]]), pytrace=False)
