-- Mark the calls that a start of the switch, or a list of its channels, may have closed.
-- grain   call
-- reads   gidb.open_channel, new_event (temporary)
-- writes  gidb.touched_call
-- rule    what has no end of its own and is not in a later list of the channels ended unseen
INSERT INTO gidb.touched_call (source_key, linked_id, batch)
SELECT DISTINCT open.source_key, open.linked_id, %(batch)s::bigint
FROM gidb.open_channel AS open
WHERE open.source_key = %(source_key)s
  AND (
      %(booted)s
      OR EXISTS (
          SELECT
          FROM new_event AS snapshot
          WHERE snapshot.kind = 'channel_snapshot'
            AND snapshot.source_key = open.source_key
            AND NOT snapshot.detail -> 'channels' ? open.channel_id
      )
  )
ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch
