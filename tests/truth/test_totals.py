"""Sums over queues and agents are those of the truth: counts exactly, seconds within a fifth of a percent."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.truth import facts
from tests.truth.legs import LOST_THE_RACE, Leg
from tests.truth.loading import Told
from tests.truth.recording import POOL, ROBOT

SHARE = 0.002

# While it carries out an attended transfer the switch notices nothing else for half a second; of an agent with a
# handful of calls one such answer is more than that share.
ONE_ANSWER_S = 0.75

RESULTS = ("answered", "abandoned", "timeout", "exitkey", "leaveempty", "joinempty", "full")


@dataclass(slots=True)
class Sums:
    """Counts, and seconds that need only be near."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def agree_with(self, true: "Sums", *, apart_s: float = 0.0) -> bool:
        """Whether the counts are the same and the seconds near: in proportion, or within so many."""
        keys = self.seconds.keys() | true.seconds.keys()
        return +self.counts == +true.counts and all(
            self.seconds[key] == pytest.approx(true.seconds[key], rel=SHARE, abs=apart_s) for key in keys
        )


def queues_told(told: Told) -> dict[str, Sums]:
    """The sums over the queues, as the mart has them."""
    killed_at = told.recording.killed_at
    open_at_the_kill = {
        (visit.channel, visit.queue, visit.ordinal) for visit in told.recording.visits if visit.is_open_at(killed_at)
    }
    sums: dict[str, Sums] = defaultdict(Sums)
    for visit in facts.visits(told.mart):
        if (visit.channel, visit.queue, visit.ordinal) in open_at_the_kill:
            continue
        of = sums[visit.queue]
        of.counts["visits"] += 1
        of.counts["transfer" if visit.how == "consult" else visit.how] += 1
        of.counts[visit.result] += 1
        of.counts["within"] += visit.met_threshold or 0
        if visit.result == "answered":
            of.seconds["wait"] += visit.wait or 0
            of.seconds["talk"] += visit.talk or 0
            of.seconds["hold"] += visit.hold or 0
    return sums


def readme_table(file: Path, name: str) -> dict[str, Sums]:
    """The table of queues in the description of the recordings."""
    sums = {}
    for line in file.read_text().splitlines():
        if not line.startswith(f"| {name} "):
            continue
        first, visits, how, answered, within, *others = (cell.strip() for cell in line.strip("|").split("|"))
        counts = dict(zip(RESULTS, [answered, *others[:6]], strict=True))
        counts |= dict(zip(("arrival", "transfer", "overflow"), how.split("/"), strict=True))
        counts |= {"visits": visits, "within": within.partition(" in ")[0]}
        seconds = dict(zip(("wait", "talk", "hold"), others[6:], strict=True))
        sums[first.removeprefix(f"{name} ")] = Sums(
            Counter({key: int(value) for key, value in counts.items()}),
            defaultdict(float, {key: float(value) for key, value in seconds.items()}),
        )
    return sums


@pytest.mark.parametrize("name", ["site1", "edges"])
def test_every_queue_sums_up_to_the_table_that_describes_the_recordings(
    name: str, recordings: Path, request: pytest.FixtureRequest
) -> None:
    told: Told = request.getfixturevalue(name)
    true = readme_table(recordings / "README.md", name)
    found = queues_told(told)
    assert found.keys() == true.keys() == told.recording.settings.keys()
    for queue, sums in found.items():
        assert sums.agree_with(true[queue]), (queue, sums, true[queue])


def test_after_a_crash_every_queue_sums_up_to_the_visits_that_were_not_cut_off(crash: Told) -> None:
    true: dict[str, Sums] = defaultdict(Sums)
    for visit in crash.recording.visits:
        if not visit.is_open_at(crash.recording.killed_at):
            of = true[visit.queue]
            of.counts.update(["visits", "arrival" if visit.how == "did" else visit.how, visit.result])
            if visit.answer is not None and visit.end is not None:
                wait = visit.answer - visit.enter
                of.counts["within"] += wait <= crash.recording.settings[visit.queue]["servicelevel"]
                of.seconds["wait"] += wait
                of.seconds["talk"] += visit.end - visit.answer
    found = queues_told(crash)
    assert found.keys() == true.keys()
    for queue, sums in found.items():
        del sums.seconds["hold"]
        assert sums.agree_with(true[queue]), (queue, sums, true[queue])


@pytest.mark.parametrize("name", ["site1", "edges"])
def test_every_agent_sums_up_to_the_table_of_agents(name: str, request: pytest.FixtureRequest) -> None:
    told: Told = request.getfixturevalue(name)
    true = agents_true(told)
    found = _agents_told(told)
    assert found.keys() <= true.keys()
    for agent, sums in true.items():
        assert found[agent].agree_with(sums, apart_s=ONE_ANSWER_S), (agent, found[agent], sums)


def _agents_told(told: Told) -> dict[int, Sums]:
    sums: dict[int, Sums] = defaultdict(Sums)
    for row in facts.attempts(told.mart):
        if row.agent is None:
            continue
        of, is_phone = sums[row.agent], told.recording.kinds[row.agent] not in {ROBOT, POOL}
        kind = "queue" if row.kind == "consult_queue" and is_phone else row.kind
        if kind == "queue" and is_phone:
            of.counts["queue_rings"] += 1
            of.counts["queue_rejected"] += row.reason == "Rejected"
        if kind == "queue":
            of.counts["queue_answered"] += row.answer is not None
        elif is_phone:
            of.counts[kind] += 1
        if row.answer is not None and row.end is not None and (is_phone or kind == "queue"):
            of.seconds[f"{kind}_talk_s"] += row.end - row.answer
    return sums


def agents_true(told: Told) -> dict[int, Sums]:
    """The sums over the agents, by number, as the phones noted them."""
    kinds = ("direct", "consult", "consult_out", "outbound", "internal", "internal_out")
    sums = {}
    for agent, row in told.recording.agent_totals().items():
        of = sums[agent] = Sums()
        is_phone = told.recording.kinds[agent] not in {ROBOT, POOL}
        counted = ("queue_rings", "queue_answered", "queue_rejected") if is_phone else ("queue_answered",)
        of.counts.update({key: int(row[key]) for key in (*counted, *kinds)})
        of.seconds.update({f"{kind}_talk_s": float(row[f"{kind}_talk_s"]) for kind in ("queue", *kinds)})
    for slip in told.recording.slips:
        # The totals count a phone that lost the race as one that only rang.
        if slip.leg.agent is not None and slip.reason != LOST_THE_RACE:
            _count(sums[slip.leg.agent], slip.told, -1)
            _count(sums[slip.leg.agent], slip.leg, 1)
    return sums


def _count(of: Sums, leg: Leg, step: int) -> None:
    kind = "queue" if leg.kind == "consult-queue" else leg.kind.replace("-", "_")
    if kind == "queue":
        of.counts["queue_rings"] += step
        of.counts["queue_answered"] += step * (leg.answer is not None)
    else:
        of.counts[kind] += step
    of.seconds[f"{kind}_talk_s"] += step * leg.talk
