"""Everything at site 1 dies by SIGKILL with loads behind; the command brings site 2 up, and nothing is gone."""

from pathlib import Path

import pytest
from bench.failover import lose_and_fail_over

from tests.paths.fingerprint import Fingerprint
from twinmart.db.connect import session
from twinmart.etl.cycle import run_once
from twinmart.report.losses import manifest


@pytest.mark.soak
@pytest.mark.faults("P1")
def test_a_site_killed_with_loads_behind_costs_nothing_that_the_twin_has(scratch: Path) -> None:
    with lose_and_fail_over(scratch) as (home, report):
        assert report.run.state == "done"
        assert [cost.gone_s for cost in report.costs] == [0.0]
        with session(home.site(2).dsn(), application_name="test", autocommit=True) as mart:
            assert [one.kind for one in manifest(mart)] == ["delivered", "recovered"]
            found = Fingerprint.of(mart)
        # What site 1 would have come to: its server is brought back, and loads what it has, in its own old epoch.
        server = home.site(1).server
        assert server is not None
        server.start()
        run_once(1, {1: home.site(1).dsn()})
        with session(home.site(1).dsn(), application_name="test", autocommit=True) as mart:
            assert Fingerprint.of(mart).difference(found) is None
