-- Queues with the threshold of their service level, if there is one.
-- grain   queue
-- reads   mart.report_resource, cfg.queue_setting
-- writes  nothing
-- rule    the more specific setting holds, as when facts are computed
SELECT queue.resource_key, queue.source, queue.natural_name AS queue, queue.tenant, setting.service_level_ms
FROM mart.report_resource AS queue
LEFT JOIN LATERAL (
    SELECT service_level_ms
    FROM cfg.queue_setting
    WHERE source_name IN (queue.source, '*') AND queue_setting.queue IN (queue.natural_name, '*')
    ORDER BY (source_name = '*')::integer, (queue_setting.queue = '*')::integer
    LIMIT 1
) AS setting ON true
WHERE queue.resource_type_code = 'QUEUE'
