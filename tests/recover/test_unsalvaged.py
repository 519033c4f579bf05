"""What a lost site alone holds is told before a return overwrites it, until somebody has fetched it."""

from dataclasses import replace

from tests.recover.sim import DAWN
from tests.recover.test_edges import site
from tests.support import Mart
from twinmart.db.sqlfiles import sql_text
from twinmart.recover.model import Facts, Wish
from twinmart.recover.plan import findings, make_plan

RETURN = Wish("return", 2, 1, survivor=2)


def test_a_site_that_was_lost_is_unsalvaged_until_a_salvage_is_done(mart: Mart) -> None:
    def unsalvaged() -> list[tuple[int]]:
        return connection.execute(sql_text("recover/unsalvaged")).fetchall()

    with mart.connect(autocommit=True) as connection:
        assert unsalvaged() == []
        connection.execute(
            "INSERT INTO ctl.loss (loss_key, run, lost_site, source_key, class)"
            " VALUES (gen_random_uuid(), 'a', 1, 1, 'delivered'), (gen_random_uuid(), 'a', 1, 1, 'gone')"
        )
        assert unsalvaged() == [(1,)]
        connection.execute(
            "INSERT INTO ops.salvage_run (run, lost_site, started_at) VALUES (gen_random_uuid(), 1, clock_timestamp())"
        )
        assert unsalvaged() == [(1,)], "one that was broken off has not fetched all"
        connection.execute("UPDATE ops.salvage_run SET ended_at = clock_timestamp()")
        assert unsalvaged() == []


def test_the_plan_of_a_return_names_the_salvage() -> None:
    survivor = replace(site(2, "active, a newer epoch"), unsalvaged=frozenset({1}))
    for role, is_told in (("active", True), ("standby", False), ("empty", False), ("silent", False)):
        facts = Facts(DAWN, {1: site(1, role), 2: survivor})
        told = [one.text for one in findings(facts, RETURN) if one.level == "!"]
        lost = make_plan(facts, RETURN).may_be_lost
        assert any("twinmart salvage --site 1" in text for text in told) is is_told, role
        assert any("twinmart salvage --site 1" in text for text in lost) is is_told, role
