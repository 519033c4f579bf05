"""Two real Asterisk with a trunk between them: a header hands the call's identity over, and both say it as a variable.

The recordings: four calls come in at London, where Ann talks for four seconds and hangs up. Three of them then go on
over the trunk (``Dial`` with a handler that adds the header), wait in a queue at Bristol, and Bob talks as long; the
second ends at London.
"""

from pathlib import Path

import pytest

from tests.support import Mart
from twinmart.collect.backfill import backfill_file
from twinmart.config.sources import ensure_collector, ensure_source
from twinmart.config.store import Store
from twinmart.config.userdata import add_key
from twinmart.db.connect import Connection
from twinmart.etl.cycle import run_once

SAMPLES = Path(__file__).parent / "samples"
BOTH = [("london", "queue", "Ann"), ("london", "external", "PJSIP/bristol"), ("bristol", "queue", "Bob")]


@pytest.mark.parametrize("order", [("london", "bristol"), ("bristol", "london")])
def test_calls_over_a_real_trunk_are_one_interaction_each_with_both_parts(mart: Mart, order: tuple[str, str]) -> None:
    connection = mart.connect(autocommit=True)
    add_key(Store(connection, author="test"), "CALL_UUID", link=True)
    for name in order:
        collector = ensure_collector(connection, ensure_source(connection, name), site=1)
        backfill_file(connection, collector.idb_schema, name, SAMPLES / f"{name}.raw.gz")
        run_once(1, {1: mart.dsn})
    assert parts(connection) == [BOTH, BOTH[:1], BOTH, BOTH]
    whole = connection.execute(
        "SELECT DISTINCT source.name, target_address, call_count, interaction_type_key, status"
        " FROM mart.interaction_fact JOIN cfg.source USING (source_key) ORDER BY call_count"
    ).fetchall()
    assert whole == [("london", "8002", 1, 1, 0), ("london", "8001", 2, 1, 0)]
    visits = connection.execute(
        "SELECT source.name, entered_by, result, count(*) FROM mart.mediation_segment_fact"
        " JOIN cfg.source USING (source_key) GROUP BY 1, 2, 3 ORDER BY 1"
    ).fetchall()
    assert visits == [("bristol", "transfer", "answered", 3), ("london", "arrival", "answered", 4)]
    talks = connection.execute(
        "SELECT customer_talk_duration_ms FROM mart.interaction_resource_fact WHERE attempt_kind = 'queue'"
    ).fetchall()
    assert all(4_000 <= talk <= 4_700 for (talk,) in talks)


def parts(connection: Connection) -> list[list[tuple[str, str, str]]]:
    """Return the parts of each interaction, in the order of time: switch, kind and resource."""
    rows = connection.execute(
        "SELECT ixn.start_at, source.name, part.attempt_kind, resource.resource_name FROM mart.interaction_fact AS ixn"
        " JOIN mart.interaction_resource_fact AS part USING (interaction_id)"
        " JOIN cfg.source AS source ON source.source_key = part.source_key"
        " JOIN mart.resource_ AS resource USING (resource_key) ORDER BY ixn.start_at, interaction_resource_ordinal"
    ).fetchall()
    return [[row[1:] for row in rows if row[0] == start] for start in sorted({row[0] for row in rows})]
