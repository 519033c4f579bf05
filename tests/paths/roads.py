"""Ways from events to a mart, by the seed: any order, any pieces, either twin, steps of any size.

Everything about a way follows from its seed, so that one number repeats it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from tests.paths.sample import SAMPLES, Sample
from tests.paths.walk import Cycle, Extract, Path, Transform, Twin, Write
from twinmart.model.events import Event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Order = Callable[[list[int], Random], list[int]]


def as_said(numbers: list[int], random: Random) -> list[int]:
    """Keep the order in which the switch said it."""
    return numbers


def some_late(numbers: list[int], random: Random) -> list[int]:
    """Hold a few events back until everything else is there."""
    late = set(random.sample(numbers, min(len(numbers), random.choice((1, 3, 10, 50)))))
    return [one for one in numbers if one not in late] + random.sample(sorted(late), len(late))


def jostled(numbers: list[int], random: Random) -> list[int]:
    """Let events overtake each other, near or far."""
    reach = random.choice((3, 30, 300))
    return [one for _, one in sorted((place + random.random() * reach, one) for place, one in enumerate(numbers))]


def shuffled(numbers: list[int], random: Random) -> list[int]:
    """Keep no order at all."""
    return random.sample(numbers, len(numbers))


ORDERS: dict[str, Order] = {one.__name__: one for one in (as_said, some_late, jostled, shuffled)}


@dataclass(frozen=True, slots=True)
class Road:
    """A way of some of a recording's events into a mart: which events, in which order, in which steps."""

    sample: Sample
    order: str
    kept: tuple[int, ...]
    path: Path
    clock: timedelta | None = None

    @property
    def events(self) -> Sequence[Event]:
        """The events of the recording, by a clock that ticks as seldom as the road says."""
        events = self.sample.events
        return events if self.clock is None else tuple(ticked(event, self.clock) for event in events)

    @property
    def straight(self) -> Path:
        """The same events at once, as they were said."""
        return (Write("a", self.kept), Cycle())


def road(seed: int, *, lost: bool = False, coarse: bool = False) -> Road:
    """Return the road of a seed: ``lost`` leaves events out that nobody heard, ``coarse`` makes many times equal."""
    random = Random(seed)
    sample = SAMPLES[seed % len(SAMPLES)]
    kept = list(range(len(sample.events)))
    if lost:
        share = random.choice((0.02, 0.1, 0.3, 0.6))
        kept = [number for number in kept if random.random() > share]
    clock = timedelta(milliseconds=random.choice((1, 100, 1_000, 5_000))) if coarse else None
    order = random.choice(list(ORDERS))
    numbers = ORDERS[order](kept, random)
    return Road(sample, order, tuple(kept), (*steps(numbers, random), Cycle()), clock)


def steps(numbers: Sequence[int], random: Random) -> list[Write | Extract | Transform]:
    """Cut events into pieces, and load some after some of them, in steps as small as one call."""
    taken: list[Write | Extract | Transform] = []
    twins: Sequence[Twin] = random.choice((("a",), ("a", "b")))
    for piece in pieces(numbers, random.choice((2, 3, 6, 16)), random):
        twin = random.choice(twins)
        most_rows = random.choice((100_000, 100_000, max(1, len(piece) // 3)))
        taken += [Write(twin, tuple(piece)), Extract(twin, most_rows, fill=twin == "b" and random.random() < 0.5)]
        taken += [Transform(random.choice((4_000, 4_000, 1, 7)))] * random.choice((0, 1, 1, 2))
    return taken


def pieces(numbers: Sequence[int], count: int, random: Random) -> list[Sequence[int]]:
    """Cut numbers into so many pieces of any length, or fewer if there are not enough."""
    cuts = sorted(random.sample(range(1, len(numbers)), min(count, len(numbers)) - 1))
    return [numbers[start:end] for start, end in zip([0, *cuts], [*cuts, len(numbers)], strict=True)]


def ticked(event: Event, clock: timedelta) -> Event:
    """Return the event as told by a clock that ticks only so often."""
    return event._replace(at=EPOCH + (event.at - EPOCH) // clock * clock)
