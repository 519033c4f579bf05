-- Learn from new events which names mean one agent.
-- grain   pair of names
-- reads   new_event (temporary), gidb.channel_link, gidb.event
-- writes  gidb.alias_pair
-- rule    a member's interface and its state interface are one agent, if that is a phone or a pool agent; a pool agent and the
--         phone it logged in from; a Local interface and the phone that it dials, if both bear the same number
INSERT INTO gidb.alias_pair (source_key, name, same_as)
SELECT DISTINCT source_key, name, same_as
FROM (
    SELECT source_key, name, same_as
    FROM (
        SELECT DISTINCT source_key, member, channel
        FROM new_event
        WHERE kind IN ('member_add', 'member_remove', 'member_pause', 'member_penalty', 'member_status', 'member_seen')
    ) AS told
    CROSS JOIN LATERAL (
        VALUES
            (gidb.device(member), gidb.device(member)),
            (gidb.device(member), CASE WHEN channel ~ '^([A-Za-z0-9]+/|Agent:)' THEN gidb.device(channel) END)
    ) AS pair (name, same_as)
    WHERE name IS NOT NULL AND same_as IS NOT NULL
    UNION ALL
    SELECT source_key, member, gidb.device(channel)
    FROM new_event
    WHERE kind = 'agent_login'
    UNION ALL
    SELECT source_key, 'Agent:' || split_part(detail ->> 'data', ',', 1), gidb.device(channel)
    FROM new_event
    WHERE kind = 'channel_seen' AND detail ->> 'application' = 'AgentLogin' AND detail ->> 'data' IS NOT NULL
    UNION ALL
    SELECT dial.source_key, half.device, gidb.device(dial.channel)
    FROM new_event AS dial
    JOIN gidb.channel_link AS half
        ON half.source_key = dial.source_key AND half.channel_id = dial.channel_id AND half.device LIKE 'Local/%%'
    WHERE dial.kind = 'dial_start'
      AND dial.channel NOT LIKE 'Local/%%'
      AND substring(half.device FROM '^Local/[^0-9@]*([0-9]+)@') = substring(gidb.device(dial.channel) FROM '([0-9]+)[^0-9]*$')
    UNION ALL
    SELECT half.source_key, gidb.device(half.channel), gidb.device(dial.channel)
    FROM new_event AS half
    JOIN gidb.event AS dial ON dial.source_key = half.source_key AND dial.channel_id = half.channel_id
    WHERE half.kind IN ('channel_start', 'channel_seen', 'channel_up', 'channel_end')
      AND half.channel LIKE 'Local/%%'
      AND dial.kind = 'dial_start'
      AND dial.channel NOT LIKE 'Local/%%'
      AND substring(half.channel FROM '^Local/[^0-9@]*([0-9]+)@') = substring(gidb.device(dial.channel) FROM '([0-9]+)[^0-9]*$')
) AS evidence
ON CONFLICT DO NOTHING
