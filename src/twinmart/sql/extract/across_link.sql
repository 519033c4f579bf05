-- Learn which channels carry a value that links calls across switches, and mark calls that a call in which an agent waits joined.
-- grain   channel, value
-- reads   new_event (temporary), cfg.user_data_wanted, gidb.channel_link, gidb.across_link
-- writes  gidb.across_link, gidb.touched_call
-- rule    values of eight characters and more: a shorter one is no identity. The call that carries the value is marked by its event; what
--         it joins is found by the transformation. A call that turns out to be one in which an agent waits joins nothing any more
WITH learnt AS (
    INSERT INTO gidb.across_link (source_key, channel_id, value)
    SELECT DISTINCT event.source_key, event.channel_id, event.value
    FROM new_event AS event
    JOIN cfg.user_data_wanted AS wanted
        ON wanted.source_key = event.source_key AND wanted.key_name = event.target AND wanted.is_link AND NOT wanted.is_masked
    WHERE event.kind = 'user_data' AND length(event.value) >= 8
    ON CONFLICT DO NOTHING
)
INSERT INTO gidb.touched_call (source_key, linked_id, batch)
SELECT DISTINCT joined.source_key, joined.linked_id, %(batch)s::bigint
FROM new_event AS login
JOIN gidb.channel_link AS link USING (source_key, linked_id)
JOIN gidb.across_link AS carried ON carried.source_key = link.source_key AND carried.channel_id = link.channel_id
JOIN gidb.across_link AS other ON other.value = carried.value
JOIN gidb.channel_link AS joined ON joined.source_key = other.source_key AND joined.channel_id = other.channel_id
WHERE login.kind = 'agent_login' OR (login.kind = 'channel_seen' AND login.detail ->> 'application' = 'AgentLogin')
ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch
