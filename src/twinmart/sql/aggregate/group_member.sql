-- Bring the members of configured groups to what the configuration and its history say, and tell what that touches of agents.
-- grain   membership
-- reads   cfg.group_span, cfg.object, cfg.source, mart.resource_
-- writes  mart.group_member
-- rule    an object without a source stands for the agents or queues of its name at every source. Touched is the time in which somebody
--         belongs to a group now and did not, or the other way round, from the first that was seen of the agent
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT ON (resource.tenant_key, span.object_key, resource.resource_key, span.from_at)
        resource.tenant_key, span.object_key AS group_key, resource.resource_key, span.from_at AS start_at, span.to_at AS end_at
    FROM cfg.group_span AS span
    JOIN cfg.object AS item
        ON item.name = span.member AND item.kind = CASE span.kind WHEN 'agent_group' THEN 'agent' ELSE 'queue' END AND item.enabled
    JOIN mart.resource_ AS resource ON resource.resource_type_code = upper(item.kind)
    LEFT JOIN cfg.source AS source ON source.source_key = resource.source_key
    WHERE item.name = source.name || '/' || resource.natural_name
       OR (
           resource.natural_name = coalesce(item.properties ->> 'natural_name', item.properties ->> 'queue')
           AND coalesce(item.properties ->> 'source', source.name) = source.name
       )
    ORDER BY resource.tenant_key, span.object_key, resource.resource_key, span.from_at, span.to_at DESC NULLS FIRST
),
gone AS (
    DELETE FROM mart.group_member AS known
    WHERE NOT EXISTS (
        SELECT
        FROM wanted
        WHERE (wanted.tenant_key, wanted.group_key, wanted.resource_key, wanted.start_at)
            = (known.tenant_key, known.group_key, known.resource_key, known.start_at)
    )
    RETURNING known.*
),
come AS (
    INSERT INTO mart.group_member AS known
    SELECT * FROM wanted
    ON CONFLICT (tenant_key, group_key, resource_key, start_at) DO UPDATE SET end_at = excluded.end_at
    WHERE known.end_at IS DISTINCT FROM excluded.end_at
    RETURNING known.*
),
changed AS (
    SELECT come.resource_key,
        CASE WHEN known.start_at IS NULL THEN come.start_at ELSE least(coalesce(known.end_at, 'infinity'), coalesce(come.end_at, 'infinity'))
            END AS from_at,
        CASE WHEN known.start_at IS NULL THEN coalesce(come.end_at, 'infinity')
            ELSE greatest(coalesce(known.end_at, 'infinity'), coalesce(come.end_at, 'infinity')) END AS to_at
    FROM come
    LEFT JOIN mart.group_member AS known USING (tenant_key, group_key, resource_key, start_at)
    UNION ALL
    SELECT resource_key, start_at, coalesce(end_at, 'infinity')
    FROM gone
)
SELECT min(greatest(changed.from_at, agent.first_seen_at)) AS from_at, least(max(changed.to_at), now()) AS to_at
FROM changed
JOIN mart.resource_ AS agent ON agent.resource_key = changed.resource_key AND agent.resource_type_code = 'AGENT'
