-- How many conflicts have stopped a subscription from applying.
-- grain   one row
-- reads   pg_stat_subscription_stats
-- writes  nothing
-- rule    the three kinds that PostgreSQL 18 takes for errors; older servers do not count them, and the answer is NULL
SELECT
    (to_jsonb(stats) ->> 'confl_insert_exists')::bigint
    + (to_jsonb(stats) ->> 'confl_update_exists')::bigint
    + (to_jsonb(stats) ->> 'confl_multiple_unique_conflicts')::bigint AS conflicts
FROM pg_stat_subscription_stats AS stats
WHERE stats.subname = %(name)s
