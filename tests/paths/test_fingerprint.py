"""A comparison that cannot fail proves nothing: every kind of difference is seen, and can be read."""

from collections.abc import Callable
from dataclasses import replace

from tests.paths.fingerprint import TABLES, Fingerprint
from tests.paths.sample import SAMPLES, Sample


def test_a_row_too_few_or_too_many_is_seen_in_every_table(at_once: Callable[[Sample], Fingerprint]) -> None:
    seen = set()
    for sample in SAMPLES:
        whole = at_once(sample)
        for table, rows in whole.rows.items():
            if rows:
                less = replace(whole, rows={**whole.rows, table: rows[1:]})
                assert str(whole.difference(less)).startswith(f"{table}: 1 rows missing, 0 too many")
                assert str(less.difference(whole)).startswith(f"{table}: 0 rows missing, 1 too many")
                seen.add(table)
    # What only a switch that says anything tells of.
    invented = {"ctl.transform_discard", "gidb.across_link", "mart.irf_user_data_cust"}
    assert seen == TABLES.keys() - invented


def test_a_value_that_differs_is_shown_with_its_column(at_once: Callable[[Sample], Fingerprint]) -> None:
    whole = at_once(SAMPLES[0])
    for table, columns in whole.columns.items():
        for place, name in enumerate(columns if whole.rows[table] else ()):
            first, *others = whole.rows[table]
            other = (*first[:place], "otherwise", *first[place + 1 :])
            changed = replace(whole, rows={**whole.rows, table: (other, *others)})
            assert f"  {name}: expected {first[place]}, found otherwise" in str(whole.difference(changed))


def test_what_only_tells_of_the_loads_does_not_count(at_once: Callable[[Sample], Fingerprint]) -> None:
    columns = at_once(SAMPLES[0]).columns
    assert "create_audit_key" not in columns["mart.interaction_fact"]
    assert "batch" not in columns["gidb.event"]
    assert "interaction_id" in columns["mart.interaction_fact"]
