"""The original's views and our own totals: names, units, joins, and nothing that is not explained."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import sql
from psycopg.rows import dict_row

from tests.support import Mart
from twinmart.db.connect import Connection
from twinmart.db.partitions import ensure_partitions
from twinmart.site.mart import READER

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "gim.md"

DAY = datetime(2031, 5, 3, tzinfo=UTC)
EIGHT = DAY + timedelta(hours=8)
EIGHT_TS = int(EIGHT.timestamp())

INTERACTION, CALLER, ANSWER = (UUID(int=number) for number in (1, 2, 3))
QUEUE, ALICE = 11, 12

# What a column that may not be NULL holds where a test does not care.
INDIFFERENT = {
    "text": "",
    "smallint": 0,
    "integer": 0,
    "bigint": 0,
    "uuid": UUID(int=0),
    "timestamp with time zone": EIGHT,
    "boolean": False,
}

VIEWS = """
    SELECT item.relname, attribute.attname, col_description(item.oid, attribute.attnum), obj_description(item.oid)
    FROM pg_class AS item
    JOIN pg_attribute AS attribute ON attribute.attrelid = item.oid AND attribute.attnum > 0
    WHERE item.relnamespace = %s::regnamespace AND item.relkind = 'v'
    ORDER BY item.relname, attribute.attnum
"""

FAMILIES = """
    dial ring talk hold after_call_work
    customer_dial customer_ring customer_talk customer_hold customer_acw
    post_cons_xfer_ring post_cons_xfer_talk post_cons_xfer_hold
    conf_init_talk conf_init_hold conf_join_ring conf_join_talk conf_join_hold
    cons_init_dial cons_init_talk cons_init_hold
    cons_rcv_ring cons_rcv_talk cons_rcv_hold cons_rcv_acw
    agent_to_agent_cons
"""

NAMES = {
    "interaction_fact": """interaction_id tenant_key interaction_type_key media_type_key media_server_root_ixn_id
        media_server_ixn_id media_server_root_ixn_guid media_server_ixn_guid source_address target_address subject
        status start_ts end_ts start_date_time_key end_date_time_key create_audit_key update_audit_key active_flag
        anchor_id anchor_sdt_key producer_batch_id""",
    "interaction_resource_fact": """interaction_resource_id interaction_id interaction_resource_ordinal tenant_key
        media_type_key interaction_type_key resource_key resource_group_combination_key place_key
        technical_descriptor_key routing_target_key mediation_segment_id mediation_count last_vqueue_resource_key
        last_rp_resource_key res_previous_sm_state_key start_date_time_key start_ts end_ts irf_anchor stop_action
        customer_handle_count conference_initiated_count routing_point_duration asm_count asm_engage_duration""",
    "mediation_segment_fact": """mediation_segment_id interaction_id media_server_ixn_guid media_type_key
        interaction_type_key resource_key resource_group_combination_key technical_descriptor_key ixn_resource_id
        target_ixn_resource_id target_ixn_resource_sdt_key start_ts end_ts start_date_time_key userdata_flag
        producer_batch_id orssessionid""",
    "sm_res_session_fact": """sm_res_session_fact_key start_date_time_key end_date_time_key tenant_key media_type_key
        resource_key resource_group_combination_key create_audit_key update_audit_key start_ts end_ts total_duration
        lead_clip_duration trail_clip_duration active_flag""",
    "sm_res_state_fact": "sm_res_state_fact_key resource_state_key sm_res_session_fact_key total_duration active_flag",
    "sm_res_state_reason_fact": """sm_res_state_reason_fact_key tenant_key sm_res_state_fact_key resource_state_key
        resource_state_reason_key""",
    "ixn_resource_state_fact": """ixn_resource_state_fact_key start_date_time_key end_date_time_key tenant_key
        media_type_key resource_key media_resource_key place_key interaction_resource_state_key interaction_type_key
        create_audit_key update_audit_key interaction_resource_sdt_key interaction_resource_id start_ts end_ts
        total_duration lead_clip_duration trail_clip_duration target_address""",
    "resource_": """resource_key resource_type resource_type_code resource_subtype resource_name agent_first_name
        agent_last_name employee_id switch_name""",
    "technical_descriptor": """technical_descriptor_key technical_result technical_result_code result_reason
        result_reason_code resource_role resource_role_code role_reason role_reason_code create_audit_key
        update_audit_key""",
    "media_type": "media_type_key media_name media_name_code is_online",
    "interaction_type": """interaction_type_key interaction_type interaction_type_code interaction_subtype
        interaction_subtype_code ignore""",
    "date_time": """date_time_key cal_date date_time_hour_key date_time_day_key date_time_next_day_key label_yyyy_mm_dd
        cal_month_name cal_quarter_num_in_year""",
    "tenant": "tenant_key",
    "resource_state": "resource_state_key state_type state_type_code state_name state_name_code",
    "resource_state_reason": """resource_state_reason_key tenant_key create_audit_key update_audit_key reason_type
        reason_type_code hardware_reason software_reason_key software_reason_value workmode workmode_code purge_flag""",
    "interaction_resource_state": """interaction_resource_state_key state_name state_name_code state_role
        state_role_code state_descriptor state_descriptor_code""",
    "group_": "group_key group_name",
    "resource_group_fact": "resource_key group_key start_ts end_ts active_flag",
    "ctl_audit_log": """audit_key job_id created inserted processing_status_key min_start_date_time_key
        max_start_date_time_key max_chunk_ts data_source_key row_count created_ts producer_info_key""",
    "ctl_extract_history": """table_name data_source_key data_source_type row_count max_time max_ts icon_dbid dss_id
        providertag extract_start_time extract_end_time job_id job_name job_version dap_name create_audit_key
        created_ts""",
    "ctl_transform_history": """job_id job_version hwm_name hwm_value hwm_value2 transform_start_time
        transform_end_time row_count created_ts audit_key""",
    "stg_transform_discards": """table_name interaction_id guid create_audit_key code reason etl_ts
        etl_date_time_key""",
    "admin_extract_history": "table_name max_ts extract_start_time extract_end_time row_count",
}  # fmt: skip

# Written as people wrote it for the original, special members and all.
REPORT = """
    SELECT i.media_server_ixn_guid, t.interaction_type_code, q.resource_name, a.agent_first_name, a.agent_last_name,
        tdq.result_reason_code, tda.technical_result_code, s.state_name, p.place_name, g.group_name,
        rt.routing_target_type_code, d.label_yyyy_mm_dd, irf.customer_ring_duration + (msf.end_ts - msf.start_ts)
    FROM gim.mediation_segment_fact msf
    INNER JOIN gim.interaction_fact i ON i.interaction_id = msf.interaction_id
    INNER JOIN gim.interaction_resource_fact irf ON msf.target_ixn_resource_id = irf.interaction_resource_id
        AND msf.target_ixn_resource_sdt_key = irf.start_date_time_key
    INNER JOIN gim.date_time d ON d.date_time_key = irf.start_date_time_key
    INNER JOIN gim.media_type m ON m.media_type_key = irf.media_type_key
    INNER JOIN gim.interaction_type t ON t.interaction_type_key = irf.interaction_type_key
    INNER JOIN gim.resource_ q ON q.resource_key = irf.last_vqueue_resource_key
    INNER JOIN gim.resource_ a ON a.resource_key = irf.resource_key AND a.resource_type = 'Agent'
    INNER JOIN gim.technical_descriptor tdq ON tdq.technical_descriptor_key = msf.technical_descriptor_key
    INNER JOIN gim.technical_descriptor tda ON tda.technical_descriptor_key = irf.technical_descriptor_key
    INNER JOIN gim.resource_state s ON s.resource_state_key = irf.res_previous_sm_state_key
    INNER JOIN gim.place p ON p.place_key = irf.place_key
    INNER JOIN gim.routing_target rt ON rt.routing_target_key = irf.routing_target_key
    INNER JOIN gim.resource_group_combination c ON c.group_combination_key = irf.resource_group_combination_key
    INNER JOIN gim.group_ g ON g.group_key = c.group_key
    WHERE m.media_name_code = 'VOICE' AND m.is_online = 1 AND irf.customer_handle_count > 0
"""


def at(second: float) -> datetime:
    """A moment so many seconds after eight o'clock."""
    return EIGHT + timedelta(seconds=second)


def insert(connection: Connection, table: str, **values: object) -> None:
    """Insert a row; columns that may not be NULL and are not given hold something indifferent."""
    schema, name = table.split(".")
    required = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s AND is_nullable = 'NO' AND column_default IS NULL",
        (schema, name),
    ).fetchall()
    row = {column: INDIFFERENT[kind] for column, kind in required} | values
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(schema, name),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Placeholder, row)),
        ),
        row,
    )


def descriptor(connection: Connection, result: str, reason: str, role: str = "Received") -> int:
    row = connection.execute(
        "SELECT technical_descriptor_key FROM mart.technical_descriptor"
        " WHERE (technical_result, result_reason, resource_role, role_reason) = (%s, %s, %s, 'Unspecified')",
        (result, reason, role),
    ).fetchone()
    assert row
    return int(row[0])


def one(connection: Connection, query: str) -> dict[str, object]:
    """Return the only row of a query."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query.encode()).fetchall()
    assert len(rows) == 1
    return rows[0]


def visit(connection: Connection, number: int, **values: object) -> None:
    """Insert a visit to the queue."""
    common = {"start_date_time_key": EIGHT_TS, "interaction_date_time_key": EIGHT_TS, "start_at": EIGHT}
    keys = {"tenant_key": 1, "source_key": 1, "resource_key": QUEUE, "interaction_id": INTERACTION}
    unique = {"mediation_segment_id": UUID(int=number), "channel_id": f"call-{number}", "entry_ordinal": 1}
    insert(connection, "mart.mediation_segment_fact", **{**common, **keys, **unique, **values})


def attempt(connection: Connection, number: int, **values: object) -> None:
    """Insert Alice's part in the interaction."""
    common = {"start_date_time_key": EIGHT_TS, "interaction_date_time_key": EIGHT_TS, "start_at": EIGHT}
    keys = {"tenant_key": 1, "source_key": 1, "resource_key": ALICE, "interaction_id": INTERACTION}
    unique = {"interaction_resource_id": UUID(int=number), "attempt_kind": "queue"}
    insert(connection, "mart.interaction_resource_fact", **{**common, **keys, **unique, **values})


@pytest.fixture
def connection(mart: Mart) -> Connection:
    """A mart with a source, a queue and an agent."""
    connection = mart.connect()
    ensure_partitions(connection, DAY, DAY + timedelta(days=1))
    insert(connection, "cfg.object", object_key=1, name="london", kind="source")
    common = {"tenant_key": 1, "source_key": 1, "first_seen_at": EIGHT}
    queue = {"resource_key": QUEUE, "resource_type_code": "QUEUE", "natural_name": "sales", "resource_name": "sales"}
    insert(connection, "mart.resource_", **common, **queue)
    alice = {"resource_key": ALICE, "resource_type_code": "AGENT", "natural_name": "PJSIP/a101"}
    insert(connection, "mart.resource_", **common, **alice, resource_name="Alice van Adams", employee_id="101")
    connection.commit()
    return connection


@pytest.fixture
def answered(connection: Connection) -> Connection:
    """A mart with one call: a wait of 10.5 seconds from 08:00:00.4, then Alice for 61.2, of which 8.499 on hold."""
    voice = {"media_type_key": 1, "interaction_type_key": 1}
    call = {"tenant_key": 1, "start_date_time_key": EIGHT_TS, "interaction_id": INTERACTION, "start_at": at(0.4)}
    guid = "london-1"
    insert(connection, "mart.interaction_fact", **voice, **call, end_at=at(72.1), media_server_root_ixn_guid=guid)
    wait = {"start_at": at(0.4), "end_at": at(10.9), "total_duration_ms": 10_500, "result": "answered"}
    target = {"target_ixn_resource_id": ANSWER, "target_ixn_resource_sdt_key": EIGHT_TS, "entered_by": "arrival"}
    by_agent = descriptor(connection, "Diverted", "AnsweredByAgent")
    visit(connection, CALLER.int, **voice, **wait, **target, technical_descriptor_key=by_agent, channel_id=guid)
    talk = {"start_at": at(6.9), "answered_at": at(10.9), "end_at": at(72.1), "customer_talk_duration_ms": 52_701}
    holds = {"customer_hold_duration_ms": 5_999, "conf_join_hold_duration_ms": 2_500}
    handled = {"customer_handle_count": 1, "customer_ring_duration_ms": 4_000, "transferred_flag": 1}
    keys = {"resource_group_combination_key": -2, "last_queue_resource_key": QUEUE}
    transferred = descriptor(connection, "Transferred", "Unspecified")
    numbers = {**voice, **talk, **holds, **handled, **keys}
    attempt(connection, ANSWER.int, **numbers, technical_descriptor_key=transferred)
    epoch = {"date_time_key": EIGHT_TS, "cal_date": EIGHT, "label_yyyy_mm_dd": "2031-05-03"}
    insert(connection, "mart.date_time", **epoch)
    return connection


class TestNames:
    """What a report written for the original asks for is there, and everything that is there is explained."""

    @pytest.mark.parametrize("view", NAMES)
    def test_a_view_has_the_columns_of_the_original(self, mart: Mart, view: str) -> None:
        assert set(NAMES[view].split()) <= set(columns(mart.connect(), view))

    def test_each_family_has_a_count_and_a_duration(self, mart: Mart) -> None:
        wanted = {f"{family}_{measure}" for family in FAMILIES.split() for measure in ("count", "duration")}
        assert wanted <= set(columns(mart.connect(), "interaction_resource_fact"))

    def test_keys_come_before_all_else(self, mart: Mart) -> None:
        for view in NAMES:
            first, *_ = columns(mart.connect(), view)
            assert first.endswith(("_key", "_id")), view
        names = columns(mart.connect(), "interaction_resource_fact")
        last_key = max(place for place, name in enumerate(names) if name.endswith("_key"))
        assert last_key < names.index("start_ts")

    @pytest.mark.parametrize("schema", ["gim", "mart"])
    def test_every_view_and_column_has_a_comment(self, mart: Mart, schema: str) -> None:
        rows = mart.connect().execute(VIEWS, (schema,)).fetchall()
        assert {view for view, *_ in rows} >= (set(NAMES) if schema == "gim" else {"queue_visit", "queue_total"})
        assert [(view, column) for view, column, *comments in rows if not all(comments)] == []

    def test_the_facts_say_that_their_keys_are_uuid(self, mart: Mart) -> None:
        facts = {view: comment for view, _, _, comment in mart.connect().execute(VIEWS, ("gim",)) if "_fact" in view}
        assert len(facts) == 9
        assert all("uuid" in comment for comment in facts.values())

    def test_every_view_is_in_the_reference(self, mart: Mart) -> None:
        text = REFERENCE.read_text(encoding="utf-8")
        views = {view for view, *_ in mart.connect().execute(VIEWS, ("gim",))}
        assert sorted(view for view in views if f"`{view}`" not in text) == []


class TestUnits:
    """Seconds since the epoch and whole seconds, cut the way the original's readers count on."""

    def test_times_are_epoch_seconds_and_the_total_lies_between_them(self, answered: Connection) -> None:
        row = one(answered, "SELECT start_ts, end_ts, total_duration FROM gim.mediation_segment_fact")
        assert row == {"start_ts": EIGHT_TS, "end_ts": EIGHT_TS + 10, "total_duration": 10}
        row = one(answered, "SELECT start_ts, end_ts, total_duration FROM gim.interaction_resource_fact")
        assert row == {"start_ts": EIGHT_TS + 6, "end_ts": EIGHT_TS + 72, "total_duration": 66}

    def test_other_durations_are_milliseconds_cut_to_seconds(self, answered: Connection) -> None:
        names = "customer_ring_duration, customer_talk_duration, customer_hold_duration, conf_join_hold_duration"
        row = one(answered, f"SELECT {names} FROM gim.interaction_resource_fact")
        assert list(row.values()) == [4, 52, 5, 2]

    def test_the_states_of_a_session_add_up_to_it(self, connection: Connection) -> None:
        edges = [0.9, 1.5, 2.1, 2.9, 4.8, 5.2]
        common = {"tenant_key": 1, "start_date_time_key": EIGHT_TS, "sm_res_session_fact_key": UUID(int=9)}
        insert(connection, "mart.sm_res_session_fact", **common, start_at=at(edges[0]), end_at=at(edges[-1]))
        for number, (start, end) in enumerate(pairwise(edges)):
            span = {"start_at": at(start), "end_at": at(end), "sm_res_state_fact_key": UUID(int=number)}
            insert(connection, "mart.sm_res_state_fact", **common, **span)
        total = "SELECT sum(total_duration)::integer AS total FROM gim."
        states, session = one(connection, total + "sm_res_state_fact"), one(connection, total + "sm_res_session_fact")
        assert states == session == {"total": 5}

    @pytest.mark.parametrize(
        "table",
        ["interaction_resource_fact", "mediation_segment_fact", "sm_res_session_fact", "sm_res_state_fact",
         "sm_res_state_reason_fact", "ixn_resource_state_fact"],
    )  # fmt: skip
    def test_what_goes_on_has_no_end_yet(self, connection: Connection, table: str) -> None:
        insert(connection, f"mart.{table}", tenant_key=1, start_date_time_key=EIGHT_TS, start_at=EIGHT, active_flag=1)
        row = one(
            connection, f"SELECT start_ts, end_ts, end_date_time_key, total_duration, active_flag FROM gim.{table}"
        )
        assert list(row.values()) == [EIGHT_TS, None, None, None, 1]

    def test_a_membership_that_lasts_is_found_between_its_ends(self, connection: Connection) -> None:
        insert(connection, "mart.resource_group_fact_", start_date_time_key=EIGHT_TS, start_at=EIGHT, active_flag=1)
        between = "start_ts AND end_ts AND start_date_time_key < end_date_time_key AND end_date_time_key % 900 = 0"
        query = f"SELECT active_flag FROM gim.resource_group_fact WHERE {EIGHT_TS + 5} BETWEEN {between}"
        assert one(connection, query) == {"active_flag": 1}

    def test_the_controls_tell_their_times_in_utc(self, connection: Connection) -> None:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        insert(connection, "ctl.audit_log", created_at=EIGHT, audit_key=7, job="transform", row_count=3)
        row = one(connection, "SELECT job_id, created, created_ts, row_count FROM gim.ctl_audit_log")
        assert list(row.values()) == ["transform-7", EIGHT.replace(tzinfo=None), EIGHT_TS, 3]
        span = {"started_at": EIGHT, "ended_at": at(2.5)}
        insert(connection, "ctl.transform_history", **span, audit_key=7, events=9)
        row = one(connection, "SELECT job_id, row_count, created_ts FROM gim.ctl_transform_history")
        assert row == {"job_id": "transform-7", "row_count": 9, "created_ts": EIGHT_TS + 2}

    def test_extractions_have_a_mark_under_both_names(self, connection: Connection) -> None:
        collector = {"object_key": 5, "name": "london_a", "kind": "collector"}
        insert(connection, "cfg.object", **collector, properties='{"idb_schema": "idb_london_a"}')
        span = {"started_at": EIGHT, "ended_at": at(1), "last_event_at": at(-1.5)}
        insert(connection, "ctl.extract_history", **span, collector_key=5, source_key=1, rows_read=4)
        for view in ("ctl_extract_history", "admin_extract_history"):
            row = one(connection, f"SELECT table_name, dap_name, max_ts, row_count FROM gim.{view}")
            assert list(row.values()) == ["idb_london_a.event", "london_a", EIGHT_TS - 2, 4]

    def test_a_discard_names_its_interaction(self, connection: Connection) -> None:
        identity = {"source_key": 1, "root_id": "london-1"}
        insert(connection, "gidb.interaction", **identity, interaction_id=INTERACTION)
        insert(connection, "ctl.transform_discard", **identity, code="too-long", discarded_at=at(901))
        row = one(connection, "SELECT interaction_id, guid, code, etl_date_time_key FROM gim.stg_transform_discards")
        assert list(row.values()) == [INTERACTION, "london-1", "too-long", EIGHT_TS + 900]


class TestJoins:
    """Reports join as they did, and pay only for what they ask."""

    def test_a_report_of_the_original_runs(self, answered: Connection) -> None:
        row = answered.execute(REPORT).fetchall()
        assert row == [
            ("london-1", "INBOUND", "sales", "Alice", "van Adams", "ANSWEREDBYAGENT", "TRANSFERRED", "No value",
             "NO_VALUE", "No Group", "NO_VALUE", "2031-05-03", 14)
        ]  # fmt: skip

    @pytest.mark.parametrize("view", ["interaction_resource_fact", "mediation_segment_fact"])
    def test_the_guid_is_joined_only_where_it_is_asked_for(self, answered: Connection, view: str) -> None:
        assert one(answered, f"SELECT media_server_ixn_guid AS guid FROM gim.{view}") == {"guid": "london-1"}
        plan = answered.execute(f"EXPLAIN SELECT start_ts, resource_key FROM gim.{view}".encode()).fetchall()
        assert "Join" not in str(plan)

    @pytest.mark.parametrize(
        ("view", "key"),
        [
            ("resource_", "resource_key"),
            ("group_", "group_key"),
            ("tenant", "tenant_key"),
            ("media_type", "media_type_key"),
            ("interaction_type", "interaction_type_key"),
            ("technical_descriptor", "technical_descriptor_key"),
            ("resource_state", "resource_state_key"),
            ("resource_state_reason", "resource_state_reason_key"),
            ("interaction_resource_state", "interaction_resource_state_key"),
            ("resource_group_combination", "group_combination_key"),
            ("place", "place_key"),
            ("routing_target", "routing_target_key"),
        ],
    )
    def test_a_dimension_has_its_special_members(self, mart: Mart, view: str, key: str) -> None:
        rows = mart.connect().execute(f"SELECT {key} FROM gim.{view} WHERE {key} < 0 ORDER BY 1".encode()).fetchall()
        assert rows == [(-2,), (-1,)]

    def test_a_column_called_constant_is_one(self, answered: Connection) -> None:
        for view, column, comment, _ in answered.execute(VIEWS, ("gim",)).fetchall():
            if told := re.match(r"Constant (\S+?)(?:[:,]|$)", comment):
                query = sql.SQL("SELECT DISTINCT {}::text FROM {}").format(
                    sql.Identifier(column), sql.Identifier("gim", view)
                )
                held = {value for (value,) in answered.execute(query)}
                assert held <= {None if told[1] == "NULL" else told[1]}, f"{view}.{column}"

    def test_reasons_are_told_apart_by_who_set_them(self, connection: Connection) -> None:
        reasons = [(1, "SOFTWARE", "Lunch"), (2, "SWITCH", "Auto-Pause")]
        for key, kind, text in reasons:
            values = {"resource_state_reason_key": key, "reason_type": kind, "software_reason": text}
            insert(connection, "mart.resource_state_reason", **values)
        rows = connection.execute(
            "SELECT reason_type_code, hardware_reason, software_reason_key, software_reason_value"
            " FROM gim.resource_state_reason WHERE tenant_key = 1 ORDER BY resource_state_reason_key"
        ).fetchall()
        assert rows == [("SOFTWARE", None, "ReasonCode", "Lunch"), ("HARDWARE", "Auto-Pause", None, None)]

    def test_whoever_may_read_the_facts_may_read_all_views(self, mart: Mart) -> None:
        reader = mart.connect(user=READER)
        for schema in ("gim", "mart"):
            for view in {view for view, *_ in reader.execute(VIEWS, (schema,)).fetchall()}:
                reader.execute(sql.SQL("SELECT * FROM {} LIMIT 1").format(sql.Identifier(schema, view)))


class TestQueueVisit:
    """What became of each visit, in the words of those who waited and those who answered."""

    def test_an_answered_visit_has_the_agent_and_all_of_the_talk(self, answered: Connection) -> None:
        assert one(answered, "SELECT * FROM mart.queue_visit") == {
            "source_name": "london",
            "uniqueid": "london-1",
            "queue": "sales",
            "nth": 1,
            "result": "answered",
            "agent": "PJSIP/a101",
            "agent_name": "Alice van Adams",
            "wait_s": Decimal("10.500"),
            "talk_s": Decimal("61.200"),
            "hold_s": Decimal("8.499"),
            "transferred": 1,
            "entered_by": "arrival",
            "start_at": at(0.4),
            "answered_at": at(10.9),
            "end_at": at(72.1),
            "interaction_id": INTERACTION,
        }

    def test_a_lost_visit_has_a_wait_and_nobody(self, connection: Connection) -> None:
        visit(connection, 1, result="abandoned", end_at=at(7.25), total_duration_ms=7_250)
        row = one(connection, "SELECT result, agent, wait_s, talk_s, hold_s, transferred, end_at FROM mart.queue_visit")
        assert list(row.values()) == ["abandoned", None, Decimal("7.250"), None, None, 0, at(7.25)]

    def test_a_visit_that_goes_on_has_no_wait_yet(self, connection: Connection) -> None:
        visit(connection, 1, result="waiting", active_flag=1)
        row = one(connection, "SELECT wait_s, answered_at, end_at FROM mart.queue_visit")
        assert list(row.values()) == [None, None, None]

    def test_a_talk_that_goes_on_has_no_length_yet(self, connection: Connection) -> None:
        target = {"target_ixn_resource_id": ANSWER, "target_ixn_resource_sdt_key": EIGHT_TS}
        visit(connection, 1, result="answered", end_at=at(3), total_duration_ms=3_000, **target)
        incomplete = {"technical_descriptor_key": descriptor(connection, "Incomplete", "Unspecified")}
        attempt(connection, ANSWER.int, **incomplete, answered_at=at(3), customer_hold_duration_ms=500, active_flag=1)
        names = "result, agent, wait_s, talk_s, hold_s, answered_at, end_at"
        row = one(connection, f"SELECT {names} FROM mart.queue_visit")
        assert list(row.values()) == ["answered", "PJSIP/a101", Decimal(3), None, None, at(3), None]

    def test_what_a_dead_switch_did_not_tell_is_not_known(self, connection: Connection) -> None:
        target = {"target_ixn_resource_id": ANSWER, "target_ixn_resource_sdt_key": EIGHT_TS}
        visit(connection, 1, result="answered", end_at=at(3), total_duration_ms=3_000, **target)
        visit(connection, 2, result="unknown", end_at=at(9), total_duration_ms=9_000)
        stopped = descriptor(connection, "AbnormalStop", "AnsweredByAgent")
        attempt(connection, ANSWER.int, answered_at=at(3), end_at=at(9), technical_descriptor_key=stopped)
        rows = connection.execute(
            "SELECT result, wait_s, talk_s, hold_s, answered_at, end_at FROM mart.queue_visit ORDER BY uniqueid"
        ).fetchall()
        assert rows == [("answered", 3, None, None, at(3), None), ("unknown", None, None, None, None, None)]


class TestTotals:
    """The totals are those of the visits and attempts, and nothing falls between the columns."""

    def test_the_counts_by_result_add_up_to_the_visits(self, answered: Connection) -> None:
        once = ["abandoned", "timeout", "exitkey", "leaveempty", "joinempty", "unknown", "waiting"]
        for number, result in enumerate([*once, "full", "full", "surprise"], start=100):
            ends = {} if result == "waiting" else {"end_at": at(5), "total_duration_ms": 5_000}
            visit(answered, number, result=result, **ends)
        row = one(answered, "SELECT * FROM mart.queue_total")
        counts = {name.removesuffix("_count"): value for name, value in row.items() if name.endswith("_count")}
        assert counts == {"answered": 1, **dict.fromkeys(once, 1), "full": 2, "other": 1}
        sums = [row[name] for name in ("visits", "answered_wait_s", "talk_s", "hold_s")]
        assert sums == [11, Decimal("10.5"), Decimal("61.2"), Decimal("8.499")]

    def test_an_agent_is_counted_by_kind_of_attempt(self, answered: Connection) -> None:
        missed = descriptor(answered, "Redirected", "RoutedOnNoAnswer", "RoutedTo")
        attempt(answered, 50, end_at=at(4), technical_descriptor_key=missed)
        done = descriptor(answered, "Completed", "Unspecified")
        talk = {"answered_at": at(1), "end_at": at(2.5), "technical_descriptor_key": done}
        attempt(answered, 51, attempt_kind="direct", hold_duration_ms=250, **talk)
        rows = answered.execute(
            "SELECT agent, attempt_kind, attempts, offered, answered, talk_s, hold_s FROM mart.agent_total ORDER BY 2"
        ).fetchall()
        assert rows == [
            ("PJSIP/a101", "direct", 1, 0, 1, Decimal("1.5"), Decimal("0.25")),
            ("PJSIP/a101", "queue", 2, 2, 1, Decimal("61.2"), Decimal("8.499")),
        ]


def columns(connection: Connection, view: str) -> list[str]:
    """Return the columns of a view of the original, in order."""
    return [column for name, column, *_ in connection.execute(VIEWS, ("gim",)) if name == view]
