-- The partitioned tables of the mart with the rule for their partitions and the bounds of those they have.
-- grain   one row a partitioned table that is no partition itself
-- reads   pg_class, pg_namespace, pg_partitioned_table, pg_inherits, ops.partition_rule
-- writes  nothing
-- rule    a table without a rule is returned too, with NULLs, so that nobody overlooks it
SELECT
    place.nspname AS schema_name,
    root.relname AS table_name,
    rule.key_kind,
    rule.interval_days,
    ARRAY(
        SELECT pg_get_expr(part.relpartbound, part.oid)
        FROM pg_inherits AS link
        JOIN pg_class AS part ON part.oid = link.inhrelid
        WHERE link.inhparent = root.oid
    ) AS bounds
FROM pg_class AS root
JOIN pg_namespace AS place ON place.oid = root.relnamespace
LEFT JOIN ops.partition_rule AS rule ON rule.schema_name = place.nspname AND rule.table_name = root.relname
WHERE root.relkind = 'p'
  AND NOT root.relispartition
  AND (place.nspname IN ('gidb', 'ctl', 'mart', 'agg') OR starts_with(place.nspname, 'idb_'))
ORDER BY place.nspname, root.relname
