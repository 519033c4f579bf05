-- Make objects of agents, agent groups and queues that were seen in events and that nobody has configured.
-- grain   object
-- reads   mart.resource_, mart.group_, cfg.source, cfg.object
-- writes  cfg.object, cfg.history
-- rule    they are marked discovered; a name that cannot be one of an object is left out
WITH seen AS (
    SELECT 'agent' AS kind, source.name || '/' || natural_name AS name, jsonb_strip_nulls(jsonb_build_object(
        'source', source.name, 'natural_name', natural_name, 'full_name', resource_name, 'employee_id', employee_id)) AS properties
    FROM mart.resource_
    JOIN cfg.source AS source USING (source_key)
    WHERE resource_type_code = 'AGENT'
    UNION ALL
    SELECT 'queue', source.name || '/' || natural_name, jsonb_build_object('source', source.name, 'queue', natural_name)
    FROM mart.resource_
    JOIN cfg.source AS source USING (source_key)
    WHERE resource_type_code = 'QUEUE'
    UNION ALL
    SELECT 'agent_group', source.name || '/' || group_name, jsonb_build_object('source', source.name)
    FROM mart.group_
    JOIN cfg.source AS source USING (source_key)
),
made AS (
    INSERT INTO cfg.object (object_key, kind, name, discovered, properties)
    SELECT mart.dimension_key(upper(seen.kind) || '|' || seen.name), seen.kind, seen.name, true, seen.properties
    FROM seen
    WHERE NOT EXISTS (SELECT FROM cfg.object AS known WHERE known.kind = seen.kind AND known.name = seen.name)
      AND seen.name !~ '[[:cntrl:]]' AND seen.name = trim(seen.name) AND length(seen.name) <= 255
    ON CONFLICT DO NOTHING
    RETURNING object_key, properties, changed_at
)
INSERT INTO cfg.history (object_key, revision, aspect, name, new_value, changed_at, author, reason)
SELECT made.object_key, 1, told.aspect, told.name, told.value, made.changed_at, 'twinmart', 'seen in events'
FROM made
CROSS JOIN LATERAL (
    SELECT 'state', 'enabled', 'true'
    UNION ALL
    SELECT 'state', 'discovered', 'true'
    UNION ALL
    SELECT 'property', key, value::text FROM jsonb_each(made.properties)
) AS told (aspect, name, value)
