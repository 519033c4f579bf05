"""Q1 and Q2: a drill that is killed leaves production alone; what it left is named, and removed by the next."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.etl.story import Switch
from tests.faults.conftest import processes_of, wait_until
from tests.faults.sites import Sites, new_home
from tests.recover.conftest import tell_story
from twinmart.recover.drill import leftovers
from twinmart.replicate import link
from twinmart.replicate.ends import ends_of

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300), pytest.mark.xdist_group("faults")]


@pytest.fixture
def sites(scratch: Path) -> Iterator[Sites]:
    home = new_home(scratch / "h")
    home.init(2)
    ends = ends_of(home)
    made = Sites(home)
    switch = Switch(made.mart(1))
    tell_story(switch)
    switch.hear()
    switch.mart.close()
    link.set_up(ends[1], ends[2])
    yield made
    home.down()


def test_q1_q2_a_killed_drill_is_named_by_check_and_cleared_by_the_next(sites: Sites) -> None:
    end = ends_of(sites.home)[2]
    assert end.server is not None
    facts = "SELECT count(*), sum(hash_record_extended(f, 0)) FROM mart.interaction_resource_fact AS f"
    before = [sites.ask(site, facts) for site in (1, 2)]
    with sites.begin("drill") as drill:
        wait_until(lambda: any((left / "data" / "postmaster.pid").exists() for left in leftovers(end)), every_s=0.02)
        drill.kill()
    (left,) = leftovers(end)
    found = sites.begin("check", "failover", "--json").communicate()[0]
    assert "an interrupted drill left" in found
    assert str(left) in found
    assert sites.told("drill")["state"] == "done"
    assert leftovers(end) == []
    assert not [pid for pid in processes_of(end.server) if str(left) in Path(f"/proc/{pid}/cmdline").read_text()]
    assert [sites.ask(site, facts) for site in (1, 2)] == before
    assert sites.topology(1) == sites.topology(2) == (1, 1)
