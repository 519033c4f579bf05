-- Rows of mart.sm_res_session_fact for the working agents.
-- grain   agent, session
-- reads   agent_session (temporary), mart.resource_
-- writes  nothing
-- rule    from the first queue served to the last
SELECT
    1 AS tenant_key,
    session.start_ms / 900000 * 900 AS start_date_time_key,
    mart.fact_key(session.start_ms, 'SESSION|' || session.resource_key) AS sm_res_session_fact_key,
    resource.source_key,
    1 AS media_type_key,
    session.resource_key,
    -2::bigint AS resource_group_combination_key,
    to_timestamp(session.start_ms / 1000.0) AS start_at,
    to_timestamp(session.end_ms / 1000.0) AS end_at,
    session.end_ms / 900000 * 900 AS end_date_time_key,
    session.end_ms - session.start_ms AS total_duration_ms,
    session.is_abnormal::integer::smallint AS abnormal_flag,
    (session.end_ms IS NULL)::integer::smallint AS active_flag
FROM agent_session AS session
JOIN mart.resource_ AS resource USING (resource_key)
