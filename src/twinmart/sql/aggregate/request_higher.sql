-- Ask for the intervals of a higher level that hold a span of a lower one.
-- grain   request
-- reads   nothing
-- writes  ctl.aggregate_request
-- rule    in the transaction that changed the lower level; negative, if somebody asked for it
INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key, transaction_id)
SELECT DISTINCT %(tenant_key)s::integer, %(set_name)s, %(level)s, agg.level_key(%(level)s, touched.key),
    pg_current_xact_id()::text::bigint * CASE WHEN %(is_redo)s THEN -1 ELSE 1 END
FROM (
    SELECT key FROM generate_series(%(from_key)s::bigint, %(to_key)s::bigint - 1, 86400) AS key
    UNION ALL
    SELECT %(to_key)s::bigint - 1
) AS touched
ON CONFLICT DO NOTHING
