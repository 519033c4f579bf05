-- Calls that agents placed themselves and of which new events may say whether another call was held for them.
-- grain   channel that an agent's phone started itself
-- reads   new_event (temporary), gidb.channel_link, gidb.alias
-- writes  consult_candidate (temporary)
-- rule    only what happened on the same phone before the call began can matter, and who turns out to only wait for work in a call
INSERT INTO consult_candidate
SELECT DISTINCT placed.source_key, placed.channel_id, placed.linked_id, placed.device, placed.started_at
FROM (
    SELECT
        event.source_key,
        gidb.device(event.channel) AS device,
        min(CASE WHEN event.kind = 'channel_seen'
            THEN event.at - make_interval(secs => coalesce((event.detail ->> 'duration_s')::integer, 0)) ELSE event.at END) AS from_at,
        max(event.at) + interval '4 hours' AS until_at
    FROM new_event AS event
    WHERE event.kind IN ('channel_start', 'channel_up', 'channel_seen', 'channel_end', 'hold_start', 'hold_end')
      AND event.channel NOT LIKE 'Local/%%'
    GROUP BY event.source_key, gidb.device(event.channel)
    UNION ALL
    SELECT %(source_key)s::bigint, name, '-infinity', 'infinity' FROM unnest(%(new_names)s::text[]) AS name
    UNION ALL
    SELECT waiting.source_key, waiting.device, waiting.started_at, waiting.started_at + interval '4 hours'
    FROM new_event AS login
    JOIN gidb.channel_link AS waiting USING (source_key, linked_id)
    WHERE (login.kind = 'agent_login' OR (login.kind = 'channel_seen' AND login.detail ->> 'application' = 'AgentLogin'))
      AND waiting.cause = 'seen'
      AND waiting.device IS NOT NULL
    UNION ALL
    SELECT alias.source_key, alias.name, boot.boot_at, boot.boot_at + interval '4 hours'
    FROM unnest(%(boots)s::timestamptz[]) AS boot (boot_at)
    JOIN gidb.alias ON alias.source_key = %(source_key)s
) AS phone
JOIN gidb.alias ON alias.source_key = phone.source_key AND alias.name = phone.device
JOIN gidb.channel_link AS placed
    ON placed.source_key = phone.source_key
    AND placed.device = phone.device
    AND placed.started_at >= phone.from_at
    AND placed.started_at < phone.until_at
    AND placed.originated
WHERE placed.cause = 'seen'
