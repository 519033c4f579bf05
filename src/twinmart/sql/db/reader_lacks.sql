-- What the read-only role may not read yet of the schemas meant for reporting.
-- grain   one row a table or view; a schema without either does not matter
-- reads   pg_class, pg_namespace
-- writes  nothing
-- rule    partitions are left out: they are read by way of their table, which is what a privilege is needed on
SELECT
    place.nspname AS schema_name,
    item.relname AS table_name
FROM pg_class AS item
JOIN pg_namespace AS place ON place.oid = item.relnamespace
WHERE item.relkind IN ('r', 'p', 'v', 'm')
  AND NOT item.relispartition
  AND place.nspname = ANY (%(schemas)s)
  AND NOT (
      has_schema_privilege(%(reader)s, place.oid, 'USAGE')
      AND has_table_privilege(%(reader)s, item.oid, 'SELECT')
  )
ORDER BY place.nspname, item.relname
