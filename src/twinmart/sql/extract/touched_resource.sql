-- Mark the agents of whom new events tell, with the earliest moment that may change.
-- grain   agent
-- reads   new_event (temporary), gidb.alias, gidb.event
-- writes  gidb.touched_resource
-- rule    an event may tell that the member served since its login, unless something else is known of the time between; and it may
--         discredit what the switch answered when asked within two seconds
INSERT INTO gidb.touched_resource AS known (resource_key, from_at, batch)
SELECT
    alias.resource_key,
    min(greatest(past.at, least(told.first_at - interval '2 seconds', to_timestamp(least(later.login, 4102444800))))),
    %(batch)s::bigint
FROM (
    SELECT source_key, member, queue, gidb.device(member) AS name, min(at) AS first_at
    FROM new_event
    WHERE kind LIKE 'member\_%%' AND channel_id IS NULL AND member IS NOT NULL AND queue IS NOT NULL
    GROUP BY source_key, member, queue
) AS told
JOIN gidb.alias ON alias.source_key = told.source_key AND alias.name = told.name
LEFT JOIN LATERAL (
    SELECT event.at
    FROM gidb.event
    WHERE event.source_key = told.source_key
      AND event.member = told.member
      AND event.queue = told.queue
      AND event.channel_id IS NULL
      AND event.at < told.first_at - interval '2 seconds'
      AND (event.value IS NOT NULL OR event.kind = 'member_remove')
      AND NOT (
          event.kind = 'member_seen'
          AND EXISTS (
              SELECT
              FROM gidb.event AS news
              WHERE news.source_key = told.source_key
                AND news.member = told.member
                AND news.queue = told.queue
                AND news.channel_id IS NULL
                AND news.at BETWEEN event.at - interval '2 seconds' AND event.at + interval '2 seconds'
                AND news.kind <> 'member_seen'
                AND (news.value IS NOT NULL OR news.kind = 'member_remove')
          )
      )
    ORDER BY event.at DESC
    LIMIT 1
) AS past ON true
LEFT JOIN LATERAL (
    SELECT min(nullif((event.detail ->> 'login')::bigint, 0)) AS login
    FROM gidb.event
    WHERE event.source_key = told.source_key
      AND event.member = told.member
      AND event.queue = told.queue
      AND event.channel_id IS NULL
      AND event.at >= told.first_at - interval '2 seconds'
) AS later ON true
GROUP BY alias.resource_key
ON CONFLICT (resource_key) DO UPDATE SET from_at = least(known.from_at, excluded.from_at)
