"""A mart of the release before, which had no aggregates: what its facts touched is asked for by the migration."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.aggregate.facts import put, rebuild
from tests.support import Mart
from twinmart.aggregate.audit import audit
from twinmart.db.migrate import known_migrations, migrate

DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_facts_that_stood_before_there_were_aggregates_are_aggregated(mart: Mart) -> None:
    connection = mart.connect(autocommit=True)
    for schema in ("cfg", "gidb", "ctl", "mart", "agg", "gim", "ops"):
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
    migrate(connection, known_migrations()[:6])
    key = int(DAY.timestamp()) // 86_400 * 86_400
    connection.execute(
        "CREATE TABLE mart.interaction_fact_p20261120 PARTITION OF mart.interaction_fact"
        f" FOR VALUES FROM ({key}) TO ({key + 86_400})".encode()
    )
    put(
        connection, "interaction_fact", interaction_id=UUID(int=1), media_server_root_ixn_guid="1", start_at=DAY,
        end_at=DAY + timedelta(minutes=40), duration_ms=2_400_000,
    )  # fmt: skip
    migrate(connection)
    from_at, to_at = DAY - timedelta(hours=1), DAY + timedelta(hours=1)
    assert audit(connection, from_at=from_at, to_at=to_at) == []
    assert rebuild(mart)["requests_left"] == 0
    assert audit(connection, from_at=from_at, to_at=to_at) == []
    assert connection.execute("SELECT entered, finished_time_ms FROM agg.id_month").fetchall() == [(1, 2_400_000)]
