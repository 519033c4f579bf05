-- Names of the working agents over time.
-- grain   agent, name, begin
-- reads   working_resource (temporary), gidb.alias, gidb.member_queue, gidb.event
-- writes  mart.resource_history
-- rule    a name holds from the first event that gives it until another is given
INSERT INTO mart.resource_history (resource_key, valid_from, resource_name)
SELECT resource_key, min(at), target
FROM (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY resource_key ORDER BY at, event_id) AS name_no
    FROM (
        SELECT alias.resource_key, event.at, event.event_id, event.target,
            lag(event.target) OVER (PARTITION BY alias.resource_key ORDER BY event.at, event.event_id) IS DISTINCT FROM event.target AS begins
        FROM working_resource AS resource
        JOIN gidb.alias USING (resource_key)
        JOIN gidb.member_queue AS serving ON serving.source_key = alias.source_key AND serving.name = alias.name
        JOIN gidb.event
            ON event.source_key = serving.source_key AND event.member = serving.member AND event.queue = serving.queue
            AND event.channel_id IS NULL AND event.target IS NOT NULL AND event.at >= resource.window_at
    ) AS told
) AS numbered
WHERE NOT EXISTS (
    SELECT
    FROM (
        SELECT resource_name
        FROM mart.resource_history AS known
        WHERE known.resource_key = numbered.resource_key AND known.valid_from < numbered.at
        ORDER BY known.valid_from DESC
        LIMIT 1
    ) AS before
    WHERE before.resource_name = numbered.target
)
GROUP BY resource_key, name_no, target
ON CONFLICT (resource_key, valid_from) DO UPDATE SET resource_name = excluded.resource_name
