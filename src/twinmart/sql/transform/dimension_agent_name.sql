-- Names of the working agents over time.
-- grain   agent, name, begin
-- reads   working_resource (temporary), gidb.alias, gidb.member_queue, gidb.event
-- writes  mart.resource_history
-- rule    OFFSET 0 keeps the planner to looking each member up by itself, from the moment on; a name holds from the first event that gives it until another is given
INSERT INTO mart.resource_history (resource_key, valid_from, resource_name)
SELECT resource_key, min(at), target
FROM (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY resource_key ORDER BY at, event_id) AS name_no
    FROM (
        SELECT served.resource_key, event.at, event.event_id, event.target,
            lag(event.target) OVER (PARTITION BY served.resource_key ORDER BY event.at, event.event_id) IS DISTINCT FROM event.target AS begins
        FROM (
            SELECT alias.resource_key, resource.window_at, serving.source_key, serving.member, serving.queue
            FROM working_resource AS resource
            JOIN gidb.alias USING (resource_key)
            JOIN gidb.member_queue AS serving ON serving.source_key = alias.source_key AND serving.name = alias.name
            OFFSET 0
        ) AS served
        CROSS JOIN LATERAL (
            SELECT event.at, event.event_id, event.target
            FROM gidb.event
            WHERE event.source_key = served.source_key
              AND event.member = served.member
              AND event.queue = served.queue
              AND event.channel_id IS NULL
              AND event.target IS NOT NULL
              AND event.at >= served.window_at
              AND event.kind IN ('member_add', 'member_pause', 'member_seen')
            OFFSET 0
        ) AS event
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
