-- Rows of I_SESS_STATE: what the states of an agent add to each interval that they touch, and begin and end of sessions.
-- grain   agent, medium, state, interval; begin or end of a session
-- reads   mart.sm_res_state_fact, mart.sm_res_session_fact, ctl.aggregate_horizon
-- writes  nothing
-- rule    clipped at the ends of the interval, so that its parts add up to the millisecond; counted where it begins. What has no end counts
--         up to the horizon of its source. States tile a session, so all of them are the time logged in
-- parameters  tenant_key, from_key, to_key
SELECT
    piece.tenant_key,
    piece.date_time_key,
    piece.resource_key,
    piece.media_type_key,
    piece.login,
    piece.logout,
    piece.clipped_ms AS active_time_ms,
    CASE WHEN piece.resource_state_key = 1 THEN piece.begun ELSE 0 END AS logged_on_only,
    CASE WHEN piece.resource_state_key = 1 THEN piece.clipped_ms ELSE 0 END AS logged_on_only_time_ms,
    CASE WHEN piece.resource_state_key = 2 THEN piece.begun ELSE 0 END AS ready,
    CASE WHEN piece.resource_state_key = 2 THEN piece.clipped_ms ELSE 0 END AS ready_time_ms,
    CASE WHEN piece.resource_state_key = 3 THEN piece.begun ELSE 0 END AS not_ready,
    CASE WHEN piece.resource_state_key = 3 THEN piece.clipped_ms ELSE 0 END AS not_ready_time_ms,
    CASE WHEN piece.resource_state_key = 5 THEN piece.begun ELSE 0 END AS busy,
    CASE WHEN piece.resource_state_key = 5 THEN piece.clipped_ms ELSE 0 END AS busy_time_ms,
    CASE WHEN piece.resource_state_key = 4 THEN piece.begun ELSE 0 END AS wrap,
    CASE WHEN piece.resource_state_key = 4 THEN piece.clipped_ms ELSE 0 END AS wrap_time_ms
FROM (
    SELECT
        tenant_key,
        date_time_key,
        resource_key,
        media_type_key,
        0 AS login,
        0 AS logout,
        resource_state_key,
        sum(begun) AS begun,
        sum(clipped_ms) AS clipped_ms
    FROM (
        SELECT
            tenant_key,
            start_date_time_key AS date_time_key,
            resource_key,
            media_type_key,
            resource_state_key,
            1 AS begun,
            greatest(mart.epoch_ms(end_at) - mart.epoch_ms(start_at), 0)::integer AS clipped_ms
        FROM mart.sm_res_state_fact
        WHERE tenant_key = %(tenant_key)s
          AND start_date_time_key >= %(from_key)s
          AND start_date_time_key < %(to_key)s
          AND end_date_time_key = start_date_time_key
        UNION ALL
        SELECT
            tenant_key,
            date_time_key,
            resource_key,
            media_type_key,
            resource_state_key,
            (date_time_key = start_date_time_key)::integer,
            greatest(least(end_ms, date_time_key * 1000 + 900000) - greatest(start_ms, date_time_key * 1000), 0)::integer
        FROM (
            SELECT
                crossing.*,
                generate_series(
                    greatest(start_date_time_key, %(from_key)s),
                    least(greatest(start_ms, end_ms - 1) / 900000 * 900, %(to_key)s - 900),
                    900
                ) AS date_time_key
            FROM (
                SELECT
                    fact.*,
                    mart.epoch_ms(fact.start_at) AS start_ms,
                    mart.epoch_ms(coalesce(fact.end_at, greatest(horizon.reached_at, fact.start_at))) AS end_ms
                FROM mart.sm_res_state_fact AS fact
                LEFT JOIN ctl.aggregate_horizon AS horizon USING (source_key)
                WHERE fact.tenant_key = %(tenant_key)s
                  AND fact.start_date_time_key < %(to_key)s
                  AND fact.end_date_time_key IS DISTINCT FROM fact.start_date_time_key
                  AND coalesce(fact.end_date_time_key, 9223372036854775807) >= %(from_key)s
                OFFSET 0
            ) AS crossing
        ) AS lasting
    ) AS state
    GROUP BY tenant_key, date_time_key, resource_key, media_type_key, resource_state_key
    UNION ALL
    SELECT tenant_key, start_date_time_key, resource_key, media_type_key, 1, 0, -2, 0, 0
    FROM mart.sm_res_session_fact
    WHERE tenant_key = %(tenant_key)s AND start_date_time_key >= %(from_key)s AND start_date_time_key < %(to_key)s
    UNION ALL
    SELECT tenant_key, end_date_time_key, resource_key, media_type_key, 0, 1, -2, 0, 0
    FROM mart.sm_res_session_fact
    WHERE tenant_key = %(tenant_key)s
      AND start_date_time_key < %(to_key)s
      AND coalesce(end_date_time_key, 9223372036854775807) >= %(from_key)s
      AND end_date_time_key < %(to_key)s
) AS piece
