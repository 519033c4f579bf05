"""Every measure of every set is what a slow oracle makes of the facts: of recordings, and of edges drawn at random."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from tests.aggregate.facts import EDGES, assert_true, put, put_resource, rebuild, stored
from tests.oracle import aggregates as oracle
from tests.oracle.aggregates import Limits
from tests.support import Mart, MartServer
from tests.truth.loading import load
from tests.truth.recording import Recording
from twinmart.aggregate.audit import audit
from twinmart.aggregate.sets import Shape
from twinmart.config.store import Store
from twinmart.db.connect import Connection
from twinmart.db.partitions import ensure_partitions

DAY = datetime(2026, 11, 30, tzinfo=UTC)
AGENTS, QUEUES = (11, 12), (21, 22)
ABOUT = (71, 72)
FACTS = (
    "interaction_fact", "interaction_resource_fact", "mediation_segment_fact", "ixn_resource_state_fact",
    "sm_res_session_fact", "sm_res_state_fact", "sm_res_state_reason_fact", "resource_group_fact_",
    "irf_user_data_keys",
)  # fmt: skip


@pytest.mark.parametrize("name", ["edges", "crash"])
def test_row_85_86_88_a_recording_is_added_up_as_the_oracle_says(mart: Mart, recordings: Path, name: str) -> None:
    recording = Recording(recordings / name)
    told = load(mart, recording)
    assert rebuild(mart)["requests_left"] == 0
    assert_true(told.mart, limits_of(told.mart, recording))
    assert told.mart.execute("SELECT sum(entered) > 100 FROM agg.queue_year").fetchone() == (True,)
    assert_audits_clean(told.mart)


def test_no_measure_of_any_set_is_without_an_oracle(mart: Mart) -> None:
    """What the oracle says of one fact of each kind names every measure of the sets, and no other."""
    book = spoken()
    for name, shape in Shape.read(mart.connect()).items():
        said = {measure for (one, _), sums in book.sums.items() if one == name for measure in sums}
        assert said == set(shape.measures), name


@pytest.mark.soak
def test_the_longest_recording_is_added_up_as_the_oracle_says(mart: Mart, recordings: Path) -> None:
    recording = Recording(recordings / "site1")
    told = load(mart, recording)
    rebuild(mart)
    assert_true(told.mart, limits_of(told.mart, recording))
    assert_audits_clean(told.mart)


class Fact(dict[str, Any]):
    """A fact in which everything that is not named is 0."""

    def __missing__(self, name: str) -> int:
        return 0


def spoken() -> oracle.Book:
    """Return what the oracle says of facts of each kind, zeros too."""
    book, limits = oracle.Book(), Limits({0: 20_000}, 10_000, 1000, EDGES)
    span: dict[str, Any] = {"start_at": DAY, "end_at": DAY + timedelta(seconds=1), "answered_at": DAY}
    one = Fact(span, is_agent=True, customer_handle_count=1, last_queue_resource_key=1)
    oracle.attempt(book, one, (1,), limits)
    for wait in (*EDGES, EDGES[-1] + 1):
        for result in ("answered", "abandoned"):
            oracle.visit(book, Fact(span, total_duration_ms=wait, result=result), one, True, limits)
    for state in range(1, 8):
        oracle.state(book, Fact(span, resource_state_key=state), DAY)
        inside = Fact(span, interaction_resource_state_key=state)
        for of in ({"customer_ring_count": 1}, {"attempt_kind": "consult_out"}, {"attempt_kind": "consult"}, {}):
            oracle.state_inside(book, inside, Fact(of), DAY)
    oracle.session(book, Fact(span))
    oracle.reason(book, Fact(span), DAY)
    oracle.interaction(book, Fact(span), [], limits)
    return book


def limits_of(connection: Connection, recording: Recording) -> Limits:
    query = "SELECT natural_name, resource_key FROM mart.resource_ WHERE resource_type_code = 'QUEUE'"
    names: dict[str, int] = dict(connection.execute(query).fetchall())
    answer = {names[q]: setting["servicelevel"] * 1000 for q, setting in recording.settings.items() if q in names}
    return Limits(answer, 10_000, None, EDGES)


def assert_audits_clean(connection: Connection) -> None:
    span = connection.execute(
        "SELECT to_timestamp(min(date_time_key)), to_timestamp(max(date_time_key)) FROM agg.i_agent_subhr"
    )
    first, last = span.fetchone() or (None, None)
    assert audit(connection, from_at=first, to_at=last + timedelta(minutes=15)) == []


# Moments near the edges of intervals, hours, days and months, to the millisecond, and lengths from none to a week.
moments = st.builds(
    lambda quarter, ms: DAY + timedelta(minutes=15 * quarter, milliseconds=ms),
    st.integers(-3, 3) | st.integers(93, 99),
    st.sampled_from([-1000, -1, 0, 1, 999, 1000]) | st.integers(0, 899_999),
)
lengths = st.sampled_from(
    [0, 1, 999, 1000, 1001, 20_000, 20_001, 899_999, 900_000, 900_001, 604_800_000, None]
) | st.integers(0, 7_200_000)
spans = st.tuples(st.sampled_from(AGENTS), moments, lengths, st.integers(1, 5))
calls = st.tuples(
    st.tuples(st.sampled_from(QUEUES), st.sampled_from(AGENTS), moments),
    st.sampled_from([0, 1, 5000, 5001, 10_000, 10_001, 20_000, 20_001, 1_200_001]),
    lengths,
    st.sampled_from(["answered", "abandoned", "timeout", "exitkey", "leaveempty", "joinempty", "full", "transferred"]),
    st.sampled_from(["queue", "consult_queue", "direct", "consult_out", "internal"]),
    st.integers(1, 100),
    st.tuples(st.sampled_from([None, *ABOUT]), st.sampled_from([None, *ABOUT])),
)


@pytest.fixture(scope="module")
def module_mart(server: MartServer) -> Iterator[Mart]:
    fresh = server.new_mart()
    connection = fresh.connect(autocommit=True)
    ensure_partitions(connection, DAY - timedelta(days=9), DAY + timedelta(days=9))
    for key in AGENTS:
        put_resource(connection, key, "AGENT")
    for key in QUEUES:
        put_resource(connection, key, "QUEUE")
    for key in ABOUT:
        connection.execute(
            "INSERT INTO mart.interaction_descriptor VALUES (%s, 1, %s, 'x', 'x', 'x', 1)", (key, str(key))
        )
    store = Store(connection, author="test")
    store.set_option("application", "mart", "gim-etl", "q-answer-threshold", "20")
    store.set_option("application", "mart", "agg-gim-thld-AGENT-IXN", "short-talk-threshold", "1")
    yield fresh
    server.drop(fresh)


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(spans, max_size=6), st.lists(calls, max_size=6), moments)
def test_edges_are_added_up_as_the_oracle_says(
    module_mart: Mart,
    states: list[tuple[int, datetime, int | None, int]],
    talks: list[tuple[tuple[int, int, datetime], int, int | None, str, str, int, tuple[int | None, int | None]]],
    horizon: datetime,
) -> None:
    with module_mart.connect(autocommit=True) as connection:
        for name in FACTS:
            connection.execute(sql.SQL("DELETE FROM mart.{}").format(sql.Identifier(name)))
        connection.execute(
            "INSERT INTO ctl.aggregate_horizon VALUES (1, %s, now()) ON CONFLICT (source_key) DO UPDATE"
            " SET reached_at = excluded.reached_at",
            (horizon,),
        )
        for number, one in enumerate(states):
            put_state(connection, number, *one)
        for number, (where, wait, talk, result, kind, descriptor, about) in enumerate(talks):
            put_call(connection, number, *where, wait, talk, result, kind, descriptor)
            put_about(connection, number, where[2], wait, *about)
        rebuild(module_mart)
        short_talk = 1000
        assert_true(connection, Limits({21: 20_000, 22: 20_000, -2: 20_000}, 10_000, short_talk, EDGES))


def put_state(connection: Connection, number: int, agent: int, start: datetime, length: int | None, kind: int) -> None:
    end = None if length is None else start + timedelta(milliseconds=length)
    key = UUID(int=number + 1)
    common = {"resource_key": agent, "start_at": start, "end_at": end, "sm_res_session_fact_key": key}
    put(connection, "sm_res_state_fact", **common, sm_res_state_fact_key=key, resource_state_key=kind)
    put(connection, "sm_res_session_fact", **common)
    reason = {"resource_state_key": kind, "resource_state_reason_key": -2, "sm_res_state_fact_key": key}
    put(connection, "sm_res_state_reason_fact", **common, **reason, sm_res_state_reason_fact_key=key)
    member = {"resource_group_fact_key": key, "resource_key": agent, "group_key": 31 + kind % 2}
    put(connection, "resource_group_fact_", **member, start_at=start, end_at=end)


def put_call(
    connection: Connection, number: int, queue: int, agent: int, start: datetime, wait: int, talk: int | None,
    result: str, kind: str, descriptor: int,
) -> None:  # fmt: skip
    answer = start + timedelta(milliseconds=wait)
    end = None if talk is None else answer + timedelta(milliseconds=talk)
    key = UUID(int=number + 100)
    common = {"interaction_id": key, "technical_descriptor_key": descriptor, "resource_group_combination_key": -2}
    sdt = int(start.timestamp()) // 900 * 900
    answer_sdt = int(answer.timestamp()) // 900 * 900
    put(
        connection, "interaction_fact", interaction_id=key, media_server_root_ixn_guid=str(number), start_at=start,
        end_at=end, duration_ms=None if talk is None else wait + talk, status=number % 3,
    )  # fmt: skip
    put(
        connection, "mediation_segment_fact", **common, mediation_segment_id=UUID(int=number + 500),
        interaction_date_time_key=sdt,
        resource_key=queue, start_at=start, end_at=answer, total_duration_ms=wait, result=result, channel_id="c",
        entered_by="consult" if kind == "consult_queue" else "arrival", entry_ordinal=1, offer_count=number % 3,
        target_ixn_resource_id=key if result == "answered" else None, target_ixn_resource_sdt_key=answer_sdt,
    )  # fmt: skip
    family = {"queue": "customer_", "direct": "customer_", "internal": "", "consult_queue": "cons_rcv_"}.get(
        kind, "cons_init_"
    )
    phases = {f"{family}talk_count": 1, f"{family}talk_duration_ms": talk or 0}
    phases |= {"customer_handle_count": 1} if family == "customer_" else {}
    phases |= {"customer_acw_count": 1, "customer_acw_duration_ms": 1000} if kind == "direct" else {}
    put(
        connection, "interaction_resource_fact", **common, **phases, interaction_resource_id=key,
        interaction_date_time_key=sdt, resource_key=agent, attempt_kind=kind, channel_id="p", start_at=answer,
        irf_anchor=number % 2, interaction_resource_ordinal=1 + number % 5 // 4,
        answered_at=answer, end_at=end, mediation_date_time_key=sdt, queue_duration_ms=wait,
        last_queue_resource_key=queue if kind in ("queue", "consult_queue") else -2,
    )  # fmt: skip
    for state, begin in ((1, start), (3, answer)):
        put(
            connection, "ixn_resource_state_fact", interaction_id=key,
            ixn_resource_state_fact_key=UUID(int=number * 9 + state), interaction_resource_id=key,
            interaction_resource_sdt_key=answer_sdt, resource_key=agent, interaction_resource_state_key=state,
            start_at=begin, end_at=answer if state == 1 else end,
        )  # fmt: skip


def put_about(
    connection: Connection, number: int, start: datetime, wait: int, visit: int | None, part: int | None
) -> None:
    """Give the visit and the attempt of a call business attributes, if any."""
    answer = start + timedelta(milliseconds=wait)
    for about, at, key in ((visit, start, 500), (part, answer, 100)):
        if about is not None:
            connection.execute(
                "INSERT INTO mart.irf_user_data_keys VALUES (1, %s, %s, %s, %s, %s, '{}', 1, 1)",
                (
                    int(at.timestamp()) // 900 * 900, UUID(int=number + key), UUID(int=number + 100), key == 500, about,
                ),
            )  # fmt: skip


@pytest.mark.parametrize(("wait", "within", "bucket"), [(5000, 1, 1), (5001, 1, 2), (20_000, 1, 4), (20_001, 0, 5)])
def test_row_87_the_boundary_millisecond_is_within(module_mart: Mart, wait: int, within: int, bucket: int) -> None:
    connection = module_mart.connect(autocommit=True)
    for name in FACTS:
        connection.execute(sql.SQL("DELETE FROM mart.{}").format(sql.Identifier(name)))
    put_call(connection, 1, 21, 11, DAY, wait, 60_000, "answered", "queue", 1)
    put_call(connection, 2, 21, 11, DAY, wait, 60_000, "abandoned", "queue", 1)
    rebuild(module_mart)
    (visits,) = stored(connection, "queue").values()
    assert (visits["accepted"], visits.get("accepted_thr", 0), visits.get("abandoned_thr", 0)) == (1, within, within)
    assert next(iter(stored(connection, "queue_acc_agent").values()))[f"accepted_agent_sti_{bucket}"] == 1
    assert next(iter(stored(connection, "queue_abn").values()))[f"abandoned_sti_{bucket}"] == 1
