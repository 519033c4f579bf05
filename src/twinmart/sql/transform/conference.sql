-- Times in which a phone shared a bridge with two or more others.
-- grain   channel, span
-- reads   call_event (temporary), channel (temporary)
-- writes  nothing
-- rule    three or more phones in one bridge are a conference; who of its agents was in the bridge first began it. Halves of Local
--         channels are no phones
WITH crowded AS MATERIALIZED (
    SELECT event.source_key, event.root_id, event.bridge_id
    FROM call_event AS event
    JOIN channel USING (source_key, channel_id)
    WHERE event.kind = 'bridge_enter' AND NOT channel.is_local AND event.value NOT IN ('agent_hold', 'holding')
    GROUP BY event.source_key, event.root_id, event.bridge_id
    HAVING count(DISTINCT event.channel_id) > 2
),
stay AS (
    SELECT *
    FROM (
        SELECT
            event.source_key,
            event.root_id,
            event.bridge_id,
            event.channel_id,
            channel.agent_key,
            event.kind,
            event.at AS start_at,
            coalesce(
                lead(event.at) OVER (PARTITION BY event.source_key, event.bridge_id, event.channel_id ORDER BY event.at, event.event_id),
                channel.end_at
            ) AS end_at
        FROM crowded
        JOIN call_event AS event USING (source_key, root_id, bridge_id)
        JOIN channel USING (source_key, channel_id)
        WHERE event.kind IN ('bridge_enter', 'bridge_leave') AND NOT channel.is_local
    ) AS coming_and_going
    WHERE kind = 'bridge_enter'
),
edge AS (
    SELECT source_key, root_id, bridge_id, start_at AS at, 1 AS step FROM stay
    UNION ALL
    SELECT source_key, root_id, bridge_id, end_at, -1 FROM stay WHERE end_at IS NOT NULL
),
crowd AS (
    SELECT source_key, root_id, bridge_id, at, sum(step) OVER course AS phones, lead(at) OVER course AS until_at
    FROM (SELECT source_key, root_id, bridge_id, at, sum(step) AS step FROM edge GROUP BY source_key, root_id, bridge_id, at) AS moment
    WINDOW course AS (PARTITION BY source_key, root_id, bridge_id ORDER BY at)
)
SELECT
    stay.source_key,
    stay.channel_id,
    greatest(stay.start_at, crowd.at) AS start_at,
    least(stay.end_at, crowd.until_at) AS end_at,
    stay.channel_id = first_value(stay.channel_id) OVER (
        PARTITION BY stay.source_key, stay.root_id, stay.bridge_id ORDER BY stay.agent_key IS NULL, stay.start_at, stay.channel_id
    ) AS is_initiator
FROM crowd
JOIN stay
    ON stay.source_key = crowd.source_key AND stay.root_id = crowd.root_id AND stay.bridge_id = crowd.bridge_id
    AND stay.start_at < coalesce(crowd.until_at, 'infinity') AND coalesce(stay.end_at, 'infinity') > crowd.at
WHERE crowd.phones > 2
