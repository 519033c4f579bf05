-- Add the calls that the working channels were counted to.
-- grain   call
-- reads   working_channel (temporary), gidb.channel_link, gidb.login_call
-- writes  working_call (temporary)
-- rule    repeated with grow_channel until nothing is added: then the working set holds whole interactions
INSERT INTO working_call (source_key, linked_id, root_id)
SELECT DISTINCT link.source_key, link.linked_id, link.linked_id
FROM working_channel AS channel
JOIN gidb.channel_link AS link USING (source_key, channel_id)
WHERE NOT EXISTS (
        SELECT FROM working_call AS known WHERE known.source_key = link.source_key AND known.linked_id = link.linked_id
    )
  AND NOT EXISTS (
        SELECT FROM gidb.login_call AS login WHERE login.source_key = link.source_key AND login.linked_id = link.linked_id
    )
