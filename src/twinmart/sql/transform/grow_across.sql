-- Add the calls of other switches that carry the same value as a working channel.
-- grain   call
-- reads   working_channel (temporary), gidb.across_link, gidb.channel_link, gidb.login_call
-- writes  working_call (temporary)
-- rule    repeated with grow_channel and grow_call until nothing is added
INSERT INTO working_call (source_key, linked_id, root_id)
SELECT DISTINCT link.source_key, link.linked_id, link.linked_id
FROM working_channel AS channel
JOIN gidb.across_link AS carried USING (source_key, channel_id)
JOIN gidb.across_link AS other ON other.value = carried.value
JOIN gidb.channel_link AS link ON link.source_key = other.source_key AND link.channel_id = other.channel_id
WHERE NOT EXISTS (
        SELECT FROM working_call AS known WHERE known.source_key = link.source_key AND known.linked_id = link.linked_id
    )
  AND NOT EXISTS (
        SELECT FROM gidb.login_call AS login WHERE login.source_key = link.source_key AND login.linked_id = link.linked_id
    )
  AND NOT EXISTS (
        SELECT FROM gidb.login_call AS login WHERE login.source_key = link.source_key AND login.channel_id = link.channel_id
    )
