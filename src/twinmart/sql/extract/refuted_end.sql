-- Take back ends that we set ourselves, of channels that the switch tells of after all.
-- grain   channel
-- reads   new_event (temporary), gidb.event
-- writes  gidb.event
-- rule    the end that the switch tells counts, and so does any later sign of life; the call is marked by the same news
DELETE FROM gidb.event AS artificial
USING (
    SELECT source_key, channel_id, max(at) AS last_at, bool_or(kind = 'channel_end') AS is_ended
    FROM new_event
    WHERE channel_id IS NOT NULL
    GROUP BY source_key, channel_id
) AS news
WHERE artificial.source_key = news.source_key
  AND artificial.channel_id = news.channel_id
  AND artificial.kind = 'channel_end'
  AND artificial.detail @> '{"artificial": true}'
  AND (news.is_ended OR news.last_at > artificial.at)
