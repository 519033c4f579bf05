-- Rows of mart.sm_res_state_fact for the working agents.
-- grain   agent, state
-- reads   agent_course (temporary), agent_session (temporary), mart.resource_
-- writes  nothing
-- rule    adjoining pieces of one session in the same state are one row; the rows tile the session
WITH pieced AS (
    SELECT
        course.*,
        session.start_ms AS session_ms,
        session.first_ms,
        lag(course.resource_state_key) OVER (PARTITION BY course.resource_key, session.first_ms ORDER BY course.at_ms)
            IS DISTINCT FROM course.resource_state_key AS begins
    FROM agent_course AS course
    JOIN agent_session AS session
        ON session.resource_key = course.resource_key
        AND course.at_ms >= session.first_ms
        AND course.at_ms < coalesce(session.end_ms, 9223372036854775807)
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY resource_key ORDER BY at_ms) AS state_no
    FROM pieced
),
state AS (
    SELECT resource_key, session_ms, state_no, resource_state_key, min(at_ms) AS start_ms,
        CASE WHEN bool_and(until_ms IS NOT NULL) THEN max(until_ms) END AS end_ms
    FROM numbered
    GROUP BY resource_key, session_ms, state_no, resource_state_key
)
SELECT
    1 AS tenant_key,
    state.start_ms / 900000 * 900 AS start_date_time_key,
    mart.fact_key(state.start_ms, 'AGENTSTATE|' || state.resource_key) AS sm_res_state_fact_key,
    resource.source_key,
    1 AS media_type_key,
    state.resource_key,
    -2::bigint AS resource_group_combination_key,
    state.resource_state_key,
    mart.fact_key(state.session_ms, 'SESSION|' || state.resource_key) AS sm_res_session_fact_key,
    state.session_ms / 900000 * 900 AS sm_res_session_fact_sdt_key,
    to_timestamp(state.start_ms / 1000.0) AS start_at,
    to_timestamp(state.end_ms / 1000.0) AS end_at,
    state.end_ms / 900000 * 900 AS end_date_time_key,
    state.end_ms - state.start_ms AS total_duration_ms,
    (state.end_ms IS NULL)::integer::smallint AS active_flag
FROM state
JOIN mart.resource_ AS resource USING (resource_key)
