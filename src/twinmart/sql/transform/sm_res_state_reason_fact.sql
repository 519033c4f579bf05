-- Rows of mart.sm_res_state_reason_fact for the working agents.
-- grain   agent, pause with one reason
-- reads   agent_course (temporary), agent_session (temporary), new_sm_res_state_fact (temporary), working_resource (temporary), mart.resource_
-- writes  nothing
-- rule    from the pause in the last open queue until the first is open again; another reason is another row. A pause is one span even
--         where the agent is busy within it, so its length is what agents and their supervisors call the break
WITH pieced AS (
    SELECT
        course.resource_key,
        course.at_ms,
        course.until_ms,
        course.is_carried,
        course.reason,
        session.start_ms AS session_ms,
        lag(course.until_ms) OVER run IS DISTINCT FROM course.at_ms OR lag(course.reason) OVER run IS DISTINCT FROM course.reason
            OR lag(session.start_ms) OVER run IS DISTINCT FROM session.start_ms AS begins
    FROM agent_course AS course
    JOIN agent_session AS session
        ON session.resource_key = course.resource_key
        AND course.at_ms >= session.first_ms
        AND course.at_ms < coalesce(session.end_ms, 9223372036854775807)
    WHERE course.is_paused
    WINDOW run AS (PARTITION BY course.resource_key ORDER BY course.at_ms)
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY resource_key ORDER BY at_ms) AS pause_no
    FROM pieced
),
pause AS (
    SELECT resource_key, session_ms, pause_no, reason, min(at_ms) AS first_ms, bool_or(is_carried) AS is_carried,
        CASE WHEN bool_and(until_ms IS NOT NULL) THEN max(until_ms) END AS end_ms
    FROM numbered
    GROUP BY resource_key, session_ms, pause_no, reason
),
begun AS (
    SELECT
        pause.*,
        CASE WHEN pause.is_carried THEN mart.epoch_ms(resource.reason_at) ELSE pause.first_ms END AS start_ms,
        CASE WHEN pause.is_carried THEN resource.reason_state_key END AS carried_key,
        resource.reason_state_sdt_key AS carried_sdt_key
    FROM pause
    JOIN working_resource AS resource USING (resource_key)
)
SELECT
    1 AS tenant_key,
    begun.start_ms / 900000 * 900 AS start_date_time_key,
    mart.fact_key(begun.start_ms, 'PAUSE|' || begun.resource_key) AS sm_res_state_reason_fact_key,
    resource.source_key,
    1 AS media_type_key,
    begun.resource_key,
    -2::bigint AS resource_group_combination_key,
    3 AS resource_state_key,
    CASE
        WHEN begun.reason IS NULL THEN -2
        ELSE mart.dimension_key('REASON|' || begun.reason)
    END AS resource_state_reason_key,
    coalesce(begun.carried_key, state.sm_res_state_fact_key) AS sm_res_state_fact_key,
    CASE WHEN begun.carried_key IS NOT NULL THEN begun.carried_sdt_key ELSE state.start_date_time_key END AS sm_res_state_fact_sdt_key,
    mart.fact_key(begun.session_ms, 'SESSION|' || begun.resource_key) AS sm_res_session_fact_key,
    begun.session_ms / 900000 * 900 AS sm_res_session_fact_sdt_key,
    to_timestamp(begun.start_ms / 1000.0) AS start_at,
    to_timestamp(begun.end_ms / 1000.0) AS end_at,
    begun.end_ms / 900000 * 900 AS end_date_time_key,
    begun.end_ms - begun.start_ms AS total_duration_ms,
    (begun.end_ms IS NULL)::integer::smallint AS active_flag
FROM begun
JOIN mart.resource_ AS resource USING (resource_key)
LEFT JOIN new_sm_res_state_fact AS state
    ON state.resource_key = begun.resource_key
    AND mart.epoch_ms(state.start_at) <= begun.first_ms
    AND begun.first_ms < coalesce(mart.epoch_ms(state.end_at), 9223372036854775807)
