-- Mark the calls of which new events tell.
-- grain   call
-- reads   new_event (temporary), gidb.login_call, gidb.channel_link
-- writes  gidb.touched_call
-- rule    the transformation recomputes every interaction with a call that is marked; a mark that is there is written again, so
--         that a transformation which runs meanwhile waits for these events or leaves the call for the next one. A channel that the
--         switch counts to a call in which an agent waits still belongs to the other calls that it was counted to
INSERT INTO gidb.touched_call (source_key, linked_id, batch)
SELECT source_key, coalesce(linked_id, channel_id), %(batch)s::bigint
FROM new_event
WHERE channel_id IS NOT NULL AND kind <> 'queue_caller_seen' AND (kind <> 'user_data' OR linked_id IS NOT NULL)
UNION
SELECT link.source_key, link.linked_id, %(batch)s::bigint
FROM new_event AS event
JOIN gidb.channel_link AS link USING (source_key, channel_id)
WHERE event.kind = 'queue_caller_seen' OR (event.kind = 'user_data' AND event.linked_id IS NULL)
UNION
SELECT link.source_key, link.linked_id, %(batch)s::bigint
FROM new_event AS event
JOIN gidb.login_call AS waiting USING (source_key, linked_id)
JOIN gidb.channel_link AS link ON link.source_key = event.source_key AND link.channel_id = event.channel_id
ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch
