"""Facts that are parts of others fill them exactly: to the millisecond, without overlap and without hole."""

from typing import LiteralString

import pytest

from tests.truth.loading import Told

WAITING = (
    "dial_duration_ms + ring_duration_ms + customer_dial_duration_ms + customer_ring_duration_ms"
    " + post_cons_xfer_ring_duration_ms + conf_join_ring_duration_ms + cons_init_dial_duration_ms"
    " + cons_rcv_ring_duration_ms"
)
SPEAKING = (
    "talk_duration_ms + hold_duration_ms + customer_talk_duration_ms + customer_hold_duration_ms"
    " + post_cons_xfer_talk_duration_ms + post_cons_xfer_hold_duration_ms"
    " + conf_init_talk_duration_ms + conf_init_hold_duration_ms"
    " + conf_join_talk_duration_ms + conf_join_hold_duration_ms"
    " + cons_init_talk_duration_ms + cons_init_hold_duration_ms"
    " + cons_rcv_talk_duration_ms + cons_rcv_hold_duration_ms"
)

# For each rule: the rows that it is about, and those among them that break it.
RULES: dict[str, tuple[LiteralString, LiteralString]] = {
    "states fill their session": (
        "SELECT FROM mart.sm_res_session_fact WHERE end_at IS NOT NULL",
        """
        SELECT session.resource_key, session.start_at
        FROM mart.sm_res_session_fact AS session
        LEFT JOIN (
            SELECT sm_res_session_fact_key, sm_res_session_fact_sdt_key, sum(total_duration_ms) AS total_ms,
                min(start_at) AS start_at, max(coalesce(end_at, 'infinity')) AS end_at
            FROM mart.sm_res_state_fact
            GROUP BY sm_res_session_fact_key, sm_res_session_fact_sdt_key
        ) AS state
            ON state.sm_res_session_fact_key = session.sm_res_session_fact_key
            AND state.sm_res_session_fact_sdt_key = session.start_date_time_key
        WHERE state.start_at IS DISTINCT FROM session.start_at
           OR state.end_at IS DISTINCT FROM coalesce(session.end_at, 'infinity')
           OR (session.end_at IS NOT NULL AND state.total_ms IS DISTINCT FROM session.total_duration_ms)
        """,
    ),
    "one state begins where the one before ends, and is another": (
        "SELECT FROM mart.sm_res_state_fact WHERE end_at IS NOT NULL",
        """
        SELECT resource_key, start_at
        FROM (
            SELECT *, lead(start_at) OVER course AS next_at, lead(resource_state_key) OVER course AS next_key
            FROM mart.sm_res_state_fact
            WINDOW course AS (PARTITION BY sm_res_session_fact_key ORDER BY start_at)
        ) AS state
        WHERE next_at IS NOT NULL AND (next_at IS DISTINCT FROM end_at OR next_key = resource_state_key)
        """,
    ),
    "sessions of an agent do not overlap": (
        "SELECT FROM mart.sm_res_session_fact",
        """
        SELECT one.resource_key, one.start_at
        FROM mart.sm_res_session_fact AS one
        JOIN mart.sm_res_session_fact AS other USING (resource_key)
        WHERE other.start_at > one.start_at AND other.start_at < coalesce(one.end_at, 'infinity')
        """,
    ),
    "a pause lies in its session and begins in its state": (
        "SELECT FROM mart.sm_res_state_reason_fact",
        """
        SELECT reason.resource_key, reason.start_at
        FROM mart.sm_res_state_reason_fact AS reason
        LEFT JOIN mart.sm_res_session_fact AS session
            ON session.sm_res_session_fact_key = reason.sm_res_session_fact_key
            AND session.start_date_time_key = reason.sm_res_session_fact_sdt_key
        LEFT JOIN mart.sm_res_state_fact AS state
            ON state.sm_res_state_fact_key = reason.sm_res_state_fact_key
            AND state.start_date_time_key = reason.sm_res_state_fact_sdt_key
        WHERE (session.start_at <= reason.start_at AND state.start_at <= reason.start_at
            AND coalesce(reason.end_at, 'infinity') <= coalesce(session.end_at, 'infinity')
            AND reason.start_at < coalesce(state.end_at, 'infinity')) IS NOT TRUE
        """,
    ),
    "durations are those between the stamps": (
        "SELECT FROM mart.interaction_resource_fact WHERE end_at IS NOT NULL",
        """
        SELECT resource_key, start_at
        FROM (
            SELECT resource_key, start_at, end_at, total_duration_ms FROM mart.interaction_resource_fact
            UNION ALL
            SELECT resource_key, start_at, end_at, total_duration_ms FROM mart.mediation_segment_fact
            UNION ALL
            SELECT resource_key, start_at, end_at, total_duration_ms FROM mart.ixn_resource_state_fact
            UNION ALL
            SELECT resource_key, start_at, end_at, total_duration_ms FROM mart.sm_res_session_fact
            UNION ALL
            SELECT resource_key, start_at, end_at, total_duration_ms FROM mart.sm_res_state_fact
            UNION ALL
            SELECT resource_key, start_at, end_at, total_duration_ms FROM mart.sm_res_state_reason_fact
        ) AS fact
        WHERE total_duration_ms IS DISTINCT FROM mart.epoch_ms(end_at) - mart.epoch_ms(start_at)
           OR total_duration_ms < 0
        """,
    ),
    "dialling and ringing last until the answer": (
        "SELECT FROM mart.interaction_resource_fact WHERE attempt_kind <> 'mediation' AND end_at IS NOT NULL",
        f"""
        SELECT resource_key, start_at
        FROM mart.interaction_resource_fact
        WHERE attempt_kind <> 'mediation'
          AND {WAITING} <> mart.epoch_ms(coalesce(answered_at, end_at)) - mart.epoch_ms(start_at)
        """,
    ),
    "talk and hold of all families last from the answer to the end": (
        "SELECT FROM mart.interaction_resource_fact WHERE answered_at IS NOT NULL AND end_at IS NOT NULL",
        f"""
        SELECT resource_key, start_at
        FROM mart.interaction_resource_fact
        WHERE attempt_kind <> 'mediation'
          AND {SPEAKING} <> coalesce(mart.epoch_ms(end_at) - mart.epoch_ms(answered_at), 0)
        """,
    ),
    "states in an interaction fill the resource's part": (
        "SELECT FROM mart.interaction_resource_fact WHERE attempt_kind <> 'mediation' AND total_duration_ms > 0",
        """
        SELECT part.resource_key, part.start_at
        FROM mart.interaction_resource_fact AS part
        LEFT JOIN (
            SELECT interaction_resource_id, interaction_resource_sdt_key, sum(total_duration_ms) AS total_ms,
                min(start_at) AS start_at, max(end_at) AS end_at, bool_and(continues) AS is_whole
            FROM (
                SELECT *, lead(start_at, 1, end_at) OVER course IS NOT DISTINCT FROM end_at AS continues
                FROM mart.ixn_resource_state_fact
                JOIN mart.interaction_resource_state USING (interaction_resource_state_key)
                WHERE state_name_code <> 'WRAP'
                WINDOW course AS (PARTITION BY interaction_resource_id ORDER BY start_at)
            ) AS stepped
            GROUP BY interaction_resource_id, interaction_resource_sdt_key
        ) AS state
            ON state.interaction_resource_id = part.interaction_resource_id
            AND state.interaction_resource_sdt_key = part.start_date_time_key
        WHERE part.attempt_kind <> 'mediation'
          AND part.total_duration_ms > 0
          AND (
              state.total_ms IS DISTINCT FROM part.total_duration_ms
              OR mart.epoch_ms(state.start_at) IS DISTINCT FROM mart.epoch_ms(part.start_at)
              OR mart.epoch_ms(state.end_at) IS DISTINCT FROM mart.epoch_ms(part.end_at)
              OR state.is_whole IS NOT TRUE
          )
        """,
    ),
    "states in an interaction hang on a resource's part": (
        "SELECT FROM mart.ixn_resource_state_fact",
        """
        SELECT state.resource_key, state.start_at
        FROM mart.ixn_resource_state_fact AS state
        LEFT JOIN mart.interaction_resource_fact AS part
            ON part.interaction_resource_id = state.interaction_resource_id
            AND part.start_date_time_key = state.interaction_resource_sdt_key
        WHERE (part.interaction_id = state.interaction_id AND part.resource_key = state.resource_key) IS NOT TRUE
        """,
    ),
    "every interaction has a resource, and its anchor among them": (
        "SELECT FROM mart.interaction_fact WHERE anchor_id IS NOT NULL",
        """
        SELECT interaction.source_key, interaction.start_at
        FROM mart.interaction_fact AS interaction
        LEFT JOIN mart.interaction_resource_fact AS part USING (interaction_id)
        GROUP BY interaction.interaction_id, interaction.source_key, interaction.start_at, interaction.anchor_id
        HAVING count(part.interaction_id) = 0
            OR count(*) FILTER (WHERE part.irf_anchor = 1) <> (interaction.anchor_id IS NOT NULL)::integer
            OR bool_or(part.irf_anchor = 1 AND part.interaction_resource_id <> interaction.anchor_id)
        """,
    ),
    "what a resource's part refers to is there": (
        "SELECT FROM mart.interaction_resource_fact WHERE mediation_segment_id IS NOT NULL",
        """
        SELECT part.resource_key, part.start_at
        FROM mart.interaction_resource_fact AS part
        LEFT JOIN mart.mediation_segment_fact AS visit
            ON visit.mediation_segment_id = part.mediation_segment_id
            AND visit.start_date_time_key = part.mediation_date_time_key
        LEFT JOIN mart.interaction_resource_fact AS giver
            ON giver.interaction_resource_id = part.received_from_ixn_resource_id
        WHERE (part.mediation_segment_id IS NOT NULL AND visit.interaction_id IS DISTINCT FROM part.interaction_id)
           OR (part.received_from_ixn_resource_id IS NOT NULL
               AND giver.interaction_id IS DISTINCT FROM part.interaction_id)
           OR part.mediation_duration_ms < 0
           OR part.routing_point_duration_ms < 0
           OR part.queue_duration_ms < 0
           OR part.technical_descriptor_key = -1
        """,
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_it_holds_that(told: Told, rule: str) -> None:
    concerned, broken = RULES[rule]
    assert told.mart.execute(concerned).rowcount > 5
    assert told.mart.execute(broken).fetchall() == []


def test_an_agent_is_busy_for_just_as_long_as_in_calls(told: Told) -> None:
    busy: dict[int, int] = dict(
        told.mart.execute(
            """
            SELECT resource_key, sum(total_duration_ms)::bigint
            FROM mart.sm_res_state_fact
            JOIN mart.resource_state USING (resource_state_key)
            WHERE state_name_code = 'BUSY'
            GROUP BY resource_key
            """
        ).fetchall()
    )
    in_calls: dict[int, int] = dict(
        told.mart.execute(
            """
            WITH part AS (
                SELECT resource_key, range_agg(int8range(
                    mart.epoch_ms(CASE WHEN attempt_kind IN ('outbound', 'internal_out', 'consult_out') THEN start_at
                        ELSE answered_at END),
                    mart.epoch_ms(end_at)
                )) AS spans
                FROM mart.interaction_resource_fact
                WHERE end_at IS NOT NULL
                  AND (answered_at IS NOT NULL OR attempt_kind IN ('outbound', 'internal_out', 'consult_out'))
                GROUP BY resource_key
            ),
            logged_in AS (
                SELECT resource_key, range_agg(int8range(mart.epoch_ms(start_at), mart.epoch_ms(end_at))) AS spans
                FROM mart.sm_res_session_fact
                GROUP BY resource_key
            )
            SELECT resource_key, sum(upper(span) - lower(span))::bigint
            FROM part
            JOIN logged_in USING (resource_key)
            CROSS JOIN unnest(part.spans * logged_in.spans) AS span
            GROUP BY resource_key
            """
        ).fetchall()
    )
    assert len(busy) > 5
    assert busy == in_calls
