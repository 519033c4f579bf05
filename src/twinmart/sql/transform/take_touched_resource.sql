-- Take the agents that have news, each with the moment from which the states are computed anew.
-- grain   agent
-- reads   gidb.touched_resource, leg_resource (temporary), mart.sm_res_state_fact, mart.sm_res_session_fact, mart.sm_res_state_reason_fact
-- writes  gidb.touched_resource, working_resource (temporary)
-- rule    what began before the earliest news stays; of that, what lasts until then (or ends there, and so may turn out to last) is
--         carried over the moment: session, state and pause, each with its own begin. Two days are searched first, since nearly every
--         agent changed state within them
WITH marked AS (
    DELETE FROM gidb.touched_resource AS touched
    USING (SELECT resource_key FROM gidb.touched_resource FOR UPDATE SKIP LOCKED) AS free
    WHERE touched.resource_key = free.resource_key
    RETURNING touched.resource_key, touched.from_at
),
taken AS (
    SELECT resource_key, date_trunc('milliseconds', greatest(min(from_at), 'epoch')) AS from_at
    FROM (SELECT * FROM marked UNION ALL SELECT * FROM leg_resource) AS news
    GROUP BY resource_key
),
latest AS (
    SELECT
        taken.resource_key,
        taken.from_at,
        coalesce(recent.start_at, older.start_at) AS state_at,
        CASE WHEN recent.start_at IS NULL THEN older.end_at ELSE recent.end_at END AS end_at,
        coalesce(recent.resource_state_key, older.resource_state_key) AS resource_state_key,
        coalesce(recent.session_at, older.session_at) AS session_at
    FROM taken
    LEFT JOIN LATERAL (
        SELECT state.start_at, state.end_at, state.resource_state_key, session.start_at AS session_at
        FROM mart.sm_res_state_fact AS state
        JOIN mart.sm_res_session_fact AS session
            ON session.sm_res_session_fact_key = state.sm_res_session_fact_key
            AND session.start_date_time_key = state.sm_res_session_fact_sdt_key
            AND session.tenant_key = state.tenant_key
        WHERE state.resource_key = taken.resource_key
          AND state.start_at < taken.from_at
          AND state.start_date_time_key > mart.date_time_key(taken.from_at) - 172800
          AND state.start_date_time_key <= mart.date_time_key(taken.from_at)
        ORDER BY state.start_at DESC
        LIMIT 1
    ) AS recent ON true
    LEFT JOIN LATERAL (
        SELECT state.start_at, state.end_at, state.resource_state_key, session.start_at AS session_at
        FROM mart.sm_res_state_fact AS state
        JOIN mart.sm_res_session_fact AS session
            ON session.sm_res_session_fact_key = state.sm_res_session_fact_key
            AND session.start_date_time_key = state.sm_res_session_fact_sdt_key
            AND session.tenant_key = state.tenant_key
        WHERE state.resource_key = taken.resource_key AND state.start_at < taken.from_at
        ORDER BY state.start_at DESC
        LIMIT 1
    ) AS older ON recent.start_at IS NULL
)
INSERT INTO working_resource (
    resource_key, from_at, session_at, state_at, resource_state_key, reason_at, reason_key, reason_state_key, reason_state_sdt_key
)
SELECT
    taken.resource_key,
    taken.from_at,
    carried.session_at,
    carried.state_at,
    carried.resource_state_key,
    pause.start_at,
    pause.resource_state_reason_key,
    pause.sm_res_state_fact_key,
    pause.sm_res_state_fact_sdt_key
FROM taken
LEFT JOIN latest AS carried
    ON carried.resource_key = taken.resource_key
    AND carried.state_at IS NOT NULL
    AND coalesce(carried.end_at, 'infinity') >= taken.from_at
LEFT JOIN LATERAL (
    SELECT reason.start_at, reason.resource_state_reason_key, reason.sm_res_state_fact_key, reason.sm_res_state_fact_sdt_key
    FROM mart.sm_res_state_reason_fact AS reason
    WHERE reason.resource_key = taken.resource_key
      AND reason.start_at < taken.from_at
      AND coalesce(reason.end_at, 'infinity') >= taken.from_at
      AND reason.start_date_time_key >= mart.date_time_key(carried.session_at)
      AND reason.start_date_time_key <= mart.date_time_key(taken.from_at)
    ORDER BY reason.start_at DESC
    LIMIT 1
) AS pause ON carried.state_at IS NOT NULL
