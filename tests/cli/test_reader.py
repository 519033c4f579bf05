"""reader add, list, remove: a role for a tenant, made and ended at every site, its password told to nobody."""

from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Run
from twinmart.db.connect import connect
from twinmart.settings import Settings
from twinmart.site.home import Home


def test_a_reader_from_its_making_to_its_end(twinmart: Run, home_path: Path) -> None:
    twinmart("init", "--sites", "2")
    twinmart("reader", "list").is_as_in("reader-none")
    twinmart("reader", "add", "acme_bi", "--tenant", "Acme").is_as_in("reader-unknown-tenant")
    twinmart("reader", "add", "Robert'); DROP", "--tenant", "Resources").is_as_in("reader-no-name")
    twinmart("reader", "add", "twinmart_reader", "--tenant", "Resources").is_as_in("reader-own-role")
    servers = [site.server for site in Home(Settings(home=home_path)).sites if site.server is not None]
    assert all("acme_bi" not in server.passfile.read_text() for server in servers), "a refusal leaves nothing behind"
    tenant = first_tenant(servers[0].dsn(database="twinmart"))
    added = twinmart("reader", "add", "acme_bi", "--tenant", tenant)
    assert (added.code, added.out.splitlines()[0]) == (0, f'"acme_bi" reads tenant "{tenant}"')
    for server in servers:
        assert server.password("acme_bi") not in added.out + added.err
        assert server.passfile.stat().st_mode & 0o077 == 0
        dsn = server.tcp_dsn(database="twinmart", user="acme_bi")
        with connect(dsn, application_name="test", autocommit=True) as reader:
            assert reader.execute("SELECT count(*) FROM gim.ag2_queue_day").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute("SELECT * FROM ctl.saved_report")
    assert twinmart("reader", "list", "--json").out.endswith(
        f'"readers": [{{"reader": "acme_bi", "tenants": ["{tenant}"]}}]}}\n'
    )
    twinmart("reader", "remove", "acme_bi").is_as_in("reader-removed")
    twinmart("reader", "remove", "acme_bi").is_as_in("reader-unknown")
    for server in servers:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.dsn(database="twinmart", user="acme_bi"))
        assert "acme_bi" not in server.passfile.read_text()


def first_tenant(dsn: str) -> str:
    with connect(dsn, application_name="test") as mart:
        row = mart.execute("SELECT tenant_name FROM mart.tenant WHERE tenant_key > 0").fetchone()
    assert row is not None
    return str(row[0])
