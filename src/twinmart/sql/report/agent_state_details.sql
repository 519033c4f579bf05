-- Agent state details: the states of agents one after the other, with the reasons of being not ready, cut at midnight of the zone.
-- grain   day of the zone, state or reason of an agent
-- reads   mart.sm_res_state_fact, mart.sm_res_state_reason_fact, mart.report_resource, mart.resource_state, mart.resource_state_reason
-- writes  nothing
-- rule    a state over midnight is a row for each day; one that lasts has no end and counts up to now; a state with reasons has a row for
--         itself and one for each reason, told apart by the row's kind
WITH day AS (
    SELECT
        greatest(to_timestamp(start_key), %(from_at)s) AS start_at,
        least(to_timestamp(end_key), %(to_at)s) AS end_at,
        label_key
    FROM unnest(%(starts)s::bigint[], %(ends)s::bigint[], %(labels)s::bigint[]) AS span (start_key, end_key, label_key)
), course AS (
    SELECT
        'state' AS kind, sm_res_state_fact_key AS id, resource_key, media_type_key, resource_state_key,
        NULL::bigint AS resource_state_reason_key, start_at, end_at
    FROM mart.sm_res_state_fact
    WHERE start_date_time_key BETWEEN mart.date_time_key(%(from_at)s) - 86400 AND mart.date_time_key(%(to_at)s)
    UNION ALL
    SELECT 'state', sm_res_state_fact_key, resource_key, media_type_key, resource_state_key, NULL, start_at, end_at
    FROM mart.sm_res_state_fact
    WHERE start_date_time_key < mart.date_time_key(%(from_at)s) - 86400
      AND start_at < %(from_at)s
      AND (total_duration_ms IS NULL OR total_duration_ms > 86400000)
    UNION ALL
    SELECT
        'reason', sm_res_state_reason_fact_key, resource_key, media_type_key, resource_state_key, resource_state_reason_key,
        start_at, end_at
    FROM mart.sm_res_state_reason_fact
    WHERE start_date_time_key BETWEEN mart.date_time_key(%(from_at)s) - 86400 AND mart.date_time_key(%(to_at)s)
    UNION ALL
    SELECT
        'reason', sm_res_state_reason_fact_key, resource_key, media_type_key, resource_state_key, resource_state_reason_key,
        start_at, end_at
    FROM mart.sm_res_state_reason_fact
    WHERE start_date_time_key < mart.date_time_key(%(from_at)s) - 86400
      AND start_at < %(from_at)s
      AND (total_duration_ms IS NULL OR total_duration_ms > 86400000)
)
SELECT
    greatest(course.start_at, day.start_at) AS start_at,
    CASE WHEN course.end_at IS NOT NULL OR day.end_at <= now() THEN least(course.end_at, day.end_at) END AS end_at,
    agent.name AS agent,
    agent.natural_name AS agent_login,
    course.kind,
    state.state_type,
    state.state_name AS state,
    reason.reason_type AS reason_code_type,
    reason.software_reason AS reason_code,
    (mart.epoch_ms(least(course.end_at, day.end_at, now())) - mart.epoch_ms(greatest(course.start_at, day.start_at))) / 1000.0
        AS duration_s,
    to_timestamp(day.label_key) AS day_at,
    agent.source,
    agent.site,
    agent.tenant
FROM course
JOIN day ON course.start_at < day.end_at AND (course.end_at IS NULL OR course.end_at > day.start_at)
    AND day.start_at < now()
JOIN mart.report_resource AS agent USING (resource_key)
JOIN mart.resource_state AS state USING (resource_state_key)
LEFT JOIN mart.resource_state_reason AS reason USING (resource_state_reason_key)
WHERE (%(agent)s::text[] IS NULL OR agent.name = ANY (%(agent)s) OR agent.natural_name = ANY (%(agent)s))
  AND (%(group)s::text[] IS NULL OR agent.resource_key = ANY (%(group_members)s::bigint[]))
  AND (%(source)s::text[] IS NULL OR agent.source = ANY (%(source)s))
  AND (%(site)s::int[] IS NULL OR agent.site = ANY (%(site)s))
  AND (%(tenant)s::text[] IS NULL OR agent.tenant = ANY (%(tenant)s))
ORDER BY 1, agent.name, agent.resource_key, course.kind DESC, course.id
