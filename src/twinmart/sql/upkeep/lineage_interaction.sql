-- The events of the interaction that a fact belongs to.
-- grain   event
-- reads   gidb.interaction, gidb.channel_link, gidb.event
-- writes  nothing
-- rule    all channels that share calls with the root call, step by step
WITH RECURSIVE root AS (
    SELECT source_key, root_id FROM gidb.interaction WHERE interaction_id = %(interaction_id)s
),
linked AS (
    SELECT source_key, root_id AS linked_id FROM root
    UNION
    SELECT other.source_key, other.linked_id
    FROM linked
    JOIN gidb.channel_link AS link USING (source_key, linked_id)
    JOIN gidb.channel_link AS other ON other.source_key = link.source_key AND other.channel_id = link.channel_id
)
SELECT event.at, event.event_id, event.kind, event.channel_id, event.batch
FROM (SELECT DISTINCT source_key, channel_id FROM linked JOIN gidb.channel_link USING (source_key, linked_id)) AS channel
JOIN gidb.event USING (source_key, channel_id)
ORDER BY event.at, event.event_id
