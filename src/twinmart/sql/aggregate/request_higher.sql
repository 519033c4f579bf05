-- Ask for the intervals of a higher level that hold a span of a lower one.
-- grain   request
-- reads   nothing
-- writes  ctl.aggregate_request
-- rule    in the transaction that changed the lower level
INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key)
SELECT DISTINCT %(tenant_key)s::integer, %(set_name)s, %(level)s, agg.level_key(%(level)s, key)
FROM generate_series(%(from_key)s::bigint, %(to_key)s::bigint - 1, 86400) AS key
UNION
SELECT %(tenant_key)s::integer, %(set_name)s, %(level)s, agg.level_key(%(level)s, %(to_key)s::bigint - 1)
ON CONFLICT DO NOTHING
