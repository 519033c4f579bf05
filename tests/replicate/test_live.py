"""What changes at a pair while its link lives: migrations, upkeep, keys of user data."""

from dataclasses import replace

import pytest

from tests.etl.story import DAWN
from tests.replicate.conftest import Pair
from tests.replicate.test_link import cross
from tests.replicate.test_states import at
from tests.upkeep.stories import maintained
from twinmart.config.userdata import Rule, collect_key, make_views, map_key
from twinmart.db import migrate
from twinmart.db.connect import session
from twinmart.replicate import link
from twinmart.replicate.schema import prepare
from twinmart.replicate.watch import look

EXTRA = """
ALTER TABLE ctl.counter ADD COLUMN colour text NOT NULL DEFAULT 'grey';
COMMENT ON COLUMN ctl.counter.colour IS 'For this test';
CREATE TABLE ctl.paint (name text PRIMARY KEY, made_at timestamptz NOT NULL);
INSERT INTO ctl.paint SELECT 'paint ' || n, clock_timestamp() FROM generate_series(1, 100) AS n;
INSERT INTO ctl.counter VALUES ('brought by the migration', 0, 'red');
"""


def test_row_22_a_migration_reaches_the_standby_first_and_its_rows_come_once(
    linked: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrate.known_migrations()
    extra = replace(known[-1], version=known[-1].version + 1, name="extra", sql=EXTRA)
    monkeypatch.setattr(migrate, "known_migrations", lambda: [*known, extra])
    assert look(linked.source, linked.target).is_ready
    said: list[str] = []
    name = link.standing(linked.source, linked.target)
    assert prepare(linked.source, linked.target, subscription=name, tell=said.append)
    assert said == ["standby: 1 migrations applied", "active site: 1 migrations applied"]
    at(linked.source, b"INSERT INTO ctl.paint VALUES ('after', now())")
    at(linked.source, b"UPDATE ctl.counter SET colour = 'blue' WHERE name = 'brought by the migration'")
    cross(linked)
    for count in (b"SELECT count(*) FROM ctl.paint", b"SELECT name, colour FROM ctl.counter ORDER BY name"):
        assert at(linked.source, count) == at(linked.target, count)
    assert at(linked.target, b"SELECT count(*) FROM ctl.paint") == [(101,)]
    found = look(linked.source, linked.target)
    assert found.is_ready, found
    assert found.facts.conflicts == 0
    assert not prepare(linked.source, linked.target, subscription=name)


def test_a_key_of_user_data_that_is_added_later_is_at_the_standby_with_its_view(linked: Pair) -> None:
    with session(linked.mart.dsn, application_name="test") as mart, mart.transaction():
        collect_key(mart, "COLOUR", source="*", masked=False, link=False)
        map_key(mart, "COLOUR", "irf_user_data_cust_3.custom_data_1", rule=Rule.CALL, default=None)
        make_views(mart)
    cross(linked)
    there = b"SELECT to_regclass('gim.irf_user_data_cust_3') IS NOT NULL"
    assert (at(linked.source, there), at(linked.target, there)) == ([(True,)], [(False,)])
    maintained(linked.other_mart, DAWN, site=2)
    assert at(linked.target, there) == [(True,)]
    mapped = b"SELECT ud_key_name, ude_column_name FROM ctl.ud_to_ude_mapping ORDER BY 1"
    assert at(linked.target, mapped) == at(linked.source, mapped) != []
    assert look(linked.source, linked.target).is_ready
