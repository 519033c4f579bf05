"""A mart of any earlier version, with data in it, becomes one that nobody can tell from a new one."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from psycopg import sql

from tests.etl.story import DAWN, Switch
from tests.paths.fingerprint import Fingerprint
from tests.support import Mart, MartServer
from tests.upkeep.stories import maintained, queue_call
from twinmart.db.connect import Connection, connect
from twinmart.db.migrate import known_migrations, migrate
from twinmart.db.partitions import partitioned_tables
from twinmart.etl.cycle import run_once
from twinmart.site.mart import OWNER
from twinmart.upkeep.migrate import migrate_site

# Released with data of their own; what came after was never let out of the house.
RELEASED = range(1, 7)
EVERY_TIME = (RELEASED[0], RELEASED[-1])
NAME = "earlier"

# Rows as the release itself wrote them: registered sources, and what an extraction and a load left behind.
REGISTERED = """
    INSERT INTO cfg.source (source_key, name, kind, site)
    VALUES (mart.dimension_key('SOURCE|pbx'), 'pbx', 'asterisk-ami', 1);
    INSERT INTO cfg.collector (collector_key, name, source_key, twin, site, idb_schema)
    VALUES (mart.dimension_key('COLLECTOR|pbx_a'), 'pbx_a', mart.dimension_key('SOURCE|pbx'), 'a', 1, 'idb_pbx_a');
    INSERT INTO cfg.queue_setting (source_name, queue, wrapup_ms, service_level_ms)
    VALUES ('pbx', 'sales', 5000, 20000);
"""


@pytest.fixture
def earlier(server: MartServer) -> Iterator[Mart]:
    """A database that holds nothing yet."""
    name, owner = sql.Identifier(NAME), sql.Identifier(OWNER)
    with connect(server.server.dsn(), application_name="test", autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
        mart = Mart(server.server, NAME)
        yield mart
        mart.close()
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def shape(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return all that a schema is made of, partitions and what is named by their days left out."""
    schemas = "('cfg', 'gidb', 'ctl', 'mart', 'agg', 'gim', 'ops')"
    tables = f"""SELECT c.oid, n.nspname, c.relname, c.relkind FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname IN {schemas} AND NOT c.relispartition"""
    queries = {
        "columns": f"""SELECT t.nspname, t.relname, t.relkind, a.attname, a.attnotnull,
            format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), col_description(t.oid, a.attnum)
            FROM ({tables} AND c.relkind IN ('r', 'p', 'v')) AS t
            JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum""",
        "indexes": f"""SELECT pg_get_indexdef(i.indexrelid)
            FROM pg_index AS i JOIN ({tables}) AS t ON t.oid = i.indrelid""",
        "constraints": f"""SELECT t.relname, k.conname, pg_get_constraintdef(k.oid)
            FROM pg_constraint AS k JOIN ({tables}) AS t ON t.oid = k.conrelid""",
        "views": f"SELECT schemaname, viewname, definition FROM pg_views WHERE schemaname IN {schemas}",
        "functions": f"""SELECT n.nspname, p.proname, pg_get_functiondef(p.oid) FROM pg_proc AS p
            JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname IN {schemas} AND p.prokind = 'f'""",
        "triggers": f"""SELECT pg_get_triggerdef(g.oid) FROM pg_trigger AS g
            JOIN ({tables}) AS t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal""",
        "rules": "SELECT * FROM ops.partition_rule",
    }
    return {name: sorted(connection.execute(query.encode()).fetchall(), key=str) for name, query in queries.items()}


def make_partitions(old: Connection) -> None:
    """Make partitions as a release did, without what later ones hang on them."""
    for table in partitioned_tables(old):
        part = next(table.missing((int(DAWN.timestamp()), int(DAWN.timestamp()) + 1)))
        old.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(table.schema, table.partition_name(part)),
                sql.Identifier(table.schema, table.name),
                *map(table.bound, part),
            )
        )


@pytest.mark.parametrize(
    "version", [pytest.param(one, marks=() if one in EVERY_TIME else pytest.mark.soak) for one in RELEASED]
)
def test_must_show_5_a_mart_of_a_released_version_with_data_passes_what_a_new_one_passes(
    mart: Mart, earlier: Mart, version: int
) -> None:
    old = earlier.connect(autocommit=True)
    migrate(old, known_migrations()[:version])
    make_partitions(old)
    old.execute(REGISTERED.encode())
    done = migrate_site(1, {1: earlier.dsn}, stop=threading.Event())
    assert done["from_version"] == version
    assert done["version"] == len(known_migrations())
    assert shape(old) == shape(mart.connect(autocommit=True))
    # What the release knew is still known: source, collector and the queue's settings, under the same keys.
    known = "SELECT source_key, name, site, enabled FROM cfg.source"
    assert (
        old.execute(known).fetchall()
        == old.execute("SELECT mart.dimension_key('SOURCE|pbx'), 'pbx', 1, true").fetchall()
    )
    settings = "SELECT wrapup_ms, service_level_ms FROM cfg.queue_setting WHERE source_name = 'pbx' AND queue = 'sales'"
    assert old.execute(settings).fetchall() == [(5000, 20000)]
    # And it does what a new one does.
    prints = []
    for one in (earlier, mart):
        switch = Switch(one)
        switch.member(0, "PJSIP/100")
        queue_call(switch, 100, 1)
        assert switch.hear().interactions == 1
        maintained(one, DAWN + timedelta(hours=1))
        prints.append(Fingerprint.of(switch.mart, _TABLES))
    assert prints[0].difference(prints[1]) is None


def test_must_show_5_facts_that_a_release_loaded_are_the_same_after_its_upgrade(earlier: Mart, mart: Mart) -> None:
    """The facts of release 0.1 came by the tables of its versions 1 to 6, which later ones add to and never change."""
    switch = Switch(mart)
    switch.member(0, "PJSIP/100")
    queue_call(switch, 100, 1)
    switch.hear()
    old = earlier.connect(autocommit=True)
    migrate(old, known_migrations()[: RELEASED[-1]])
    make_partitions(old)
    old.execute(REGISTERED.encode())
    for table in _LOADED:
        _carry(switch.mart, old, table)
    columns = {name: _columns(old, name) for name in _LOADED}
    before = {name: _rows(old, name, columns[name]) for name in _LOADED}
    migrate_site(1, {1: earlier.dsn}, stop=threading.Event())
    assert {name: _rows(old, name, columns[name]) for name in _LOADED} == before
    assert all(before[name] for name in ("gidb.event", "mart.interaction_fact", "mart.sm_res_session_fact"))
    # A later word on the same call finds the facts and changes them, instead of making others.
    again = Switch(earlier)
    again.start(104, "c9", "PJSIP/200", linked="c1")
    again.end(130, "c9", "c1")
    again.hear()
    assert run_once(1, {1: earlier.dsn}).interactions == 0
    assert again.rows("SELECT count(*) AS n FROM mart.interaction_fact") == [{"n": 1}]


_TABLES = {"gidb.event": ("batch",), "gidb.alias": (), "gidb.member_queue": (), "gidb.interaction": ()}
_LOADED = (
    "gidb.event", "gidb.channel_link", "gidb.alias", "gidb.alias_pair", "gidb.member_queue", "gidb.interaction",
    "mart.interaction_fact", "mart.interaction_resource_fact", "mart.mediation_segment_fact",
    "mart.ixn_resource_state_fact", "mart.sm_res_session_fact", "mart.sm_res_state_fact", "mart.resource_group_fact_",
    "ctl.audit_log", "ctl.extract_history", "ctl.transform_history",
)  # fmt: skip


def _carry(new: Connection, old: Connection, table: str) -> None:
    """Copy what the tables of the old version have room for, and the counters that go with it."""
    schema, name = table.split(".")
    columns = sql.SQL(", ").join(map(sql.Identifier, _columns(old, table)))
    place = sql.Identifier(schema, name)
    rows = new.execute(sql.SQL("SELECT {} FROM {}").format(columns, place)).fetchall()
    if rows:
        marks = sql.SQL(", ").join([sql.Placeholder()] * len(rows[0]))
        with old.cursor() as cursor:
            cursor.executemany(sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(place, columns, marks), rows)
    for counter, value in new.execute("SELECT name, value FROM ctl.counter").fetchall():
        old.execute("UPDATE ctl.counter SET value = %s WHERE name = %s", (value, counter))


def _columns(connection: Connection, table: str) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped", (table,)
    )
    return [name for (name,) in rows]


def _rows(connection: Connection, table: str, columns: list[str]) -> list[tuple[object, ...]]:
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(*table.split("."))
    )
    return sorted(connection.execute(query).fetchall(), key=str)
