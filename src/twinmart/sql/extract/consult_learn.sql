-- Join consultations to the calls they were made for, and mark both.
-- grain   channel, call
-- reads   consult_found (temporary)
-- writes  gidb.channel_link, gidb.touched_call
-- rule    a consultation belongs to the interaction of the call that was held
WITH learnt AS (
    INSERT INTO gidb.channel_link (source_key, channel_id, linked_id, cause)
    SELECT source_key, channel_id, held_linked_id, 'consult' FROM consult_found
    ON CONFLICT DO NOTHING
    RETURNING source_key, channel_id, linked_id
)
INSERT INTO gidb.touched_call (source_key, linked_id, batch)
SELECT source_key, linked_id, %(batch)s::bigint FROM learnt
UNION
SELECT found.source_key, found.linked_id, %(batch)s::bigint FROM learnt JOIN consult_found AS found USING (source_key, channel_id)
ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch
