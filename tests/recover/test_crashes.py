"""Killed anywhere, the same command again ends where an undisturbed one does; on real servers."""

import itertools
from collections.abc import Callable
from random import Random

import pytest

from tests.paths.fingerprint import Fingerprint
from tests.recover.conftest import Disaster, disaster, undisturbed
from tests.support import MartServer

# The deaths at every place are tried in so many parts, of minutes each.
PARTS = 6


class Killed(BaseException):
    """The tool died here."""


def dying_at(wanted: int) -> Callable[[], None]:
    passed = itertools.count(1)

    def point() -> None:
        if next(passed) == wanted:
            raise Killed

    return point


def counted(server: MartServer, other_server: MartServer) -> tuple[int, object]:
    """Return the number of places where an undisturbed failover could die, and how it ends."""
    passed = itertools.count()

    def point() -> None:
        next(passed)

    with disaster(server, other_server) as made:
        made.carry_out(point=point)
        return next(passed), made.state()


def killed_at(made: Disaster, *points: int) -> None:
    for wanted in points:
        try:
            made.carry_out(point=dying_at(wanted))
        except Killed:
            continue
        return
    # Killed behind its last word the run is done, and the command given again finds nothing to do.
    if [run.state for run in made.journal.runs()] != ["done"]:
        made.carry_out()


@pytest.mark.faults("C1")
def test_a_failover_killed_anywhere_is_gone_on_with(server: MartServer, other_server: MartServer) -> None:
    """A slice of the matrix: killed four times, by a seed; each time the same command goes on."""
    random = Random(5)
    with disaster(server, other_server) as made:
        killed_at(made, *(random.randrange(1, 60) for _ in range(4)))
        assert [run.state for run in made.journal.runs()] == ["done"]
        assert made.mart.execute("SELECT active_site, epoch FROM cfg.topology").fetchall() == [(2, 2)]
        assert undisturbed(made).difference(Fingerprint.of(made.mart)) is None


@pytest.mark.faults("C1")
@pytest.mark.soak
@pytest.mark.parametrize("first", range(1, PARTS + 1))
def test_a_failover_killed_at_every_place(server: MartServer, other_server: MartServer, first: int) -> None:
    points, wanted = counted(server, other_server)
    for number in range(first, points + 1, PARTS):
        with disaster(server, other_server) as made:
            killed_at(made, number)
            assert made.state() == wanted, f"killed at {number} of {points}"
