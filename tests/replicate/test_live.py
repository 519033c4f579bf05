"""What changes at a pair while its link lives: migrations, upkeep, keys of user data."""

from dataclasses import replace

import pytest

from tests.etl.story import Switch
from tests.replicate.conftest import Pair
from tests.replicate.test_link import cross
from tests.replicate.test_states import at
from tests.upkeep.stories import queue_call
from twinmart.config import document
from twinmart.config.store import Store
from twinmart.config.userdata import add_key
from twinmart.db import migrate
from twinmart.db.connect import session
from twinmart.jobs.linkwatch import LinkWatch
from twinmart.replicate import link
from twinmart.replicate.schema import prepare
from twinmart.replicate.watch import look

PARTS = b"SELECT * FROM mart.interaction_resource_fact ORDER BY start_at, interaction_resource_id"

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
    there = b"SELECT to_regclass('gim.irf_user_data_cust_3') IS NOT NULL"
    assert at(linked.target, there) == [(False,)]
    with session(linked.mart.dsn, application_name="test") as mart, mart.transaction():
        add_key(Store(mart, author="test"), "COLOUR", to="irf_user_data_cust_3.custom_data_1")
    cross(linked)
    assert (at(linked.source, there), at(linked.target, there)) == ([(True,)], [(False,)])
    assert LinkWatch(2, {1: linked.source, 2: linked.target}).tick() is not None
    assert at(linked.target, there) == [(True,)]
    owner = b"SELECT relowner::regrole::text FROM pg_class WHERE oid = 'gim.irf_user_data_cust_3'::regclass"
    assert at(linked.source, owner) == at(linked.target, owner) == [("twinmart",)]
    mapped = b"SELECT ud_key_name, ude_column_name FROM ctl.ud_to_ude_mapping ORDER BY 1"
    assert at(linked.target, mapped) == at(linked.source, mapped) != []
    assert look(linked.source, linked.target).is_ready


def test_calls_carry_a_key_from_when_it_is_added_at_both_sites_and_rows_that_stand_stay(linked: Pair) -> None:
    switch = Switch(linked.mart)
    queue_call(switch, 0, 1)
    switch.hear()
    cross(linked)
    before = at(linked.target, PARTS)
    assert before
    with session(linked.mart.dsn, application_name="test") as mart, mart.transaction():
        add_key(Store(mart, author="ann", reason="asked for"), "ServiceType", to="interaction_descriptor.service_type")
    queue_call(switch, 300, 11)
    switch.attach(301, "c11", "ServiceType", "support")
    switch.hear()
    cross(linked)
    LinkWatch(2, {1: linked.source, 2: linked.target}).tick()
    assert [row for row in at(linked.target, PARTS) if row in before] == before
    about = (
        b"SELECT d.service_type, count(*) FROM gim.irf_user_data_keys AS k JOIN gim.interaction_descriptor AS d"
        b" USING (interaction_descriptor_key) GROUP BY 1 ORDER BY 1"
    )
    assert at(linked.source, about) == at(linked.target, about) == [("NO_VALUE", 1), ("support", 1)]
    for query in (PARTS, b"SELECT * FROM cfg.object ORDER BY 1", b"SELECT * FROM cfg.history ORDER BY 1, 2, 3, 4, 5"):
        assert at(linked.source, query) == at(linked.target, query)
    exports = []
    for one in (linked.mart, linked.other_mart):
        with one.connect() as connection:
            store = Store(connection, author="reader")
            exports.append(document.export(store.all()))
            (made, *_) = store.history("user_data_key", "ServiceType")
            assert (made.author, made.reason) == ("ann", "asked for")
    assert exports[0] == exports[1]
    assert "[user_data_key.ServiceType" in exports[0]
