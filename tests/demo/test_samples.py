"""The samples that come with the program: complete, small, and told truly by whoever compares with them."""

from dataclasses import replace

import pytest

from twinmart.report.totals import AgentTotal, QueueTotal
from twinmart.sim.demo import Result
from twinmart.sim.recording import opening
from twinmart.sim.samples import Pair, Sample, pairs, sample, samples

TRUE = QueueTotal("london", "ring", 28, 6, 6, 16, 22.5, 113.2, 19.2)
LARGEST_BYTES = 1_200_000


def test_all_samples_together_are_small() -> None:
    files = [path for one in samples() for path in one.recording.parent.iterdir()]
    assert len(files) == 3 * len(samples()) >= 6
    assert sum(path.stat().st_size for path in files) < LARGEST_BYTES


@pytest.mark.parametrize("one", samples(), ids=lambda one: str(one.name))
def test_the_truth_of_a_sample_adds_up(one: Sample) -> None:
    before, first_at = opening(one.recording)
    assert before
    assert first_at > 0
    assert {visit.agent for visit in one.visits} <= {None, *one.agents}
    assert all(visit.uniqueid.startswith(f"{one.name}-") for visit in one.visits)
    assert all((visit.hold_s or 0) <= (visit.talk_s or 0) for visit in one.visits)
    assert sum(total.visits for total in one.queue_totals()) == len(one.visits)
    assert sum(total.answered for total in one.agent_totals()) == sum(t.answered for t in one.queue_totals())
    assert sum(t.talk_s for t in one.agent_totals()) == pytest.approx(sum(t.talk_s for t in one.queue_totals()))


@pytest.mark.parametrize(
    ("found", "agrees"),
    [
        (TRUE, True),
        (replace(TRUE, visits=29), False),
        (replace(TRUE, answered=5), False),
        (replace(TRUE, others=15), False),
        (replace(TRUE, wait_s=23.0), True),
        (replace(TRUE, wait_s=23.01), False),
        (replace(TRUE, talk_s=112.69), False),
        (replace(TRUE, hold_s=0.0), False),
    ],
)
def test_counts_agree_exactly_and_seconds_nearly(found: QueueTotal, agrees: bool) -> None:
    assert Pair(found, TRUE).agrees is agrees


def test_of_long_times_a_share_is_near_enough() -> None:
    long = AgentTotal("london", "Ann", 100, 1000.0, 0.0)
    assert Pair(replace(long, talk_s=1001.9), long).agrees
    assert not Pair(replace(long, talk_s=1002.1), long).agrees


def test_what_only_one_side_knows_differs() -> None:
    other = replace(TRUE, name="tiny")
    found = pairs([TRUE, other], [TRUE])
    assert [(pair.truth.name, pair.mart.visits, pair.truth.visits, pair.agrees) for pair in found] == [
        ("ring", 28, 28, True),
        ("tiny", 28, 0, False),
    ]
    assert [(pair.mart.visits, pair.truth.visits) for pair in pairs([], [TRUE])] == [(0, 28)]


def test_a_result_agrees_only_if_there_is_one_and_all_of_it_does() -> None:
    one = sample("london")
    queues = pairs(one.queue_totals(), one.queue_totals())
    agents = pairs(one.agent_totals(), one.agent_totals())
    folder = one.recording.parent
    assert Result(folder, queues, agents).agrees
    assert not Result(folder, [], agents).agrees
    assert Result(folder, pairs(one.queue_totals()[1:], one.queue_totals()), agents).wrong == 1
