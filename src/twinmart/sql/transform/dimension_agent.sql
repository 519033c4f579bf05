-- Agents among the working resources, with their latest name.
-- grain   agent
-- reads   working_resource (temporary), gidb.alias, gidb.member_queue, gidb.event, mart.resource_
-- writes  mart.resource_
-- rule    the latest name that any event gave; the employee number is the last number in the name that stands for the agent
WITH named AS (
    SELECT alias.resource_key, alias.source_key, alias.root, latest.at, latest.target, earliest.at AS first_at
    FROM working_resource
    JOIN gidb.alias USING (resource_key)
    JOIN gidb.member_queue AS serving ON serving.source_key = alias.source_key AND serving.name = alias.name
    LEFT JOIN LATERAL (
        SELECT event.at, event.target
        FROM gidb.event
        WHERE event.source_key = serving.source_key AND event.member = serving.member AND event.queue = serving.queue
          AND event.channel_id IS NULL AND event.target IS NOT NULL
        ORDER BY event.at DESC, event.target
        LIMIT 1
    ) AS latest ON true
    LEFT JOIN LATERAL (
        SELECT event.at
        FROM gidb.event
        WHERE event.source_key = serving.source_key AND event.member = serving.member AND event.queue = serving.queue
          AND event.channel_id IS NULL
        ORDER BY event.at
        LIMIT 1
    ) AS earliest ON true
)
INSERT INTO mart.resource_ AS known (
    resource_key, tenant_key, resource_type_code, source_key, natural_name, resource_name, employee_id, first_seen_at
)
SELECT DISTINCT ON (resource_key)
    resource_key,
    1,
    'AGENT',
    source_key,
    root,
    coalesce(target, root),
    substring(root FROM '([0-9]+)[^0-9]*$'),
    min(first_at) OVER (PARTITION BY resource_key)
FROM named
ORDER BY resource_key, at DESC NULLS LAST, target
ON CONFLICT (resource_key) DO UPDATE
SET resource_name = excluded.resource_name, first_seen_at = least(known.first_seen_at, excluded.first_seen_at)
WHERE known.resource_name <> excluded.resource_name OR known.first_seen_at > excluded.first_seen_at
