-- Names of the working agents over time.
-- grain   agent, name, begin
-- reads   working_resource (temporary), gidb.alias, gidb.member_queue, gidb.event, mart.resource_history
-- writes  mart.resource_history
-- rule    a name holds from the first event that gives it until another is given; of several given at one instant the first by the
--         alphabet counts. OFFSET 0 keeps the planner to looking each member up by itself, from the moment on
INSERT INTO mart.resource_history (resource_key, valid_from, resource_name)
SELECT told.resource_key, told.at, told.name
FROM (
    SELECT served.resource_key, event.at, min(event.target) AS name,
        lag(min(event.target), 1, before.resource_name) OVER (PARTITION BY served.resource_key ORDER BY event.at) AS name_before
    FROM (
        SELECT alias.resource_key, resource.from_at, serving.source_key, serving.member, serving.queue
        FROM working_resource AS resource
        JOIN gidb.alias USING (resource_key)
        JOIN gidb.member_queue AS serving ON serving.source_key = alias.source_key AND serving.name = alias.name
        OFFSET 0
    ) AS served
    CROSS JOIN LATERAL (
        SELECT event.at, event.target
        FROM gidb.event
        WHERE event.source_key = served.source_key
          AND event.member = served.member
          AND event.queue = served.queue
          AND event.channel_id IS NULL
          AND event.target IS NOT NULL
          AND event.at >= served.from_at
          AND event.kind IN ('member_add', 'member_pause', 'member_seen')
        OFFSET 0
    ) AS event
    LEFT JOIN LATERAL (
        SELECT known.resource_name
        FROM mart.resource_history AS known
        WHERE known.resource_key = served.resource_key AND known.valid_from < served.from_at
        ORDER BY known.valid_from DESC
        LIMIT 1
    ) AS before ON true
    GROUP BY served.resource_key, event.at, before.resource_name
) AS told
WHERE told.name IS DISTINCT FROM told.name_before
