-- The options of one object, and those of all tenants, sources and queues over it.
-- grain   object and option
-- reads   cfg.object, cfg.option
-- writes  nothing
-- rule    the object itself has neither kind nor name in the answer
SELECT
    CASE WHEN object.kind = %(kind)s AND object.name = %(name)s THEN '' ELSE object.kind END AS kind,
    CASE WHEN object.kind = %(kind)s AND object.name = %(name)s THEN '' ELSE object.name END AS name,
    option.section,
    option.name AS option_name,
    option.value
FROM cfg.option AS option
JOIN cfg.object AS object USING (object_key)
WHERE (object.kind = %(kind)s AND object.name = %(name)s) OR object.kind IN ('tenant', 'source', 'queue')
