-- The tables of the dimensional model with their keys, whether they are facts, and whether the original has them under this name.
-- grain   table
-- reads   pg_class, pg_namespace, pg_attribute, pg_trigger, pg_index
-- writes  nothing
-- rule    a fact is what carries update_audit_key and writes tombstones; new tables of the model need no line here, and are
--         exported whole until they write tombstones
SELECT
    item.relname AS name,
    EXISTS (
        SELECT FROM pg_attribute AS audit WHERE audit.attrelid = item.oid AND audit.attname = 'update_audit_key'
    ) AND EXISTS (
        SELECT FROM pg_trigger AS grave WHERE grave.tgrelid = item.oid AND grave.tgname = 'note_deleted'
    ) AS is_fact,
    ARRAY(
        SELECT attribute.attname::text
        FROM pg_index AS key
        JOIN pg_attribute AS attribute ON attribute.attrelid = key.indrelid AND attribute.attnum = ANY (key.indkey)
        WHERE key.indrelid = item.oid AND key.indisprimary
        ORDER BY attribute.attnum
    ) AS key,
    to_regclass('gim.' || quote_ident(item.relname)) IS NOT NULL AS has_view
FROM pg_class AS item
JOIN pg_namespace AS place ON place.oid = item.relnamespace
WHERE place.nspname = 'mart' AND item.relkind IN ('r', 'p') AND NOT item.relispartition
ORDER BY item.relname
