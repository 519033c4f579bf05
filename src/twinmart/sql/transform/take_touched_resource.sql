-- Take the agents that have news, each with the moment from which the states are computed anew.
-- grain   agent
-- reads   gidb.touched_resource, leg_resource (temporary), mart.sm_res_state_fact, mart.sm_res_session_fact, mart.sm_res_state_reason_fact
-- writes  gidb.touched_resource, working_resource (temporary)
-- rule    everything from the begin of the last state before the earliest news; a session or pause that goes on over that moment keeps
--         its own begin. Two days are searched first, since nearly every agent changed state within them
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
started AS (
    SELECT taken.resource_key, coalesce(recent.start_at, older.start_at) AS window_at,
        coalesce(recent.session_at, older.session_at) AS session_at
    FROM taken
    LEFT JOIN LATERAL (
        SELECT state.start_at, session.start_at AS session_at
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
        SELECT state.start_at, session.start_at AS session_at
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
INSERT INTO working_resource (resource_key, window_at, session_at, reason_at, reason_state_key, reason_state_sdt_key)
SELECT
    started.resource_key,
    coalesce(started.window_at, 'epoch'),
    started.session_at,
    pause.start_at,
    pause.sm_res_state_fact_key,
    pause.sm_res_state_fact_sdt_key
FROM started
LEFT JOIN LATERAL (
    SELECT start_at, sm_res_state_fact_key, sm_res_state_fact_sdt_key
    FROM mart.sm_res_state_reason_fact AS reason
    WHERE reason.resource_key = started.resource_key
      AND reason.start_at < started.window_at
      AND coalesce(reason.end_at, 'infinity') > started.window_at
      AND reason.start_date_time_key >= mart.date_time_key(started.session_at)
      AND reason.start_date_time_key <= mart.date_time_key(started.window_at)
    ORDER BY reason.start_at DESC
    LIMIT 1
) AS pause ON started.window_at IS NOT NULL
