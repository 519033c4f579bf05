"""Row 94: people declare measures of their own; reports work them out of sums, in each row and in the total."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.etl.story import Switch
from tests.report.asking import told, written
from tests.report.calls import whole_call
from tests.report.conftest import aggregated
from tests.support import Mart, MartServer
from twinmart.config.store import Store
from twinmart.errors import WrongConfiguration
from twinmart.model.formula import parse
from twinmart.report.formats import FORMATS
from twinmart.report.measures import MEASURES
from twinmart.report.own import own_measures

RATE = {
    "subject": "queue",
    "title": "Talk per call entered",
    "words": "Talk and hold for each call that entered.",
    "unit": "seconds",
    "formula": "(engage_time_s + hold_time_s) / entered",
}


@pytest.fixture(scope="module")
def called(server: MartServer) -> Iterator[Mart]:
    """One call at 09:00 that talked, with a measure of somebody's own."""
    mart = server.new_mart()
    switch = Switch(mart)
    whole_call(switch)
    switch.hear()
    aggregated(mart)
    store = Store(mart.connect(autocommit=True), author="test")
    store.put("measure", "own_talk_per_call", properties=RATE)
    store.put("measure", "own_left", properties={**RATE, "unit": "count", "formula": "entered - accepted * 1"})
    store.put("measure", "own_wrong", properties={**RATE, "formula": "entered / nobody_knows"})
    store.put("measure", "own_ratio", properties={**RATE, "formula": "accepted_share * 2"})
    yield mart
    server.drop(mart)


@pytest.mark.rows(94)
def test_a_measure_of_ones_own_is_a_column_of_every_report_that_has_its_sums(called: Mart) -> None:
    answer = told(called, "queue-summary", by=("15min", "queue"))
    (row,) = answer.rows
    assert row["own_talk_per_call"] == pytest.approx(row["engage_time_s"] + row["hold_time_s"])
    assert row["own_talk_per_call"] > 0
    assert row["own_left"] == 0
    assert answer.total is not None
    assert answer.total["own_talk_per_call"] == row["own_talk_per_call"]
    assert list(row)[-4:] == ["own_left", "own_talk_per_call", "data", "gaps"]
    # The interval report has no talk, so it has the one and not the other.
    short = told(called, "queue-by-interval").rows[0]
    assert "own_left" in short
    assert "own_talk_per_call" not in short
    assert "own_left" not in told(called, "agent-conduct").rows[0]


@pytest.mark.rows(94)
@pytest.mark.parametrize("format_", list(FORMATS))
def test_every_format_has_it(called: Mart, format_: str) -> None:
    text = written(called, "queue-summary", format_)
    if format_ not in {"xlsx", "parquet"}:
        assert b"own_talk_per_call" in text or b"Talk per call entered" in text
    assert text


def test_what_no_report_can_show_says_why(called: Mart) -> None:
    faults = {one.measure.name: one.fault for one in own_measures(called.connect())}
    assert faults["own_left"] is None
    assert '"nobody_knows" is no sum of queue' in str(faults["own_wrong"])
    assert '"accepted_share" is no sum of queue' in str(faults["own_ratio"])
    assert "own_wrong" not in told(called, "queue-summary").rows[0]
    table = written(called, "queue-summary", "table").decode()
    assert 'measure own_wrong is not shown: "nobody_knows" is no sum of queue' in table
    assert "own_wrong" not in written(called, "agent-conduct", "table").decode()


@pytest.mark.parametrize(
    "formula",
    [
        "", "1 + 2", "a b", "entered; DROP TABLE x", "(SELECT 1)", "entered ** 9", "f(entered)", "entered.x",
        "'a' + entered", "entered if accepted else 1", "__import__('os')", "entered // 2", "lambda: entered",
        "entered[0]", "entered, 1", "True + entered", "1e30 * entered", "entered +" + " entered +" * 200 + " 1",
        "(" * 300 + "entered" + ")" * 300,
    ],
)  # fmt: skip
def test_a_formula_is_names_numbers_and_four_operations_and_nothing_else(mart: Mart, formula: str) -> None:
    with pytest.raises(ValueError, match="formula"):
        parse(formula)
    store = Store(mart.connect(autocommit=True), author="test")
    with pytest.raises(WrongConfiguration):
        store.put("measure", "own_bad", properties={**RATE, "formula": formula})


def test_a_name_that_a_later_release_could_have_is_refused(mart: Mart) -> None:
    with pytest.raises(WrongConfiguration, match="cannot be the name of a measure"):
        Store(mart.connect(autocommit=True), author="test").put("measure", "entered", properties=RATE)


@given(st.floats(0.1, 1e6), st.floats(0, 1e6), st.sampled_from([0.0, 1.5, None]))
def test_what_is_not_known_or_divided_by_nothing_is_not_known(a: float, b: float, c: float | None) -> None:
    figures = {"a": a, "b": b, "c": c}
    assert parse("-(a - b) * 2 / a").value(figures) == pytest.approx(-(a - b) * 2 / a)
    found = parse("b / c").value(figures)
    assert found == (b / c if c else None)


def test_sums_are_told_from_ratios() -> None:
    sums = {key for key, one in MEASURES.items() if one.is_sum}
    assert {"queue.entered", "queue.handle_time_s", "agent_activity.logins", "accept_speed.bucket_3"} <= sums
    assert (
        not {"queue.service_level", "queue.max_accept_time_s", "queue.avg_handle_time_s", "agent.accepted_share"} & sums
    )
