-- Agent login-logout details: when agents were logged in, cut at midnight of the zone.
-- grain   day of the zone, session of an agent
-- reads   mart.sm_res_session_fact, mart.report_resource, mart.media_type
-- writes  nothing
-- rule    a session is from the first queue or device logged in to, to the last logged out of; over midnight it is a row for each day;
--         one that lasts has no logout and counts up to now
WITH day AS (
    SELECT
        greatest(to_timestamp(start_key), %(from_at)s) AS start_at,
        least(to_timestamp(end_key), %(to_at)s) AS end_at,
        label_key
    FROM unnest(%(starts)s::bigint[], %(ends)s::bigint[], %(labels)s::bigint[]) AS span (start_key, end_key, label_key)
), session AS (
    SELECT sm_res_session_fact_key AS id, resource_key, media_type_key, start_at, end_at, abnormal_flag
    FROM mart.sm_res_session_fact
    WHERE start_date_time_key BETWEEN mart.date_time_key(%(from_at)s) - 86400 AND mart.date_time_key(%(to_at)s)
    UNION ALL
    SELECT sm_res_session_fact_key, resource_key, media_type_key, start_at, end_at, abnormal_flag
    FROM mart.sm_res_session_fact
    WHERE start_date_time_key < mart.date_time_key(%(from_at)s) - 86400
      AND start_at < %(from_at)s
      AND (total_duration_ms IS NULL OR total_duration_ms > 86400000)
)
SELECT
    greatest(session.start_at, day.start_at) AS login_at,
    CASE WHEN session.end_at IS NOT NULL OR day.end_at <= now() THEN least(session.end_at, day.end_at) END AS logout_at,
    agent.name AS agent,
    agent.natural_name AS agent_login,
    media.media_name AS media_type,
    (mart.epoch_ms(least(session.end_at, day.end_at, now())) - mart.epoch_ms(greatest(session.start_at, day.start_at))) / 1000.0
        AS active_time_s,
    session.start_at AS session_start_at,
    session.end_at AS session_end_at,
    session.abnormal_flag = 1 AS ended_with_the_switch,
    to_timestamp(day.label_key) AS day_at,
    session.id::text AS session_id,
    agent.source,
    agent.site,
    agent.tenant
FROM session
JOIN day ON session.start_at < day.end_at AND (session.end_at IS NULL OR session.end_at > day.start_at) AND day.start_at < now()
JOIN mart.report_resource AS agent USING (resource_key)
JOIN mart.media_type AS media USING (media_type_key)
WHERE (%(agent)s::text[] IS NULL OR agent.name = ANY (%(agent)s) OR agent.natural_name = ANY (%(agent)s))
  AND (%(group)s::text[] IS NULL OR agent.resource_key = ANY (%(group_members)s::bigint[]))
  AND (%(source)s::text[] IS NULL OR agent.source = ANY (%(source)s))
  AND (%(site)s::int[] IS NULL OR agent.site = ANY (%(site)s))
  AND (%(tenant)s::text[] IS NULL OR agent.tenant = ANY (%(tenant)s))
ORDER BY 1, agent.name, agent.resource_key, session.id
