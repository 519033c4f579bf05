-- Spans of intervals that are requested and due, each to be rebuilt in one transaction.
-- grain   tenant, set, level, run of adjoining intervals within a day; of days within a month
-- reads   ctl.aggregate_request
-- writes  nothing
-- rule    recent before old, lower levels before higher ones, the latest day first; in it the dearest sets
-- parameters  recent_key, day_delay_s, month_delay_s, dearest
SELECT tenant_key, set_name, level, min(date_time_key) AS from_key, max(date_time_key) AS last_key,
    CASE WHEN max(date_time_key) >= %(recent_key)s THEN 1 ELSE 2 END AS zone,
    bool_or(is_redo) AS is_redo
FROM (
    SELECT
        tenant_key,
        set_name,
        level,
        date_time_key,
        min(transaction_id) <= 0 AS is_redo,
        CASE level
            WHEN 'subhr' THEN date_time_key / 86400
            WHEN 'day' THEN agg.level_key('month', date_time_key)
            ELSE date_time_key
        END AS whole,
        date_time_key / CASE level WHEN 'subhr' THEN 900 ELSE 86400 END
            - row_number() OVER (PARTITION BY tenant_key, set_name, level ORDER BY date_time_key) AS run
    FROM ctl.aggregate_request
    GROUP BY tenant_key, set_name, level, date_time_key
    HAVING max(requested_at) <= now() - interval '1 second'
        * CASE level WHEN 'day' THEN %(day_delay_s)s WHEN 'month' THEN %(month_delay_s)s ELSE 0 END
) AS wanted
GROUP BY tenant_key, set_name, level, whole, run
ORDER BY zone, array_position(ARRAY['subhr', 'day', 'month'], level), min(date_time_key) / 86400 DESC, array_position(%(dearest)s::text[], set_name),
    from_key DESC, set_name, tenant_key
