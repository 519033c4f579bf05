-- Ask for the intervals that states which go on have grown into since the horizon was moved last.
-- grain   request
-- reads   ctl.extract_watermark, cfg.collector, ctl.aggregate_horizon, mart.ixn_resource_state_fact, mart.sm_res_state_fact,
--         mart.sm_res_state_reason_fact
-- writes  ctl.aggregate_request
-- rule    from the interval of the old horizon, or of the begin of the state if that is later, to that of the new one
WITH horizon AS (
    SELECT collector.source_key, max(mark.last_event_at) AS to_at, max(known.reached_at) AS from_at
    FROM ctl.extract_watermark AS mark
    JOIN cfg.collector AS collector USING (collector_key)
    LEFT JOIN ctl.aggregate_horizon AS known USING (source_key)
    GROUP BY collector.source_key
    HAVING max(mark.last_event_at) > coalesce(max(known.reached_at), '-infinity')
),
going_on AS (
    SELECT tenant_key, source_key, 'i_agent' AS set_name, min(start_date_time_key) AS from_key
    FROM mart.ixn_resource_state_fact
    WHERE end_date_time_key IS DISTINCT FROM start_date_time_key AND coalesce(end_date_time_key, 9223372036854775807) = 9223372036854775807
    GROUP BY tenant_key, source_key
    UNION ALL
    SELECT tenant_key, source_key, 'i_sess_state', min(start_date_time_key)
    FROM mart.sm_res_state_fact
    WHERE end_date_time_key IS DISTINCT FROM start_date_time_key AND coalesce(end_date_time_key, 9223372036854775807) = 9223372036854775807
    GROUP BY tenant_key, source_key
    UNION ALL
    SELECT tenant_key, source_key, 'i_state_rsn', min(start_date_time_key)
    FROM mart.sm_res_state_reason_fact
    WHERE end_date_time_key IS DISTINCT FROM start_date_time_key AND coalesce(end_date_time_key, 9223372036854775807) = 9223372036854775807
    GROUP BY tenant_key, source_key
)
INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key)
SELECT DISTINCT going_on.tenant_key, going_on.set_name, 'subhr', touched.key
FROM going_on
JOIN horizon USING (source_key)
CROSS JOIN LATERAL generate_series(
    greatest(going_on.from_key, mart.date_time_key(horizon.from_at)), mart.date_time_key(horizon.to_at), 900
) AS touched (key)
ON CONFLICT DO NOTHING
