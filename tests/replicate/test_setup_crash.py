"""A set-up of a link that is broken off at any moment, with the subscription off or not: the same command ends it."""

import itertools
import time
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tests.etl.story import Switch
from tests.replicate.conftest import Pair
from tests.replicate.dying import die_at, dies
from tests.replicate.test_link import interactions, one_call
from twinmart.replicate import copy, fence, link, records, slot, subscription
from twinmart.replicate.ends import End, reach
from twinmart.replicate.watch import look

# Everything by which a set-up changes something that outlives its process.
ACTS: Sequence[tuple[Any, str]] = (
    (link, "prepare"), (link, "clear"), (records, "begin"), (link, "_let_in"), (link, "publish"), (fence, "plant"),
    (fence, "raise_"), (slot, "exists"), (copy, "online"), (records, "move"), (subscription, "create"),
    (subscription, "enable"), (link, "beat"), (link, "wait_for"),
)  # fmt: skip


# Waiting for what does not come ends after ten minutes.
LONGEST_S = 90


def set_up_and_die(source: End, target: End, moment: int) -> None:
    """Set the link up, and die at a moment."""
    die_at(moment, ACTS)
    link.set_up(source, target)


def check_goes_on(pair: Pair, moments: Iterable[int]) -> int:
    """Die at each of the moments, with the subscription off afterwards as after a loss of the line; return how many.

    Raises:
        AssertionError: the same command does not end it, or waits for what nobody mends.
    """
    one_call(Switch(pair.mart))
    said = interactions(pair.mart)
    for count, moment in enumerate(moments):
        link.tear_down(pair.source, pair.target)
        if not dies(set_up_and_die, pair.source, pair.target, moment):
            return count
        with reach(pair.target, "test") as standby:
            for one in subscription.find(standby):
                subscription.disable(standby, one.name)
        began = time.monotonic()
        pair.set_up()
        assert time.monotonic() - began < LONGEST_S, moment
        assert look(pair.source, pair.target, wait_s=20).is_ready
        assert interactions(pair.other_mart) == said
    return -1


def test_a_set_up_may_die_at_two_moments(pair: Pair) -> None:
    """While nothing is copied yet, and when the subscription stands and is not known as complete."""
    assert check_goes_on(pair, (14, 42)) == -1


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_set_up_may_die_at_any_moment(pair: Pair) -> None:
    assert check_goes_on(pair, itertools.count(1)) > 40
