-- Add the channels of the working calls.
-- grain   channel
-- reads   working_call (temporary), gidb.channel_link, gidb.login_call
-- writes  working_channel (temporary)
-- rule    once each; the channel of a waiting agent belongs to no interaction
INSERT INTO working_channel (source_key, channel_id, root_id)
SELECT DISTINCT link.source_key, link.channel_id, ''
FROM working_call AS call
JOIN gidb.channel_link AS link USING (source_key, linked_id)
WHERE NOT EXISTS (
        SELECT FROM working_channel AS known WHERE known.source_key = link.source_key AND known.channel_id = link.channel_id
    )
  AND NOT EXISTS (
        SELECT FROM gidb.login_call AS login WHERE login.source_key = link.source_key AND login.channel_id = link.channel_id
    )
