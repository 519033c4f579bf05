-- Tables on which those who shall write cannot, those who shall not can, or the role for the link cannot read.
-- grain   table or view
-- reads   pg_class, pg_namespace
-- writes  nothing
-- rule    with parts those of partitioned tables too: who writes by way of the table needs no privilege on its parts
SELECT
    place.nspname,
    relation.relname,
    NOT has_table_privilege(%(replicator)s, relation.oid, 'SELECT') AS is_unread,
    NOT (
        has_table_privilege(%(writer)s, relation.oid, 'INSERT') AND has_table_privilege(%(writer)s, relation.oid, 'UPDATE')
        AND has_table_privilege(%(writer)s, relation.oid, 'DELETE') AND has_table_privilege(%(writer)s, relation.oid, 'TRUNCATE')
    ) AS is_closed,
    has_table_privilege(%(reader)s, relation.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') AS is_open
FROM pg_class AS relation
JOIN pg_namespace AS place ON place.oid = relation.relnamespace
WHERE place.nspname = ANY (%(schemas)s)
  AND relation.relkind IN ('r', 'p', 'v')
  AND (%(parts)s OR NOT relation.relispartition)
ORDER BY place.nspname, relation.relname
