-- What replication needs to be alike at both sites: columns, keys and indexes of the tables that cross the link.
-- grain   one row a table, column, key and index
-- reads   ops.replicated_table
-- writes  nothing
-- rule    names and definitions only, never object numbers, so that two databases can be compared; TimeZone is UTC
SELECT 'table' AS kind, schema_name || '.' || table_name AS name, '' AS definition
FROM ops.replicated_table
WHERE NOT is_partition
UNION ALL
SELECT
    'column',
    schema_name || '.' || table_name || '.' || attname,
    format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END
        || CASE WHEN attgenerated <> '' THEN ' generated' ELSE '' END
FROM ops.replicated_table
JOIN pg_attribute ON attrelid = table_oid AND attnum > 0 AND NOT attisdropped
WHERE NOT is_partition
UNION ALL
SELECT
    CASE WHEN indisprimary THEN 'key' ELSE 'index' END,
    schema_name || '.' || table_name || '.' || relname,
    regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', '') || CASE WHEN indisunique THEN ' unique' ELSE '' END
FROM ops.replicated_table
JOIN pg_index ON indrelid = table_oid
JOIN pg_class ON pg_class.oid = indexrelid
WHERE NOT is_partition
ORDER BY 1, 2
