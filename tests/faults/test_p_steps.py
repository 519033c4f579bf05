"""P2: the old active site is back in the midst of its replacement."""

import itertools
from collections.abc import Callable

import pytest

from tests.paths.fingerprint import Fingerprint
from tests.recover.conftest import disaster, undisturbed
from tests.recover.test_two_sites import topology
from tests.support import MartServer
from twinmart import errors
from twinmart.etl.cycle import run_once

pytestmark = pytest.mark.xdist_group("faults")

# Of about sixty places where a failover could be broken off.
PLACE = 20


def at_place(wanted: int, act: Callable[[], object]) -> Callable[[], None]:
    """Return what is called at every place and acts at one of them."""
    passed = itertools.count(1)

    def point() -> None:
        if next(passed) == wanted:
            act()

    return point


def test_p2_the_old_active_site_that_is_back_during_the_failover_stays_fenced(
    own_servers: tuple[MartServer, MartServer],
) -> None:
    """It is stopped as by a power cut, and comes back while the other one takes over."""
    with disaster(*own_servers) as made:
        server = made.first.server
        made.first.close()
        server.stop("immediate")
        made.carry_out(lost=True, point=at_place(PLACE, server.start))
        server.start()
        dsns = {1: made.first.dsn, 2: made.second.dsn}
        assert topology(made) == [(1, 1), (2, 2)]
        with pytest.raises(errors.SiteFenced, match="site 2 is active"):
            run_once(1, dsns)
        # What it would have loaded, had it not been lost; asked with nobody beside it, in its own old epoch.
        assert undisturbed(made).difference(Fingerprint.of(made.mart)) is None
