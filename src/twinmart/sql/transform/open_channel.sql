-- Remember channels that have no end yet.
-- grain   channel
-- reads   channel (temporary), call_event (temporary), working_channel (temporary), gidb.channel_link, gidb.login_call
-- writes  gidb.open_channel
-- rule    an end that was only concluded may be concluded otherwise when more is known, so such a channel stays open here
INSERT INTO gidb.open_channel (source_key, channel_id, linked_id)
SELECT DISTINCT ON (channel.source_key, channel.channel_id) channel.source_key, channel.channel_id, link.linked_id
FROM channel
JOIN gidb.channel_link AS link USING (source_key, channel_id)
WHERE (channel.end_at IS NULL OR channel.is_abnormal)
  AND NOT EXISTS (
      SELECT FROM gidb.login_call AS login WHERE login.source_key = link.source_key AND login.linked_id = link.linked_id
  )
ORDER BY channel.source_key, channel.channel_id, link.linked_id
ON CONFLICT DO NOTHING
