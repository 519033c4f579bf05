-- Record queues that new events name and whose configuration object is disabled, or missing where people keep such objects.
-- grain   source, object
-- reads   new_event (temporary), cfg.source, cfg.object
-- writes  ctl.fk_violation
-- rule    told, never a reason to stop: the events are loaded all the same. A queue object is named alone or after its source. Where
--         nobody keeps queues as objects, none is missing
INSERT INTO ctl.fk_violation AS known (source_key, object_kind, object_name, code, row_count, first_at, last_at, extract_key)
SELECT
    event.source_key,
    'queue',
    event.queue,
    CASE WHEN count(object.object_key) = 0 THEN 'missing' ELSE 'disabled' END,
    count(*),
    min(event.at),
    max(event.at),
    %(batch)s
FROM new_event AS event
JOIN cfg.source AS source USING (source_key)
LEFT JOIN cfg.object AS object ON object.kind = 'queue' AND object.name IN (event.queue, source.name || '/' || event.queue)
WHERE event.queue IS NOT NULL
  AND object.enabled IS NOT TRUE
  AND (object.object_key IS NOT NULL OR EXISTS (SELECT FROM cfg.object AS kept WHERE kept.kind = 'queue' AND NOT kept.discovered))
GROUP BY event.source_key, event.queue
ON CONFLICT (source_key, object_kind, object_name) DO UPDATE
SET
    code = excluded.code,
    row_count = known.row_count + excluded.row_count,
    first_at = least(known.first_at, excluded.first_at),
    last_at = greatest(known.last_at, excluded.last_at),
    extract_key = excluded.extract_key
