-- What is requested and not rebuilt yet.
-- grain   set, level
-- reads   ctl.aggregate_request
-- writes  nothing
-- rule    an interval that was asked for several times counts once
SELECT
    set_name,
    level,
    count(DISTINCT (tenant_key, date_time_key)) AS intervals,
    to_timestamp(min(date_time_key)) AS first_at,
    to_timestamp(max(date_time_key)) AS last_at,
    min(requested_at) AS requested_at
FROM ctl.aggregate_request
GROUP BY set_name, level
ORDER BY set_name, array_position(ARRAY['subhr', 'day', 'month'], level)
