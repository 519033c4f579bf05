"""Least privilege for tools of others: everything for reading, nothing else, and of tenants only one's own."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.etl.story import Switch
from tests.report.calls import whole_call
from tests.report.conftest import aggregated
from tests.support import Mart
from twinmart.db.connect import Connection, connect
from twinmart.db.sqlfiles import sql_text
from twinmart.errors import MissingRole, UnknownObject
from twinmart.site.mart import READER, allow_tenant_reader

FACTS = (
    "mart.interaction_fact", "mart.interaction_resource_fact", "mart.mediation_segment_fact", "mart.resource_",
    "agg.queue_day", "gim.interaction_fact", "gim.ag2_queue_day", "mart.queue_visit", "agg.queue_month",
    "agg.queue_week",
)  # fmt: skip


@pytest.fixture
def two_tenants(mart: Mart) -> Mart:
    """A mart whose one call is there once for tenant 1 and once for tenant 2, "Second"."""
    switch = Switch(mart)
    whole_call(switch)
    switch.hear()
    aggregated(mart)
    owner = mart.connect(autocommit=True)
    owner.execute("INSERT INTO mart.tenant VALUES (2, 'Second')")
    for table in (
        "mart.interaction_fact",
        "mart.interaction_resource_fact",
        "mart.mediation_segment_fact",
        "agg.queue_day",
        "agg.queue_month",
    ):
        name = sql.Identifier(*table.split("."))
        owner.execute(sql.SQL("CREATE TEMP TABLE copy AS SELECT * FROM {}").format(name))
        owner.execute("UPDATE copy SET tenant_key = 2")
        owner.execute(sql.SQL("INSERT INTO {} SELECT * FROM copy").format(name))
        owner.execute("DROP TABLE copy")
    return mart


@pytest.fixture
def role(mart: Mart) -> Iterator[str]:
    """A role that may log in and nothing else."""
    name = f"reader_of_{mart.name}"
    with connect(mart.server.dsn(), application_name="test", autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield name
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (name,))
        with connect(mart.server.dsn(database=mart.name), application_name="test", autocommit=True) as inside:
            inside.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def as_role(mart: Mart, role: str) -> Connection:
    """Return a connection of a superuser that has become the role, as a pool of connections does."""
    connection = connect(mart.server.dsn(database=mart.name), application_name="test", autocommit=True)
    mart._opened.append(connection)
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    return connection


def tenants(connection: Connection, table: str) -> set[int]:
    rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table.split("."))))
    assert rows.description is not None
    names = [column.name for column in rows.description]
    if "tenant_key" not in names:
        return {len(rows.fetchall())}
    return {row[names.index("tenant_key")] for row in rows if row[names.index("tenant_key")] > 0}


def test_a_role_sees_its_own_tenant_only_in_tables_and_through_views(two_tenants: Mart, role: str) -> None:
    allow_tenant_reader(two_tenants.connect(autocommit=True), role, "Second")
    reader = as_role(two_tenants, role)
    for table in FACTS:
        if table not in {"mart.queue_visit", "mart.resource_"}:
            assert tenants(reader, table) == {2}, table
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("SELECT * FROM ctl.gap")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("SELECT host FROM cfg.source")


def test_a_role_sees_the_gaps_of_the_sources_of_its_tenant_and_no_others(two_tenants: Mart, role: str) -> None:
    owner = two_tenants.connect(autocommit=True)
    owner.execute(
        "INSERT INTO ctl.gap SELECT gen_random_uuid(), source_key, NULL, now() - interval '1 hour', NULL, 'silent',"
        " false, now() FROM cfg.source"
    )
    query = b"SELECT source, is_open FROM mart.source_gap"
    assert two_tenants.connect(user=READER).execute(query).fetchall() == [("pbx", True)]
    allow_tenant_reader(owner, role, "Second")
    assert as_role(two_tenants, role).execute(query).fetchall() == [], "all of that source is of the first tenant"
    owner.execute("UPDATE mart.resource_ SET tenant_key = 2 WHERE resource_type_code = 'QUEUE'")
    assert as_role(two_tenants, role).execute(query).fetchall() == [("pbx", True)]


def test_a_role_that_nobody_let_in_sees_no_row(two_tenants: Mart, role: str) -> None:
    owner = two_tenants.connect(autocommit=True)
    owner.execute(sql.SQL("GRANT USAGE ON SCHEMA mart, ctl TO {}").format(sql.Identifier(role)))
    owner.execute(sql.SQL("GRANT SELECT ON mart.interaction_fact TO {}").format(sql.Identifier(role)))
    assert tenants(as_role(two_tenants, role), "mart.interaction_fact") == set()


def test_the_reader_of_all_sees_all_tenants_and_writes_nothing(two_tenants: Mart) -> None:
    reader = two_tenants.connect(autocommit=True, user=READER)
    for table in FACTS:
        if table not in {"mart.queue_visit", "mart.resource_", "agg.queue_week"}:
            assert tenants(reader, table) == {1, 2}, table
    assert reader.execute("SELECT source FROM mart.report_source").fetchall() == [("pbx",)]
    reader.execute("SET default_transaction_read_only = off")
    for statement in (
        "DELETE FROM mart.interaction_fact", "INSERT INTO ctl.tenant_reader VALUES ('twinmart_reader', 1)",
        "SELECT host FROM cfg.source", "SELECT * FROM gidb.event", "CREATE TABLE public.mine (one int)",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(statement.encode())


def test_every_table_with_tenants_has_a_policy_and_no_view_goes_around_it(mart: Mart) -> None:
    assert mart.connect().execute(sql_text("db/unfenced")).fetchall() == []


def test_a_role_or_a_tenant_that_does_not_exist_is_refused(mart: Mart, role: str) -> None:
    owner = mart.connect(autocommit=True)
    with pytest.raises(MissingRole, match="no role"):
        allow_tenant_reader(owner, "nobody_at_all", "Resources")
    with pytest.raises(UnknownObject, match="Third"):
        allow_tenant_reader(owner, role, "Third")
