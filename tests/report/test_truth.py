"""Must-show 1: totals of reports are those of the truth, and what is exactly at a limit is within it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.etl.story import Switch
from tests.oracle import agent_states as oracle
from tests.report.asking import told
from tests.report.calls import hang_up, whole_call
from tests.report.conftest import aggregated
from tests.support import Mart, MartServer
from tests.truth.asked import on_the_phone, served
from tests.truth.loading import Told, load
from tests.truth.recording import POOL, ROBOT, Recording
from tests.truth.test_totals import ONE_ANSWER_S, agents_true, queues_told, readme_table
from twinmart.config.store import Store
from twinmart.model.events import Kind

# Seconds of the truth are told by clocks of phones.
SHARE = 0.002

Loaded = tuple[Mart, Told]


@pytest.fixture(scope="session")
def of(server: MartServer, recordings: Path) -> Iterator[Callable[[str], Loaded]]:
    """Returns the aggregated mart of a recording, made when it is asked for first."""
    known: dict[str, Loaded] = {}

    def made(name: str) -> Loaded:
        if name not in known:
            mart = server.new_mart()
            known[name] = mart, load(mart, Recording(recordings / name))
            aggregated(mart)
        return known[name]

    yield made
    for mart, _ in known.values():
        server.drop(mart)


NAMES = ["edges", "crash", pytest.param("site1", marks=pytest.mark.soak)]


@pytest.mark.parametrize("name", ["edges", pytest.param("site1", marks=pytest.mark.soak)])
def test_every_queue_has_the_counts_and_seconds_of_the_truth(
    of: Callable[[str], Loaded], recordings: Path, name: str
) -> None:
    mart, _ = of(name)
    rows = {row["queue"]: row for row in told(mart, "queue-summary").rows}
    true = readme_table(recordings / "README.md", name)
    assert rows.keys() == true.keys()
    for queue, sums in true.items():
        row, counts = rows[queue], sums.counts
        assert row["entered"] == counts["visits"], queue
        assert row["accepted"] == counts["answered"], queue
        assert row["accepted_in_time"] == counts["within"], queue
        assert row["abandoned"] == counts["abandoned"], queue
        assert row["cleared"] == counts["leaveempty"] + counts["joinempty"] + counts["full"], queue
        assert row["accept_time_s"] == pytest.approx(sums.seconds["wait"], rel=SHARE), queue


@pytest.mark.parametrize("name", NAMES)
def test_waits_and_counts_are_those_of_the_facts_that_the_truth_confirms(
    of: Callable[[str], Loaded], name: str
) -> None:
    """The facts were compared with the truth, talk and hold of each visit too; the report adds up all of them."""
    mart, loaded = of(name)
    rows = {row["queue"]: row for row in told(mart, "queue-summary").rows}
    for queue, sums in queues_told(loaded).items():
        row = rows[queue]
        # Visits that the crash cut off are in the report alone.
        cut = sum(
            visit.queue == queue and visit.is_open_at(loaded.recording.killed_at) for visit in loaded.recording.visits
        )
        assert 0 <= row["entered"] - sums.counts["visits"] <= cut, queue
        assert 0 <= row["accepted_in_time"] - sums.counts["within"] <= cut, queue
        assert row["accept_time_s"] >= sums.seconds["wait"] - 0.01, queue


@pytest.mark.parametrize("name", ["edges", pytest.param("site1", marks=pytest.mark.soak)])
def test_talk_and_hold_of_every_queue_are_those_of_the_truth(
    of: Callable[[str], Loaded], recordings: Path, name: str
) -> None:
    """The truth tells talk from answer to the end, hold and conferences included, of consultations too."""
    mart, _ = of(name)
    rows = {row["queue"]: row for row in told(mart, "queue-summary").rows}
    for queue, sums in readme_table(recordings / "README.md", name).items():
        row = rows[queue]
        hold = row["hold_time_s"] + row["consult_hold_time_s"]
        talk = row["engage_time_s"] + row["conference_time_s"] + row["consult_engage_time_s"] + hold
        assert talk == pytest.approx(sums.seconds["talk"], rel=SHARE), queue
        assert hold == pytest.approx(sums.seconds["hold"], rel=SHARE), queue
        assert row["handle_time_s"] == pytest.approx(
            row["engage_time_s"] + row["hold_time_s"] + row["wrap_time_s"] + row["conference_time_s"]
        )


@pytest.mark.parametrize("name", ["edges", pytest.param("site1", marks=pytest.mark.soak)])
def test_talk_and_hold_of_every_agent_are_those_of_the_truth(of: Callable[[str], Loaded], name: str) -> None:
    """Calls that an agent placed to colleagues are dialled and talked in one figure; all others are told apart."""
    mart, loaded = of(name)
    rows = {row["agent"]: row for row in told(mart, "agent-utilization", by=("agent",)).rows}
    totals, compared = loaded.recording.agent_totals(), 0
    for number, sums in agents_true(loaded).items():
        if loaded.recording.kinds[number] in {ROBOT, POOL}:
            continue
        row = rows[totals[number]["name"]]
        hold = row["hold_time_s"] + row["consult_received_hold_time_s"]
        talk = row["engage_time_s"] + row["conference_time_s"] + row["consult_received_time_s"] + hold
        true = sum(sums.seconds[f"{kind}_talk_s"] for kind in ("queue", "direct", "consult", "outbound", "internal"))
        assert talk == pytest.approx(true, rel=SHARE, abs=ONE_ANSWER_S), number
        compared += 1
    assert compared >= 10


@pytest.mark.parametrize("name", NAMES)
def test_pauses_by_reason_last_as_long_as_the_oracle_says(of: Callable[[str], Loaded], name: str) -> None:
    mart, loaded = of(name)
    true: defaultdict[str | None, float] = defaultdict(float)
    counts: Counter[str | None] = Counter()
    open_reasons: set[str | None] = set()
    for agent, changes in served(loaded.recording).items():
        for pause in oracle.pauses(oracle.course(changes, on_the_phone(loaded.recording, agent))):
            counts[pause.reason] += 1
            if pause.end is None:
                open_reasons.add(pause.reason)
            else:
                true[pause.reason] += pause.end - pause.start
    rows = told(mart, "agent-not-ready", by=("reason_code",)).rows
    found = {row["reason_code"]: row for row in rows}
    assert true.keys() <= found.keys()
    for reason, seconds in true.items():
        if reason in open_reasons:
            continue
        assert found[reason]["reason_time_s"] == pytest.approx(seconds, rel=0.01, abs=0.5 * counts[reason]), reason


@pytest.mark.parametrize("late_ms", [0, 1])
def test_a_wait_of_exactly_the_threshold_is_in_time_and_one_millisecond_more_is_not(mart: Mart, late_ms: int) -> None:
    switch = Switch(mart)
    Store(switch.mart, author="test").put("queue", "pbx/sales", options={("gim-etl", "q-answer-threshold"): "10"})
    switch.member(-100, "PJSIP/101")
    for name, answered in (("c1", True), ("c5", False)):
        begin = 0 if answered else 100
        end = begin + 1 + 10 + late_ms / 1000
        switch.call(begin, name, "PJSIP/trunk")
        switch.up(begin + 0.2, name)
        switch.say(begin + 1, Kind.QUEUE_ENTER, channel_id=name, linked_id=name, queue="sales", value="1")
        if answered:
            offered: dict[str, Any] = {
                "channel_id": name,
                "linked_id": name,
                "other_id": "c2",
                "queue": "sales",
                "member": "PJSIP/101",
            }
            switch.start(begin + 2, "c2", "PJSIP/101", linked=name, number="101")
            switch.say(begin + 2.001, Kind.AGENT_OFFER, target="Ann", **offered)
            switch.up(end, "c2", name)
            switch.say(end, Kind.AGENT_CONNECT, target="Ann", **offered)
            switch.bridge(end + 0.001, "c2", linked=name)
            switch.bridge(end + 0.002, name, linked=name)
            hang_up(switch, end + 30, "c2", name, linked=name)
        else:
            switch.say(end, Kind.QUEUE_ABANDON, channel_id=name, linked_id=name, queue="sales", value="1")
            switch.end(end + 0.001, name)
    switch.hear()
    aggregated(mart)
    (row,) = told(mart, "queue-summary").rows
    assert (row["entered"], row["accepted"], row["abandoned"]) == (2, 1, 1)
    assert row["max_accept_time_s"] == 10 + late_ms / 1000
    assert row["accepted_in_time"] == (0 if late_ms else 1)
    # Variant 8 counts who left within the threshold, answered or not.
    (whole,) = told(mart, "queue-summary", service_level=8).rows
    assert whole["service_level"] == (0 if late_ms else 1)


@pytest.mark.parametrize(("threshold", "level"), [(None, None), ("16", 0), ("17.1", 1)])
def test_interactions_have_a_service_level_where_a_threshold_holds_without_a_queue(
    mart: Mart, threshold: str | None, level: int | None
) -> None:
    switch = Switch(mart)
    if threshold is not None:
        Store(switch.mart, author="test").set_option("application", "mart", "gim-etl", "q-answer-threshold", threshold)
    whole_call(switch)
    switch.hear()
    aggregated(mart)
    answer = told(mart, "interaction-traffic")
    assert answer.total is not None
    for row in (*answer.rows, answer.total):
        assert (row["entered"], row["accepted"]) == (1, 1)
        assert row["accepted_in_time"] == (level or 0)
        assert row["service_level"] == level


def test_ranges_name_their_bounds(of: Callable[[str], Loaded]) -> None:
    mart, _ = of("edges")
    rows = told(mart, "speed-of-accept").rows
    assert rows
    for row in rows:
        edges = [float(edge) for edge in row["edges_s"].split(",")]
        assert edges == sorted(edges)
        assert len(edges) == 19
