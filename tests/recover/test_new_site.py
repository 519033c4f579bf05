"""A return to a site that never was there before: it takes the place of the lost one, which is not let in again."""

from contextlib import suppress

import pytest

from tests.paths.fingerprint import Fingerprint
from tests.recover.conftest import disaster
from tests.recover.test_return_steps import until
from tests.support import MartServer
from twinmart import errors
from twinmart.config.sources import collectors, ensure_site
from twinmart.config.store import Store
from twinmart.etl.cycle import run_once
from twinmart.recover.model import Wish
from twinmart.replicate import link
from twinmart.replicate.ends import embedded_end, reach

pytestmark = pytest.mark.xdist_group("return")


@pytest.mark.parametrize("becomes_active", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_a_new_site_takes_the_place_of_the_lost_one(
    server: MartServer, other_server: MartServer, becomes_active: bool
) -> None:
    new = server.new_mart()
    with disaster(server, other_server) as made:
        lost = made.ends[1]
        try:
            made.carry_out()
            ensure_site(Store(made.at(2), author="test"), 3)
            del made.ends[1]
            made.ends[3] = embedded_end(3, new.server, new.dsn, database=new.name)
            wish = Wish("return", 3, 2, survivor=2) if becomes_active else Wish("return", 2, 3, survivor=2)
            assert made.carry_out(wish, lost=False).state == "done"
            active, other, epoch = (3, 2, 3) if becomes_active else (2, 3, 2)
            marts = {3: new.connect(autocommit=True), 2: made.at(2)}
            for mart in marts.values():
                assert mart.execute("SELECT active_site, epoch FROM cfg.topology").fetchall() == [(active, epoch)]
            used = (
                marts[active]
                .execute("SELECT name FROM cfg.object WHERE kind = 'access_point' AND enabled AND name LIKE 'mart@%'")
                .fetchall()
            )
            assert used == [(f"mart@{active}",)]
            found = collectors(marts[active])
            assert [(one.name, one.site, one.extracted) for one in found] == [("pbx_a", 3, True), ("pbx_b", 2, True)]
            made.hear(2, made.say_call(70, 5))
            made.load(active)
            count = "SELECT count(*) = 3 FROM mart.interaction_fact"
            assert until(count, made, other)
            assert Fingerprint.of(marts[3]).difference(Fingerprint.of(marts[2])) is None
            dsns = {1: lost.dsn, **{site: end.dsn for site, end in made.ends.items()}}
            with pytest.raises(errors.SiteFenced, match=f"site {active} is active"):
                run_once(1, dsns)
        finally:
            made.stop_servers()
            with suppress(errors.MartError), reach(lost, "test") as mart:
                link.clear(mart)
            for end in made.ends.values():
                link.tear_down(None, end)
    server.drop(new)
