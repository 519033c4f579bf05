"""Which collectors a return gives the sources of the site that comes back."""

from tests.support import Mart
from twinmart.config.sources import collectors, ensure_collector, ensure_site, ensure_source
from twinmart.config.store import Store
from twinmart.recover.configuration import SiteConfiguration
from twinmart.recover.world import SiteWorld
from twinmart.replicate.ends import End


def adopt(mart: Mart, site: int) -> tuple[str, set[tuple[str, int, bool]]]:
    """Adopt at the site, with site 2 as the survivor; return what it says, and name, site and use of each collector."""
    world = SiteWorld({2: End(2, mart.dsn)})
    world.take(2, "test")
    try:
        told = SiteConfiguration(world).adopt_collectors(2, site)
    finally:
        world.release()
    with mart.connect() as connection:
        return told, {(one.name, one.site, one.extracted) for one in collectors(connection)}


def given(mart: Mart, *sites: int, disabled: tuple[str, ...] = ()) -> None:
    """Register source "london" of site 1 with collectors at the sites, and sites 1 to 3."""
    with mart.connect() as connection:
        store = Store(connection, author="test")
        for site in (1, 2, 3):
            ensure_site(store, site)
        source = ensure_source(connection, "london", store=store)
        for site in sites:
            ensure_collector(connection, source, site=site, store=store)
        for name in disabled:
            store.disable("collector", name)
            store.disable("access_point", name)
        connection.commit()


def test_what_a_failover_disabled_is_used_again_and_moves_to_the_new_site(mart: Mart) -> None:
    given(mart, 1, 2, disabled=("london_a",))
    assert adopt(mart, 3) == ("enabled: london_a", {("london_a", 3, True), ("london_b", 2, True)})


def test_a_source_that_only_the_survivor_heard_is_given_its_second_collector(mart: Mart) -> None:
    given(mart, 2)
    assert adopt(mart, 1) == ("made: london_a", {("london_a", 1, True), ("london_b", 2, True)})


def test_a_source_that_only_the_lost_site_heard_is_given_one_at_the_survivor(mart: Mart) -> None:
    given(mart, 1, disabled=("london_a",))
    told = "enabled: london_a; made: london_b"
    assert adopt(mart, 1) == (told, {("london_a", 1, True), ("london_b", 2, True)})


def test_a_site_in_its_place_takes_the_collector_over_and_the_survivor_gets_its_own(mart: Mart) -> None:
    given(mart, 1, disabled=("london_a",))
    told = "enabled: london_a; made: london_b"
    assert adopt(mart, 3) == (told, {("london_a", 3, True), ("london_b", 2, True)})


def test_a_third_site_is_given_the_name_that_is_free(mart: Mart) -> None:
    given(mart, 2)
    assert adopt(mart, 3) == ("made: london_a", {("london_a", 3, True), ("london_b", 2, True)})


def test_a_collector_of_a_lost_standby_moves_to_the_site_in_its_place(mart: Mart) -> None:
    given(mart, 1, 2)
    assert adopt(mart, 3) == ("enabled: london_a", {("london_a", 3, True), ("london_b", 2, True)})


def test_with_all_collectors_in_use_nothing_is_changed(mart: Mart) -> None:
    given(mart, 1, 2)
    told, found = adopt(mart, 1)
    assert told == "none was disabled, and none was missing"
    assert found == {("london_a", 1, True), ("london_b", 2, True)}
