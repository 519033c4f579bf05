"""Nothing lost, nothing twice: loaders die by SIGKILL anywhere, and the next one ends where an undisturbed one does."""

from collections.abc import Callable
from random import Random

import pytest

from tests.collect.live import eventually
from tests.paths.fingerprint import Fingerprint
from tests.paths.mortal import MOMENTS, loader
from tests.paths.roads import pieces
from tests.paths.sample import CRASH, POOL, SAMPLES, Sample
from tests.paths.table import Tell
from tests.paths.walk import Cycle, Ground, ground
from tests.support import MartServer

# A loader has some 160 words with databases over one of our samples, and loads a piece of it in a moment.
WORDS = 160
A_LOAD_S = 0.3


@pytest.mark.faults("E1", "E4")
def test_a_loader_killed_at_any_word_leaves_what_the_next_one_completes(
    walks: MartServer, at_once: Callable[[Sample], Fingerprint], seed: int, tell: Tell
) -> None:
    random = Random(seed)
    for word in random.sample(range(1, WORDS), 6):
        with ground(walks, POOL.source) as fresh:
            fresh.write("a", POOL.events)
            assert killed_at(fresh, word, random)
            assert at_once(POOL).difference(fresh.walk((Cycle(),), POOL.events)) is None, f"word {word}"
    tell("loaders killed at a chosen word", 6)


@pytest.mark.faults("E4")
def test_loaders_killed_one_after_the_other_while_events_come_lose_nothing(
    walks: MartServer, at_once: Callable[[Sample], Fingerprint], seed: int, tell: Tell
) -> None:
    tell("loaders killed at any moment", sum(events_come_while_loaders_die(walks, at_once, CRASH, Random(seed), 5)))


@pytest.mark.soak
def test_loaders_killed_at_every_word_of_a_load(
    walks: MartServer, at_once: Callable[[Sample], Fingerprint], seed: int, tell: Tell
) -> None:
    random = Random(seed)
    word, alive = 0, True
    while alive:
        word += 1
        with ground(walks, POOL.source) as fresh:
            fresh.write("a", POOL.events)
            alive = killed_at(fresh, word, random)
            assert at_once(POOL).difference(fresh.walk((Cycle(),), POOL.events)) is None, f"word {word}"
    assert word > WORDS
    tell("loaders killed at every word of a load", word - 1)


@pytest.mark.soak
def test_loaders_killed_over_and_over_while_events_come(
    walks: MartServer, at_once: Callable[[Sample], Fingerprint], seed: int, tell: Tell
) -> None:
    random = Random(seed)
    for round_no in range(12):
        kills = events_come_while_loaders_die(walks, at_once, SAMPLES[round_no % len(SAMPLES)], random, 20)
        tell("loaders killed at any moment", sum(kills))


def events_come_while_loaders_die(
    server: MartServer, at_once: Callable[[Sample], Fingerprint], sample: Sample, random: Random, count: int
) -> list[bool]:
    """Write events in pieces to both twins, kill a loader after each piece, and compare the end; tell who died."""
    kills = []
    with ground(server, sample.source, apart=True) as fresh:
        for piece in pieces(range(len(sample.events)), count, random):
            fresh.write(random.choice(("a", "b")), [sample.events[number] for number in piece])
            kills.append(killed_somewhere(fresh, random))
        assert at_once(sample).difference(fresh.walk((Cycle(),), sample.events)) is None
    return kills


def killed_at(fresh: Ground, word: int, random: Random) -> bool:
    """Run a loader that dies at a word; return whether it lived to say it."""
    with loader(fresh.dsns, word, random.choice(MOMENTS)) as process:
        process.join(60)
        died = process.exitcode == -9
    eventually(fresh.is_quiet)
    return died


def killed_somewhere(fresh: Ground, random: Random) -> bool:
    """Run a loader that is killed at a word or an instant; return whether it was still at work."""
    if random.random() < 0.5:
        return killed_at(fresh, random.randrange(1, WORDS), random)
    with loader(fresh.dsns) as process:
        process.join(random.random() * A_LOAD_S)
        at_work = process.exitcode is None
    eventually(fresh.is_quiet)
    return at_work
