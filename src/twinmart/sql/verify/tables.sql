-- The tables that cross the link, with their columns and keys, as a verification compares them.
-- grain   table that is no partition
-- reads   ops.replicated_table, the catalog
-- writes  nothing
-- rule    columns by name, so that their order may differ; the heartbeat never stands still and is left out
SELECT
    replicated.schema_name,
    replicated.table_name,
    ARRAY(
        SELECT attname::text
        FROM pg_attribute
        WHERE attrelid = replicated.table_oid AND attnum > 0 AND NOT attisdropped
        ORDER BY attname::text COLLATE "C"
    ) AS columns,
    ARRAY(
        SELECT format_type(atttypid, NULL)
        FROM pg_attribute
        WHERE attrelid = replicated.table_oid AND attnum > 0 AND NOT attisdropped
        ORDER BY attname::text COLLATE "C"
    ) AS types,
    ARRAY(
        SELECT attname::text
        FROM pg_attribute
        WHERE attrelid = replicated.table_oid AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum
    ) AS as_stored,
    ARRAY(
        SELECT attribute.attname::text
        FROM pg_index AS index
        JOIN pg_attribute AS attribute ON attribute.attrelid = index.indrelid AND attribute.attnum = ANY (index.indkey)
        WHERE index.indrelid = replicated.table_oid AND index.indisprimary
        ORDER BY attribute.attname::text COLLATE "C"
    ) AS key,
    (
        SELECT attribute.attname::text
        FROM pg_partitioned_table AS divided
        JOIN pg_attribute AS attribute ON attribute.attrelid = divided.partrelid AND attribute.attnum = divided.partattrs[0]
        WHERE divided.partrelid = replicated.table_oid
    ) AS partition_column
FROM ops.replicated_table AS replicated
WHERE NOT replicated.is_partition
  AND replicated.has_key
  AND (replicated.schema_name, replicated.table_name) <> ('ctl', 'heartbeat')
ORDER BY replicated.schema_name, replicated.table_name
