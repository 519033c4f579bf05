"""A mart of the release before: its sources, collectors and queue settings become objects, and say the same."""

from tests.support import Mart, MartServer
from twinmart.config import check
from twinmart.config.store import Store
from twinmart.db.migrate import known_migrations, migrate

SOURCE = (
    "SELECT source_key, name, kind, site, host, port, tls, username, secret_ref, enabled, created_at FROM cfg.source"
)
COLLECTOR = "SELECT collector_key, name, source_key, twin, site, idb_schema, enabled, created_at FROM cfg.collector"
SETTING = "SELECT * FROM cfg.queue_setting ORDER BY source_name, queue"
VIEW = "SELECT source, site, enabled FROM ctl.admin_source_freshness"


def test_what_was_in_tables_is_taken_over(server: MartServer, mart: Mart) -> None:
    connection = mart.connect(autocommit=True)
    for schema in ("cfg", "gidb", "ctl", "mart", "agg", "gim", "ops"):
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
    migrate(connection, known_migrations()[:6])
    connection.execute(
        "INSERT INTO cfg.source VALUES (mart.dimension_key('SOURCE|pbx'), 'pbx', 'asterisk-ami',"
        " 2, 'h', 5039, true, 'u', 'env:X')"
    )
    connection.execute(
        "INSERT INTO cfg.collector VALUES (mart.dimension_key('COLLECTOR|pbx_a'), 'pbx_a',"
        " mart.dimension_key('SOURCE|pbx'), 'a', 2, 'idb_pbx_a')"
    )
    connection.execute(
        "INSERT INTO cfg.queue_setting VALUES ('pbx', 'sales', 15500, 20000, 9000), ('pbx', '*', 0, 30000, 10000),"
        " ('*', 'help', 1000, NULL, 10000)"
    )
    connection.execute(
        "UPDATE cfg.queue_setting SET acw_reasons = '{Wrap,Form}' WHERE queue = '*' AND source_name = '*'"
    )
    before = [connection.execute(query.encode()).fetchall() for query in (SOURCE, COLLECTOR, VIEW)]
    settings = connection.execute(SETTING.encode()).fetchall()
    migrate(connection)
    assert [connection.execute(query.encode()).fetchall() for query in (SOURCE, COLLECTOR, VIEW)] == before
    found = {row[:2]: row[2:5] for row in connection.execute(SETTING.encode())}
    assert {row[:2]: found[row[:2]] for row in settings} == {row[:2]: row[2:5] for row in settings}
    assert connection.execute("SELECT DISTINCT acw_reasons FROM cfg.queue_setting").fetchall() == [(["Wrap", "Form"],)]
    store = Store(connection, author="test")
    assert check.faults(store) == []
    assert ("collector", "pbx_a") in store.get("application", "mart").connections
    assert store.as_of("source", "pbx", 1).properties == store.get("source", "pbx").properties
