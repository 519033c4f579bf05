-- The partitions of one table with their bounds and sizes.
-- grain   partition
-- reads   pg_inherits, pg_class, pg_namespace
-- writes  nothing
-- rule    the size counts indexes too
SELECT
    place.nspname AS schema_name,
    part.relname AS table_name,
    pg_get_expr(part.relpartbound, part.oid) AS bound,
    pg_total_relation_size(part.oid) AS bytes
FROM pg_inherits AS link
JOIN pg_class AS part ON part.oid = link.inhrelid
JOIN pg_namespace AS place ON place.oid = part.relnamespace
WHERE link.inhparent = to_regclass(%(root)s)
ORDER BY part.relname
