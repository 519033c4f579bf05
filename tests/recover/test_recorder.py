"""The record of loads, by which others are judged: it sees what two sites do that both believe to be the active one."""

import pytest

from tests.recover.conftest import disaster
from tests.recover.recorder import Recorder
from tests.support import MartServer
from twinmart.replicate import link
from twinmart.replicate.ends import reach
from twinmart.replicate.turn import open_site


@pytest.mark.xdist_group("crashes")
def test_two_sites_that_load_are_seen(server: MartServer, other_server: MartServer) -> None:
    with disaster(server, other_server) as made:
        recorder = Recorder(made.ends, belief=lambda site: {site: made.ends[site].dsn})
        assert recorder.provoke(1)
        assert not recorder.provoke(2)
        assert {load.site for load in recorder.check()} == {1}
        # Site 2 is opened behind everybody's back, and neither hears of the other.
        link.detach(made.ends[2])
        with reach(made.ends[2], "test") as mart:
            open_site(mart, 2)
        assert recorder.provoke(2)
        assert {load.epoch for load in recorder.check()} == {1, 2}
        assert recorder.provoke(1)
        with pytest.raises(AssertionError):
            recorder.check()
