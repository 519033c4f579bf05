-- Mark the calls of which new events tell.
-- grain   call
-- reads   new_event (temporary)
-- writes  gidb.touched_call
-- rule    the transformation recomputes every interaction with a call that is marked; a mark that is there is written again, so
--         that a transformation which runs meanwhile waits for these events or leaves the call for the next one
INSERT INTO gidb.touched_call (source_key, linked_id, batch)
SELECT DISTINCT source_key, coalesce(linked_id, channel_id), %(batch)s::bigint
FROM new_event
WHERE channel_id IS NOT NULL
ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch
