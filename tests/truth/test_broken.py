"""An interaction that cannot be true is kept out alone, with the reason, and comes back when its events are mended."""

import json
from pathlib import Path
from typing import Any

from psycopg import sql

from tests.support import Mart
from tests.truth.loading import SITE, Told, load
from tests.truth.recording import Recording, Visit
from twinmart.collect.asterisk.wire import END, Messages
from twinmart.collect.backfill import backfill_file, recorded_chunks
from twinmart.config.sources import collectors
from twinmart.db.connect import Connection
from twinmart.etl.cycle import run_once
from twinmart.sim.recording import time_of

OF_INTERACTIONS = (
    "interaction_fact",
    "interaction_resource_fact",
    "mediation_segment_fact",
    "ixn_resource_state_fact",
)
OF_AGENTS = ("sm_res_session_fact", "sm_res_state_fact", "sm_res_state_reason_fact", "resource_group_fact_")

# A call whose start is told so much too late starts after its end.
WRONG_BY_S = 600

Row = dict[str, Any]


def test_a_call_that_ends_before_it_starts_is_discarded_alone_until_it_is_mended(
    edges: Told, mart: Mart, tmp_path: Path
) -> None:
    visit = next(one for one in edges.recording.visits if _is_simple(edges.recording, one))
    said = _messages(edges.recording)
    start = next(message for message in said if _starts(message, visit.channel))

    broken = load(mart, edges.recording, [_stream(tmp_path, [_late(one) if one is start else one for one in said])])

    ((root, code, reason),) = broken.mart.execute("SELECT root_id, code, reason FROM ctl.transform_discard").fetchall()
    assert (root, code) == (visit.channel, "ends-before-start")
    assert reason.startswith(f"channel {visit.channel} ended at ")
    whole, left = _rows(edges.mart, "interaction_fact"), _rows(broken.mart, "interaction_fact")
    (discarded,) = (row for row in left if row["media_server_root_ixn_guid"] == visit.channel)
    (good,) = (row for row in whole if row["media_server_root_ixn_guid"] == visit.channel)
    assert (discarded["status"], discarded["anchor_id"], good["status"]) == (2, None, 0)
    for table in OF_INTERACTIONS:
        expected = [row for row in _rows(edges.mart, table) if row["interaction_id"] != good["interaction_id"]]
        neighbours = [row for row in _rows(broken.mart, table) if row["interaction_id"] != discarded["interaction_id"]]
        assert neighbours == expected, table
        lost = len(_rows(edges.mart, table)) - len(expected)
        assert (lost > 0, len(_rows(broken.mart, table)) - len(neighbours)) == (True, table == "interaction_fact")
    agent = _agent_of(edges.mart, good["interaction_id"])
    for table in OF_AGENTS:
        assert _of_others(broken.mart, table, agent) == _of_others(edges.mart, table, agent), table
    assert _busy_ms(broken.mart, agent) < _busy_ms(edges.mart, agent)

    (collector,) = collectors(broken.mart)
    backfill_file(broken.mart, collector.idb_schema, edges.recording.source, _stream(tmp_path, [start]))
    run_once(SITE, {SITE: mart.dsn})

    assert broken.mart.execute("SELECT FROM ctl.transform_discard").rowcount == 0
    for table in (*OF_INTERACTIONS, *OF_AGENTS):
        assert _rows(broken.mart, table) == _rows(edges.mart, table), table


def _is_simple(recording: Recording, visit: Visit) -> bool:
    """Whether a call is nothing but one visit that was answered, and the talk after it."""
    legs = [leg for leg in recording.legs if leg.call == visit.call]
    visits = [other for other in recording.visits if other.call == visit.call]
    return (visit.result, len(legs), len(visits)) == ("answered", 1, 1) and recording.calls[legs[0].call or 0].is_sip


def _messages(recording: Recording) -> list[bytes]:
    messages = Messages()
    return [one for path in recording.streams for chunk in recorded_chunks(path) for one in messages.feed(chunk)]


def _starts(message: bytes, channel: str) -> bool:
    return message.startswith(b"Event: Newchannel\r\n") and f"\r\nUniqueid: {channel}\r\n".encode() in message


def _late(message: bytes) -> bytes:
    at = time_of(message)
    assert at is not None
    return message.replace(f"Timestamp: {at:.6f}".encode(), f"Timestamp: {at + WRONG_BY_S:.6f}".encode())


def _stream(folder: Path, messages: list[bytes]) -> Path:
    path = folder / f"{len(messages)}.raw"
    path.write_bytes(b"".join(message + END for message in messages))
    return path


def _rows(mart: Connection, table: str) -> list[Row]:
    """The rows of a fact table, without what tells of the loads that brought them."""
    rows = mart.execute(
        sql.SQL("SELECT to_jsonb(fact) - '{{create_audit_key,update_audit_key}}'::text[] FROM {} AS fact").format(
            sql.Identifier("mart", table)
        )
    )
    return sorted((row for (row,) in rows), key=lambda row: json.dumps(row, sort_keys=True))


def _agent_of(mart: Connection, interaction: str) -> int:
    ((agent,),) = mart.execute(
        "SELECT resource_key FROM mart.interaction_resource_fact WHERE interaction_id = %s", (interaction,)
    ).fetchall()
    return int(agent)


def _of_others(mart: Connection, table: str, agent: int) -> list[Row]:
    return [row for row in _rows(mart, table) if row["resource_key"] != agent]


def _busy_ms(mart: Connection, agent: int) -> int:
    rows = [row for row in _rows(mart, "sm_res_state_fact") if row["resource_key"] == agent]
    return sum(row["total_duration_ms"] for row in rows if row["resource_state_key"] == 5)
