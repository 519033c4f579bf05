"""The long walk: a thousand roads by their seeds, and loaders at work while events come in at both twins."""

from collections.abc import Callable
from random import Random
from threading import Thread

import pytest

from tests.paths.fingerprint import Fingerprint
from tests.paths.roads import ORDERS, pieces, road
from tests.paths.sample import SAMPLES, Sample
from tests.paths.table import Tell
from tests.paths.walk import Ground, ground
from tests.support import MartServer
from twinmart.etl.cycle import Etl

# Roads are walked in parts, so that several processes can share the work (make soak ARGS="-n 2").
PARTS = 10


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_six_hundred_roads_end_in_the_facts_of_one_batch(
    walks: MartServer, at_once: Callable[[Sample], Fingerprint], seed: int, tell: Tell, part: int
) -> None:
    for number in range(seed + part * 60, seed + part * 60 + 60):
        one = road(number)
        with ground(walks, one.sample.source) as fresh:
            found = at_once(one.sample).difference(fresh.walk(one.path, one.events))
        assert found is None, f"road({number}), {one.sample.source} {one.order}\n{found}"
    tell("orders and pieces of everything", 60)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("lost", "coarse"), [(True, False), (False, True)], ids=["lost", "coarse"])
def test_two_hundred_roads_with_losses_and_with_coarse_clocks_end_where_the_straight_one_does(
    walks: MartServer, seed: int, tell: Tell, part: int, lost: bool, coarse: bool
) -> None:
    for number in range(seed + part * 20, seed + part * 20 + 20):
        one = road(number, lost=lost, coarse=coarse)
        with ground(walks, one.sample.source) as straight, ground(walks, one.sample.source) as fresh:
            expected = straight.walk(one.straight, one.events)
            found = expected.difference(fresh.walk(one.path, one.events))
        assert found is None, f"road({number}, {lost=}, {coarse=}), {one.sample.source} {one.order}\n{found}"
    tell("orders and pieces of what was heard" if lost else "orders and pieces by a coarse clock", 20)


def test_a_loader_at_work_while_events_come_in_at_both_twins_misses_none(
    walks: MartServer, at_once: Callable[[Sample], Fingerprint], seed: int
) -> None:
    random = Random(seed)
    for sample in SAMPLES:
        load_while_events_come(walks, at_once, sample, random)


@pytest.mark.soak
def test_loaders_at_work_while_events_come_in_at_both_twins_miss_none(
    walks: MartServer, at_once: Callable[[Sample], Fingerprint], seed: int, tell: Tell
) -> None:
    random = Random(seed)
    for number in range(90):
        load_while_events_come(walks, at_once, SAMPLES[number % len(SAMPLES)], random)
    tell("loads while events come in", 90)


def load_while_events_come(
    server: MartServer, at_once: Callable[[Sample], Fingerprint], sample: Sample, random: Random
) -> None:
    """Write events from two threads, one for each twin and in an order of its own, and load all the while."""
    with ground(server, sample.source, apart=True) as fresh:
        writers = [Thread(target=write, args=(fresh, twin, sample, Random(random.random()))) for twin in ("a", "b")]
        for writer in writers:
            writer.start()
        with Etl(1, fresh.dsns) as etl:
            while any(writer.is_alive() for writer in writers):
                etl.cycle()
            etl.cycle()
        assert at_once(sample).difference(Fingerprint.of(fresh.mart)) is None


def write(fresh: Ground, twin: str, sample: Sample, random: Random) -> None:
    """Write a sample's events to a twin, in some order and pieces."""
    order = ORDERS[random.choice(sorted(ORDERS))](list(range(len(sample.events))), random)
    for piece in pieces(order, 12, random):
        fresh.write("a" if twin == "a" else "b", [sample.events[number] for number in piece])
