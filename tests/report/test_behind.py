"""What is loaded and not aggregated yet is told as such: never as nothing, and never for reports that read facts."""

from tests.etl.story import Switch
from tests.report.asking import told, written
from tests.report.calls import whole_call
from tests.report.conftest import aggregated
from tests.support import Mart


def test_an_answer_says_how_many_intervals_are_behind(mart: Mart) -> None:
    pbx = Switch(mart)
    whole_call(pbx)
    pbx.hear()
    assert told(mart, "queue-summary").about["intervals_behind"] > 0
    assert b"not aggregated yet" in written(mart, "queue-summary", "table")
    assert b"nothing happened" not in written(mart, "queue-summary", "table")
    assert told(mart, "interaction-handling-attempt").about["intervals_behind"] == 0
    aggregated(mart)
    assert told(mart, "queue-summary").about["intervals_behind"] == 0
    assert told(mart, "queue-summary").rows
