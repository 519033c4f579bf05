-- The tables and partitions that hold rows which cross the link, the largest first.
-- grain   one row a table or partition with storage of its own
-- reads   ops.replicated_table
-- writes  nothing
-- rule    partitions without a row are left out by their size, tables are not
SELECT schema_name, table_name, pg_table_size(table_oid)
FROM ops.replicated_table
WHERE NOT is_partitioned
  AND (NOT is_partition OR pg_relation_size(table_oid) > 0)
ORDER BY 3 DESC, 1, 2
