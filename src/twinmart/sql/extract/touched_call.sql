-- Mark the calls of which new events tell.
-- grain   call
-- reads   new_event (temporary), gidb.login_call, gidb.channel_link
-- writes  gidb.touched_call
-- rule    the transformation recomputes every interaction with a call that is marked; a mark that is there is written again, so
--         that a transformation which runs meanwhile waits for these events or leaves the call for the next one, and keeps the time of
--         its earliest news. A channel that the switch counts to a call in which an agent waits still belongs to the other calls that
--         it was counted to
INSERT INTO gidb.touched_call AS known (source_key, linked_id, batch, news_at)
SELECT source_key, linked_id, %(batch)s::bigint, min(at)
FROM (
    SELECT source_key, coalesce(linked_id, channel_id) AS linked_id, at
    FROM new_event
    WHERE channel_id IS NOT NULL AND kind <> 'queue_caller_seen' AND (kind <> 'user_data' OR linked_id IS NOT NULL)
    UNION ALL
    SELECT link.source_key, link.linked_id, event.at
    FROM new_event AS event
    JOIN gidb.channel_link AS link USING (source_key, channel_id)
    WHERE event.kind = 'queue_caller_seen' OR (event.kind = 'user_data' AND event.linked_id IS NULL)
    UNION ALL
    SELECT link.source_key, link.linked_id, event.at
    FROM new_event AS event
    JOIN gidb.login_call AS waiting USING (source_key, linked_id)
    JOIN gidb.channel_link AS link ON link.source_key = event.source_key AND link.channel_id = event.channel_id
) AS news
GROUP BY source_key, linked_id
ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch, news_at = least(known.news_at, excluded.news_at)
