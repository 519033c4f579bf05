"""P1 and P2: a server is killed in the midst of a recovery; the old active one is back in the midst of it."""

import itertools
from collections.abc import Callable, Iterable
from contextlib import suppress
from random import Random

import psycopg
import pytest

from tests.faults.conftest import kill
from tests.paths.fingerprint import Fingerprint
from tests.recover.conftest import Disaster, disaster, undisturbed
from tests.recover.recorder import Recorder
from tests.recover.test_two_sites import both_hold_the_same, topology
from tests.support import MartServer
from twinmart import errors
from twinmart.etl.cycle import run_once
from twinmart.recover.model import Wish

pytestmark = pytest.mark.xdist_group("faults")

SWITCHOVER = Wish("switchover", 2, 1)
RETURN_1 = Wish("return", 1, 2, survivor=2)
RETURN_2 = Wish("return", 2, 1, survivor=2)
WISHES = {"switchover": SWITCHOVER, "return-1": RETURN_1, "return-2": RETURN_2}

# How many places an undisturbed run passes where it could be broken off, or some more.
PLACES = {"switchover": 100, "return-1": 140, "return-2": 70, "failover": 64}
PARTS = 5

# Of those of a failover.
PLACE = 20

# A step fails or its outcome is not known; the same command goes on.
RESUMABLE = (errors.StepFailed, errors.SiteUnreachable, errors.OutcomeUnknown)


def at_place(wanted: int, act: Callable[[], object]) -> Callable[[], None]:
    """Return what is called at every place and acts at one of them."""
    passed = itertools.count(1)

    def point() -> None:
        if next(passed) == wanted:
            act()

    return point


def kill_on_the_way(made: Disaster, wish: Wish, site: int, place: int) -> bool:
    """Kill a server at a place, start it at once or when the command has given up, and give the command until it ends.

    Say whether the run came to that place. Whoever comes back tries to load all the time.
    """
    if wish.command == "return":
        made.carry_out()
    recorder = Recorder(made.ends)
    if wish.command == "return":
        # The lost site is back and has heard of its successor. One that hears of nobody loads on: see decision 0024.
        assert not recorder.provoke(1)
    with recorder:
        killed = give_until_it_ends(made, wish, site, place)
    assert recorder.check()
    assert {active for active, _ in topology(made)} == {wish.target}
    assert both_hold_the_same(made)
    assert made.mart.execute("SELECT count(*) FROM mart.interaction_fact").fetchone() == (2,)
    return killed


def give_until_it_ends(made: Disaster, wish: Wish, site: int, place: int) -> bool:
    server = (made.first if site == 1 else made.second).server
    killed = []

    def die() -> None:
        killed.append(place)
        kill(server)
        if place % 2:
            server.start()

    with suppress(*RESUMABLE, psycopg.Error):
        made.carry_out(wish, lost=False, point=at_place(place, die))
    server.start()
    for _ in range(3):
        if made.journal.runs()[-1].state == "done":
            break
        with suppress(*RESUMABLE):
            made.carry_out(wish, lost=False)
    assert made.journal.runs()[-1].state == "done", f"{wish} with site {site} killed at {place}"
    return bool(killed)


def kill_at(places: Iterable[int], servers: tuple[MartServer, MartServer], wish: Wish, site: int) -> int:
    """Kill a server at each of the places of a command, each time anew; return at how many it was still going on."""
    killed = 0
    for place in places:
        with disaster(*servers) as scene:
            killed += kill_on_the_way(scene, wish, site, place)
    return killed


@pytest.mark.parametrize("site", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_p1_a_server_killed_in_the_midst_of_a_switchover_is_gone_on_with(
    own_servers: tuple[MartServer, MartServer], site: int
) -> None:
    assert kill_at([Random(site).randrange(3, 60)], own_servers, SWITCHOVER, site) == 1


def test_p2_the_old_active_site_that_is_back_during_a_return_stays_fenced(
    own_servers: tuple[MartServer, MartServer],
) -> None:
    # In the midst of the hand-over, after it was fenced.
    assert kill_at([75], own_servers, RETURN_1, 2) == 1


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("site", [1, 2])
@pytest.mark.parametrize("name", WISHES)
def test_p1_a_server_killed_in_each_step_is_gone_on_with(
    own_servers: tuple[MartServer, MartServer], name: str, site: int, part: int
) -> None:
    """In parts, each of which has every fifth third place."""
    places = range(3 + 3 * part, PLACES[name], 3 * PARTS)
    assert kill_at(places, own_servers, WISHES[name], site) >= len(places) // 2


def back_in_a_failover(made: Disaster, place: int, *, cut_off: bool) -> None:
    """The old active site is stopped as by a power cut, and is there again in the midst of its replacement."""
    server = made.first.server
    made.first.close()

    def active() -> list[tuple[int]]:
        return made.mart.execute("SELECT active_site FROM cfg.topology").fetchall()

    def is_lost(site: int) -> bool:
        # Who cannot be told loads on in its own epoch until it hears of another one.
        return site == 1 and (not server.is_running() or (cut_off and active() == [(1,)]))

    recorder = Recorder(made.ends, is_lost=is_lost)
    server.stop("immediate")
    with recorder:
        made.carry_out(lost=True, cut_off=cut_off, point=at_place(place, server.start))
        server.start()
        assert not recorder.provoke(1)
    assert recorder.check()[-1].site == 2
    assert topology(made) == [(1, 1), (2, 2)]
    with pytest.raises(errors.MartError, match=r"site 2(, which)? is active"):
        run_once(1, {1: made.first.dsn, 2: made.second.dsn})
    if cut_off:
        # What it would have loaded, had it not been lost; asked with nobody beside it, in its own old epoch.
        assert undisturbed(made).difference(Fingerprint.of(made.mart)) is None


def test_p2_the_old_active_site_that_is_back_during_the_failover_stays_fenced(
    own_servers: tuple[MartServer, MartServer],
) -> None:
    with disaster(*own_servers) as made:
        back_in_a_failover(made, PLACE, cut_off=True)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", [2, 3, 4])
def test_p2_the_old_active_site_back_at_each_place_of_a_failover_stays_fenced(
    own_servers: tuple[MartServer, MartServer], first: int
) -> None:
    for place in range(first, PLACES["failover"], 3):
        with disaster(*own_servers) as made:
            back_in_a_failover(made, place, cut_off=False)
