-- Thresholds in force, for each queue and for no queue.
-- grain   resource, medium, span of time
-- reads   cfg.queue_setting, cfg.source, mart.resource_, mart.media_type
-- writes  nothing
-- rule    the more specific setting wins
SELECT
    queue.resource_key,
    medium.media_type_key,
    '-infinity'::timestamptz AS from_at,
    'infinity'::timestamptz AS to_at,
    setting.service_level_ms::bigint AS answer_ms,
    setting.short_abandon_ms::bigint AS short_abandon_ms,
    NULL::bigint AS short_talk_ms,
    ARRAY[5000, 10000]::bigint[] AS accepted_edges_ms,
    -2::bigint AS accepted_range_key,
    ARRAY[5000, 10000]::bigint[] AS abandoned_edges_ms,
    -2::bigint AS abandoned_range_key
FROM (
    SELECT resource.resource_key, source.name AS source_name, resource.natural_name AS queue
    FROM mart.resource_ AS resource
    LEFT JOIN cfg.source AS source USING (source_key)
    WHERE resource.resource_type_code = 'QUEUE' OR resource.resource_key = -2
) AS queue
CROSS JOIN mart.media_type AS medium
JOIN LATERAL (
    SELECT service_level_ms, short_abandon_ms
    FROM cfg.queue_setting
    WHERE source_name IN (queue.source_name, '*') AND queue_setting.queue IN (queue.queue, '*')
    ORDER BY (source_name = '*')::integer, (queue_setting.queue = '*')::integer
    LIMIT 1
) AS setting ON true
