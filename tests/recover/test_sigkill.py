"""SIGKILL at any time: of a command, within whatever statement or program it waits for, and of a whole site."""

from pathlib import Path
from random import Random

import pytest
from bench import failover
from bench.large import SMALL, two_sites

from tests.paths.fingerprint import Fingerprint
from tests.recover.test_crash_matrix import BY_FILES, DRILL, WISHES, before, undisturbed
from tests.support import MartServer
from twinmart.db.connect import session
from twinmart.etl.cycle import run_once
from twinmart.recover.site import Recovery
from twinmart.report.losses import manifest

pytestmark = pytest.mark.xdist_group("crashes")

COMMANDS = {**WISHES, **BY_FILES, "drill": DRILL}


@pytest.mark.faults("C1")
@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_killed_at_random_comes_to_the_end_of_an_undisturbed_one(
    server: MartServer, other_server: MartServer, scratch: Path, name: str, seed: int
) -> None:
    wish, random = COMMANDS[name], Random(seed)
    expected = undisturbed(wish, server, other_server, scratch / "calm")
    deaths = 0
    for number in range(4):
        with before(wish, server, other_server, scratch / str(number)) as walk:
            walk.die_after(*(random.uniform(0.1, 4) for _ in range(3)))
            assert walk.state() == expected, (seed, number)
            deaths += walk.deaths
    assert deaths
    print(f"{name}: killed {deaths} times")


@pytest.mark.soak
@pytest.mark.faults("P1")
def test_a_site_killed_with_loads_behind_costs_nothing_that_the_twin_has(scratch: Path) -> None:
    home = two_sites(scratch / "home", SMALL)
    try:
        failover.leave_behind(home)
        failover.kill(home)
        found = failover.fail_over(home)
        recovery = Recovery(home)
        with recovery.journal(2) as journal:
            report = recovery.report(journal.runs()[-1], journal)
        assert report.run.state == "done"
        assert [cost.gone_s for cost in report.costs] == [0.0]
        # Counted from the process of the command to the commit: more than its steps, less than all of it.
        assert report.first_load_at is not None
        assert report.rto_ms is not None
        assert report.run.commanded_at < report.run.started_at < report.first_load_at
        assert report.run.steps["load"].spent_ms < report.rto_ms < 1000 * found[failover.WHOLE]
        with session(home.site(2).dsn(), application_name="test", autocommit=True) as mart:
            assert [one.kind for one in manifest(mart)] == ["delivered", "recovered"]
            there = Fingerprint.of(mart)
        # What site 1 would have come to: its server is brought back, and loads what it has, in its own old epoch.
        server = home.site(1).server
        assert server is not None
        server.start()
        run_once(1, {1: home.site(1).dsn()})
        with session(home.site(1).dsn(), application_name="test", autocommit=True) as mart:
            assert Fingerprint.of(mart).difference(there) is None
    finally:
        failover.end_servers(home)
        home.down()
