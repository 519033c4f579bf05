-- Give calls that share a channel the smaller root of the two.
-- grain   call
-- reads   working_call (temporary), working_channel (temporary), gidb.channel_link
-- writes  working_call (temporary)
-- rule    repeated until nothing changes: then every interaction has one root, the smallest of its calls
WITH edge AS (
    SELECT link.source_key, link.channel_id, link.linked_id, call.root_id
    FROM working_channel AS channel
    JOIN gidb.channel_link AS link USING (source_key, channel_id)
    JOIN working_call AS call USING (source_key, linked_id)
),
joined AS (
    SELECT source_key, channel_id, min(root_id) AS root_id
    FROM edge
    GROUP BY source_key, channel_id
    HAVING min(root_id) <> max(root_id)
),
better AS (
    SELECT edge.source_key, edge.linked_id, min(joined.root_id) AS root_id
    FROM edge
    JOIN joined USING (source_key, channel_id)
    GROUP BY edge.source_key, edge.linked_id
)
UPDATE working_call AS call
SET root_id = better.root_id
FROM better
WHERE call.source_key = better.source_key AND call.linked_id = better.linked_id AND call.root_id > better.root_id
