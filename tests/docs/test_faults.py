"""The table of faults is complete: each has a test that bears its id, and no test bears one that is not there."""

from scripts.docs import MADE_BY, REFERENCE
from scripts.faults import faults_page, rows, unknown_ids


def test_every_fault_is_shown_by_a_test() -> None:
    assert [row.id for row in rows() if not row.tests] == []
    assert len({row.id for row in rows()}) == len(rows()) > 30


def test_no_test_bears_an_id_that_the_table_has_not() -> None:
    assert unknown_ids() == set()


def test_the_page_is_up_to_date() -> None:
    assert (REFERENCE / "faults.md").read_text(encoding="utf-8") == faults_page(MADE_BY), "run: make docs"
