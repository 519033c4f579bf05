"""Same facts whatever the path: every order, every cut, either twin, and what nobody heard or a coarse clock blurs."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.paths.fingerprint import TABLES, Fingerprint
from tests.paths.roads import ORDERS, ticked
from tests.paths.sample import SAMPLES, Sample
from tests.paths.walk import Cycle, Extract, Path, Step, Transform, Twin, Write, ground, one_batch
from tests.support import MartServer
from twinmart.model.events import Event, Kind

# An example is a whole database with some loads: about a second. The soak walks a thousand more.
FEW = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

twins: st.SearchStrategy[Twin] = st.sampled_from(("a", "b"))


@st.composite
def loads(draw: st.DrawFn, numbers: Sequence[int]) -> list[Step]:
    """Write events in pieces to either twin and load what is there now and then, in large steps or small ones."""
    cuts = draw(st.lists(st.integers(1, len(numbers) - 1), max_size=8, unique=True).map(sorted))
    taken: list[Step] = []
    for start, end in zip([0, *cuts], [*cuts, len(numbers)], strict=True):
        twin = draw(twins)
        taken.append(Write(twin, tuple(numbers[start:end])))
        if draw(st.booleans()):
            taken.append(Extract(twin, draw(st.sampled_from((7, 100, 100_000))), fill=draw(st.booleans())))
        taken += [Transform(most) for most in draw(st.lists(st.sampled_from((1, 7, 4_000)), max_size=2))]
    return taken


@st.composite
def paths(draw: st.DrawFn, sample: Sample) -> Path:
    """Take all events of a sample in any order; some are said twice, some come when everything else is there."""
    numbers = list(range(len(sample.events)))
    order = ORDERS[draw(st.sampled_from(sorted(ORDERS)))]
    moved = order(numbers, Random(draw(st.integers(0, 1 << 16))))
    late = draw(st.lists(st.sampled_from(numbers), max_size=5, unique=True))
    again = draw(st.lists(st.sampled_from(numbers), max_size=20))
    first = draw(loads([number for number in moved if number not in set(late)]))
    return (*first, Write(draw(twins), (*late, *again)), Cycle())


@given(data=st.data(), sample=st.sampled_from(SAMPLES))
@settings(FEW, max_examples=9)
def test_any_order_in_any_pieces_ends_in_the_facts_of_one_batch(
    walks: MartServer, at_once: Callable[[Sample], Fingerprint], data: st.DataObject, sample: Sample
) -> None:
    path = data.draw(paths(sample))
    with ground(walks, sample.source) as fresh:
        assert at_once(sample).difference(fresh.walk(path, sample.events)) is None


@given(data=st.data(), sample=st.sampled_from(SAMPLES))
@settings(FEW, max_examples=4)
@pytest.mark.faults("E3")
def test_twins_at_two_sites_that_heard_a_part_each_make_the_whole(
    walks: MartServer, at_once: Callable[[Sample], Fingerprint], data: st.DataObject, sample: Sample
) -> None:
    spells = data.draw(st.lists(st.tuples(st.integers(1, 400), st.sampled_from(("a", "b", "ab"))), min_size=1))
    heard = hearing(len(sample.events), spells)
    path = [Write(twin, tuple(number for number, who in enumerate(heard) if twin in who)) for twin in ("a", "b")]
    with ground(walks, sample.source, apart=True) as fresh:
        assert at_once(sample).difference(fresh.walk((*path, Cycle()), sample.events)) is None


@given(data=st.data(), sample=st.sampled_from(SAMPLES))
@FEW
def test_whatever_nobody_heard_the_rest_comes_to_the_same(
    walks: MartServer, data: st.DataObject, sample: Sample
) -> None:
    share = data.draw(st.sampled_from((0.02, 0.1, 0.3, 0.6)))
    lost = Random(data.draw(st.integers(0, 1 << 16)))
    kept = [number for number in range(len(sample.events)) if lost.random() > share]
    order = ORDERS[data.draw(st.sampled_from(sorted(ORDERS)))](kept, lost)
    check(walks, sample, sample.events, kept, (*data.draw(loads(order)), Cycle()))


@given(data=st.data(), sample=st.sampled_from(SAMPLES), tick_ms=st.sampled_from((1, 100, 1_000, 5_000)))
@settings(FEW, max_examples=4)
def test_events_of_one_instant_come_to_the_same_in_any_order(
    walks: MartServer, data: st.DataObject, sample: Sample, tick_ms: int
) -> None:
    events = [ticked(event, timedelta(milliseconds=tick_ms)) for event in sample.events]
    numbers = list(range(len(events)))
    order = ORDERS[data.draw(st.sampled_from(sorted(ORDERS)))](numbers, Random(data.draw(st.integers(0, 1 << 16))))
    check(walks, sample, events, numbers, (*data.draw(loads(order)), Cycle()))


@pytest.mark.faults("E4")
def test_loading_everything_again_at_both_twins_touches_no_row(walks: MartServer) -> None:
    every_column: dict[str, tuple[str, ...]] = dict.fromkeys(TABLES, ())
    for sample in SAMPLES:
        everything = tuple(range(len(sample.events)))
        with ground(walks, sample.source, apart=True) as fresh:
            fresh.walk(one_batch(sample.events), sample.events)
            before = Fingerprint.of(fresh.mart, every_column)
            fresh.walk((Write("b", everything), Write("a", everything), Cycle(), Cycle()), sample.events)
            assert before.difference(Fingerprint.of(fresh.mart, every_column)) is None


def test_the_samples_hold_what_is_hard(at_once: Callable[[Sample], Fingerprint]) -> None:
    kinds = {event.kind for sample in SAMPLES for event in sample.events}
    assert kinds >= {
        *(Kind.SWITCH_BOOT, Kind.AGENT_LOGIN, Kind.TRANSFER_BLIND, Kind.TRANSFER_ATTENDED, Kind.LOCAL_PAIR),
        *(Kind.HOLD_START, Kind.MEMBER_PAUSE, Kind.MEMBER_SNAPSHOT, Kind.CHANNEL_SNAPSHOT, Kind.MEMBER_SEEN),
        *(Kind.QUEUE_CALLER_SEEN, Kind.CHANNEL_SEEN, Kind.AGENT_SEEN, Kind.QUEUE_STATUS, Kind.AGENT_NOANSWER),
    }
    found = {name: [row for sample in SAMPLES for row in at_once(sample).rows[name]] for name in TABLES}
    empty = {name for name, rows in found.items() if not rows}
    assert empty == {"ctl.transform_discard", "mart.irf_user_data_cust", "gidb.across_link"}
    columns = at_once(SAMPLES[0]).columns
    abnormal = columns["mart.sm_res_session_fact"].index("abnormal_flag")
    cause = columns["gidb.channel_link"].index("cause")
    assert {row[abnormal] for row in found["mart.sm_res_session_fact"]} == {"0", "1"}
    assert {row[cause] for row in found["gidb.channel_link"]} == {"seen", "consult"}


def hearing(count: int, spells: Sequence[tuple[int, str]]) -> list[str]:
    """Tell for each of so many events who heard it, when the twins take turns in spells of so many events."""
    found: list[str] = []
    while len(found) < count:
        for length, who in spells:
            found += [who] * length
    return found[:count]


def check(server: MartServer, sample: Sample, events: Sequence[Event], kept: Sequence[int], path: Path) -> None:
    """Walk a path and the straight one with the same events, and compare."""
    with ground(server, sample.source) as straight, ground(server, sample.source) as fresh:
        expected = straight.walk((Write("a", tuple(kept)), Cycle()), events)
        assert expected.difference(fresh.walk(path, events)) is None
