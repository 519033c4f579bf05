-- The last partition of each partitioned table of the mart, and what its key counts.
-- grain   partitioned table with a rule
-- reads   ops.partition_rule, pg_class, pg_inherits
-- writes  nothing
-- rule    partitions of a table are named for the day on which they begin, and so the last name is that of the last one
SELECT
    rule.key_kind,
    (
        SELECT pg_get_expr(part.relpartbound, part.oid)
        FROM pg_inherits AS link
        JOIN pg_class AS part ON part.oid = link.inhrelid
        WHERE link.inhparent = root.oid
        ORDER BY part.relname DESC
        LIMIT 1
    )
FROM ops.partition_rule AS rule
JOIN pg_namespace AS place ON place.nspname = rule.schema_name
JOIN pg_class AS root ON root.relnamespace = place.oid AND root.relname = rule.table_name AND root.relkind = 'p'
