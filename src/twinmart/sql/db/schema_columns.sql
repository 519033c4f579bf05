-- Everything in the mart's schemas that holds columns, for the schema reference.
-- grain   one row a column of a table or view, partitions left out
-- reads   pg_class, pg_namespace, pg_attribute, pg_attrdef, pg_index, pg_description
-- writes  nothing
-- rule    schemas made while running, such as those of collectors, are left out
SELECT
    place.nspname AS schema_name,
    obj_description(place.oid, 'pg_namespace') AS schema_comment,
    item.relname AS table_name,
    CASE WHEN item.relkind IN ('v', 'm') THEN 'view' ELSE 'table' END AS kind,
    obj_description(item.oid, 'pg_class') AS table_comment,
    pg_get_partkeydef(item.oid) AS partitioned_by,
    attribute.attname AS column_name,
    format_type(attribute.atttypid, attribute.atttypmod) AS type,
    attribute.attnotnull AS is_required,
    coalesce(attribute.attnum = ANY (key.indkey), false) AS is_key,
    col_description(item.oid, attribute.attnum) AS comment
FROM pg_class AS item
JOIN pg_namespace AS place ON place.oid = item.relnamespace
JOIN pg_attribute AS attribute ON attribute.attrelid = item.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
LEFT JOIN pg_index AS key ON key.indrelid = item.oid AND key.indisprimary
WHERE item.relkind IN ('r', 'p', 'v', 'm')
  AND NOT item.relispartition
  AND place.nspname = ANY (%(schemas)s)
ORDER BY array_position(%(schemas)s, place.nspname::text), item.relname, attribute.attnum
