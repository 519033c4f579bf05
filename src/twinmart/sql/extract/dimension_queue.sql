-- Learn queues, and the groups of agents that serve them.
-- grain   queue
-- reads   new_event (temporary), cfg.source
-- writes  mart.resource_, mart.group_
-- rule    a queue is found in any event that names it
WITH named AS (
    SELECT source.source_key, source.name AS source_name, event.queue, min(event.at) AS first_at
    FROM new_event AS event
    JOIN cfg.source AS source USING (source_key)
    WHERE event.queue IS NOT NULL
    GROUP BY source.source_key, source.name, event.queue
),
team AS (
    INSERT INTO mart.group_ (group_key, tenant_key, group_type_code, source_key, group_name)
    SELECT mart.dimension_key('GROUP|' || source_name || '|' || queue), 1, 'AGENT', source_key, queue
    FROM named
    ON CONFLICT DO NOTHING
)
INSERT INTO mart.resource_ AS known (resource_key, tenant_key, resource_type_code, source_key, natural_name, resource_name, first_seen_at)
SELECT mart.dimension_key('QUEUE|' || source_name || '|' || queue), 1, 'QUEUE', source_key, queue, queue, first_at
FROM named
ON CONFLICT (resource_key) DO UPDATE SET first_seen_at = least(known.first_seen_at, excluded.first_seen_at)
WHERE known.first_seen_at > excluded.first_seen_at
