-- Give each working channel the root of its interaction.
-- grain   channel
-- reads   working_call (temporary), gidb.channel_link
-- writes  working_channel (temporary)
-- rule    after join_call all calls of a channel have the same root
UPDATE working_channel AS channel
SET root_id = found.root_id
FROM (
    SELECT link.source_key, link.channel_id, min(call.root_id) AS root_id
    FROM working_call AS call
    JOIN gidb.channel_link AS link USING (source_key, linked_id)
    GROUP BY link.source_key, link.channel_id
) AS found
WHERE channel.source_key = found.source_key AND channel.channel_id = found.channel_id
