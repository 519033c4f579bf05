"""Every capability has a test that exists, or a reason; those of the mart server are shown from outside."""

from scripts.coverage import CAPABILITIES, all_tests, coverage_page, rows
from scripts.docs import MADE_BY, REFERENCE

# What an engineer meets as commands and as a server that runs.
FROM_OUTSIDE = {*range(27, 55), 104, 105, 106}


def test_each_of_the_106_rows_has_a_test_or_a_reason() -> None:
    known = rows()
    assert [row.number for row in known] == list(range(1, 107))
    assert [row.number for row in known if (row.left_out is None) == (not row.tests)] == []
    assert [row.number for row in known if row.left_out is not None and row.part is not None] == []


def test_rows_of_the_mart_server_are_shown_through_commands_or_a_running_server() -> None:
    bare = [row.number for row in rows() if row.number in FROM_OUTSIDE and not any(one.is_outside for one in row.tests)]
    assert bare == []


def test_no_test_bears_the_number_of_a_row_that_is_not() -> None:
    assert {number for test in all_tests() for number in test.rows} <= set(range(1, 107))


def test_the_page_of_coverage_is_current() -> None:
    assert (REFERENCE / "coverage.md").read_text(encoding="utf-8") == coverage_page(MADE_BY), "run: make docs"
    assert "../shared" not in CAPABILITIES.read_text(encoding="utf-8")
