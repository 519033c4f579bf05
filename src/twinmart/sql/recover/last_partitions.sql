-- The last partition of each partitioned table of the mart, and what its key counts.
-- grain   partitioned table with a rule
-- reads   ops.partition_rule, pg_class
-- writes  nothing
-- rule    partitions are named for the day on which they begin, a multiple of their width since the epoch: asked for by name from 60 days
--         ahead on, since a mart of years has thousands of them. Where none reaches to this day there is none
SELECT rule.key_kind, (SELECT pg_get_expr(part.relpartbound, part.oid) FROM pg_class AS part WHERE part.oid = last.part)
FROM ops.partition_rule AS rule
JOIN pg_namespace AS place ON place.nspname = rule.schema_name
JOIN pg_class AS root ON root.relnamespace = place.oid AND root.relname = rule.table_name AND root.relkind = 'p'
LEFT JOIN LATERAL (
    SELECT named.part
    FROM generate_series(60, 0, -1) AS ahead
    CROSS JOIN LATERAL (
        SELECT (extract(epoch FROM now())::bigint / 86400 + ahead) / rule.interval_days * rule.interval_days AS day
    ) AS begun
    CROSS JOIN LATERAL (
        SELECT to_regclass(
            quote_ident(rule.schema_name) || '.' || quote_ident(
                rule.table_name || '_p' || to_char(timestamp 'epoch' + begun.day * interval '1 day', 'YYYYMMDD')
            )
        )::oid AS part
    ) AS named
    WHERE named.part IS NOT NULL
    LIMIT 1
) AS last ON true
