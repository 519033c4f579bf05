-- Sessions of the working agents, from the moment of recomputation on.
-- grain   agent, session
-- reads   agent_course (temporary), working_resource (temporary), member_span (temporary)
-- writes  nothing
-- rule    adjoining pieces are one session; one that went on when the recomputation begins keeps its start
WITH stepped AS (
    SELECT *, lag(until_ms) OVER (PARTITION BY resource_key ORDER BY at_ms) IS DISTINCT FROM at_ms AS begins
    FROM agent_course
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY resource_key ORDER BY at_ms) AS session_no
    FROM stepped
),
session AS (
    SELECT resource_key, session_no, min(at_ms) AS first_ms, bool_or(is_carried) AS is_carried,
        CASE WHEN bool_and(until_ms IS NOT NULL) THEN max(until_ms) END AS end_ms
    FROM numbered
    GROUP BY resource_key, session_no
)
SELECT
    session.resource_key,
    session.first_ms,
    session.end_ms,
    CASE WHEN session.is_carried THEN mart.epoch_ms(resource.session_at) ELSE session.first_ms END AS start_ms,
    EXISTS (
        SELECT
        FROM member_span AS span
        WHERE span.resource_key = session.resource_key AND span.is_abnormal AND mart.epoch_ms(span.end_at) = session.end_ms
    ) AS is_abnormal
FROM session
JOIN working_resource AS resource USING (resource_key)
