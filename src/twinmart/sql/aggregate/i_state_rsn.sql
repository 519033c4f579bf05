-- Rows of I_STATE_RSN: what one span of a reason adds to each interval that it touches.
-- grain   reason of an agent's state, interval
-- reads   mart.sm_res_state_reason_fact, ctl.aggregate_horizon
-- writes  nothing
-- rule    clipped at the ends of the interval, so that its parts add up to the millisecond; counted where it begins. What has no end counts
--         up to the horizon of its source
-- parameters  tenant_key, from_key, to_key
SELECT
    reason.tenant_key,
    touched.date_time_key,
    reason.resource_key,
    reason.media_type_key,
    reason.resource_state_key,
    reason.resource_state_reason_key,
    (touched.date_time_key = reason.start_date_time_key)::integer AS state_rsn,
    greatest(least(reason.end_ms, touched.date_time_key * 1000 + 900000) - greatest(reason.start_ms, touched.date_time_key * 1000), 0)
        ::integer AS state_rsn_time_ms
FROM (
    SELECT
        fact.*,
        mart.epoch_ms(fact.start_at) AS start_ms,
        mart.epoch_ms(coalesce(fact.end_at, greatest(horizon.reached_at, fact.start_at))) AS end_ms
    FROM mart.sm_res_state_reason_fact AS fact
    LEFT JOIN ctl.aggregate_horizon AS horizon USING (source_key)
    WHERE fact.tenant_key = %(tenant_key)s
      AND fact.start_date_time_key < %(to_key)s
      AND (
          fact.start_date_time_key >= %(from_key)s
          OR fact.end_date_time_key IS DISTINCT FROM fact.start_date_time_key
              AND coalesce(fact.end_date_time_key, 9223372036854775807) >= %(from_key)s
      )
) AS reason
CROSS JOIN LATERAL generate_series(
    greatest(reason.start_date_time_key, %(from_key)s),
    least(greatest(reason.start_ms, reason.end_ms - 1) / 900000 * 900, %(to_key)s - 900),
    900
) AS touched (date_time_key)
