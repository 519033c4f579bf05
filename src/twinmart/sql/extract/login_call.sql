-- Learn in which calls agents of a pool wait for work, and mark the calls that such a call seemed to join.
-- grain   call
-- reads   new_event (temporary), gidb.channel_link
-- writes  gidb.login_call, gidb.touched_call
-- rule    a call in which an agent waits joins nothing: each call that it is bridged with is an interaction of its own. Who comes late
--         sees the agent waiting in a list of channels. Of several agents in one call the first by name of the channel stands for it,
--         whoever was heard of first
WITH login AS (
    INSERT INTO gidb.login_call AS known (source_key, linked_id, channel_id, member, device)
    SELECT DISTINCT ON (source_key, linked_id) source_key, linked_id, channel_id, member, coalesce(gidb.device(channel), '')
    FROM (
        SELECT source_key, linked_id, channel_id, member, channel FROM new_event WHERE kind = 'agent_login'
        UNION ALL
        SELECT source_key, linked_id, channel_id, 'Agent:' || split_part(detail ->> 'data', ',', 1), channel
        FROM new_event
        WHERE kind = 'channel_seen' AND detail ->> 'application' = 'AgentLogin'
    ) AS waiting
    WHERE linked_id IS NOT NULL AND channel_id IS NOT NULL AND member IS NOT NULL
    ORDER BY source_key, linked_id, channel_id, member
    ON CONFLICT (source_key, linked_id) DO UPDATE
    SET channel_id = excluded.channel_id, member = excluded.member, device = excluded.device
    WHERE (excluded.channel_id, excluded.member) < (known.channel_id, known.member)
    RETURNING source_key, linked_id
)
INSERT INTO gidb.touched_call (source_key, linked_id, batch)
SELECT DISTINCT other.source_key, other.linked_id, %(batch)s::bigint
FROM login
JOIN gidb.channel_link AS joined USING (source_key, linked_id)
JOIN gidb.channel_link AS other ON other.source_key = joined.source_key AND other.channel_id = joined.channel_id
ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch
