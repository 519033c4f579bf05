-- The partitions that hold anything, by the tables that cross the link: only these need be read.
-- grain   partitioned table
-- reads   ops.replicated_table, the catalog, the sizes of the partitions' files
-- writes  nothing
-- rule    a partition without a block has no row at the moment when it is asked; statistics would not tell for certain
SELECT
    root.schema_name || '.' || root.table_name AS table_name,
    ARRAY(
        SELECT pg_get_expr(part.relpartbound, part.oid)
        FROM pg_inherits AS link
        JOIN pg_class AS part ON part.oid = link.inhrelid
        WHERE link.inhparent = root.table_oid AND pg_relation_size(part.oid) IS DISTINCT FROM 0
    ) AS bounds
FROM ops.replicated_table AS root
WHERE root.is_partitioned
