-- Mark the calls of which new events tell.
-- grain   call
-- reads   new_event (temporary)
-- writes  gidb.touched_call
-- rule    the transformation recomputes every interaction with a call that is marked
INSERT INTO gidb.touched_call (source_key, linked_id, batch)
SELECT DISTINCT source_key, coalesce(linked_id, channel_id), %(batch)s::bigint
FROM new_event
WHERE channel_id IS NOT NULL
ON CONFLICT DO NOTHING
