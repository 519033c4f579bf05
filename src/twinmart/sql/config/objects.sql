-- Objects with their options and connections.
-- grain   object
-- reads   cfg.object, cfg.option, cfg.connection
-- writes  nothing
-- rule    of one kind, and of one name, where these are given
SELECT
    object.kind,
    object.name,
    object.enabled,
    object.discovered,
    object.revision,
    object.properties,
    coalesce(told.options, '[]') AS options,
    coalesce(linked.connections, '[]') AS connections,
    object.created_at,
    object.changed_at
FROM cfg.object AS object
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(section, name, value) ORDER BY section, name) AS options
    FROM cfg.option
    WHERE option.object_key = object.object_key
) AS told ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(target.kind, target.name) ORDER BY target.kind, target.name) AS connections
    FROM cfg.connection
    JOIN cfg.object AS target ON target.object_key = connection.to_key
    WHERE connection.from_key = object.object_key
) AS linked ON true
WHERE (%(kind)s::text IS NULL OR object.kind = %(kind)s) AND (%(name)s::text IS NULL OR object.name = %(name)s)
ORDER BY object.kind, object.name COLLATE "C"
