-- Mark the calls that a start of the switch, or a list of its channels, may have closed.
-- grain   call
-- reads   gidb.open_channel, new_event (temporary), gidb.event, gidb.switch_boot, gidb.channel_link
-- writes  gidb.touched_call
-- rule    what has no end of its own and is not in a later list of the channels ended unseen; once a list or a start has told so, later
--         lists say nothing new of it
INSERT INTO gidb.touched_call (source_key, linked_id, batch)
SELECT DISTINCT link.source_key, link.linked_id, %(batch)s::bigint
FROM gidb.open_channel AS open
JOIN gidb.channel_link AS link USING (source_key, channel_id)
WHERE open.source_key = %(source_key)s
  AND (
      %(booted)s
      OR EXISTS (
          SELECT
          FROM new_event AS snapshot
          CROSS JOIN LATERAL (
              SELECT coalesce(max(event.at) FILTER (WHERE event.kind NOT IN ('channel_seen', 'queue_caller_seen')), max(event.at)) AS last_at
              FROM gidb.event
              WHERE event.source_key = open.source_key AND event.channel_id = open.channel_id
          ) AS heard
          WHERE snapshot.kind = 'channel_snapshot'
            AND snapshot.source_key = open.source_key
            AND NOT snapshot.detail -> 'channels' ? open.channel_id
            AND NOT EXISTS (
                SELECT
                FROM gidb.switch_boot AS boot
                WHERE boot.source_key = open.source_key
                  AND boot.boot_at > heard.last_at
                  AND boot.boot_at <= snapshot.at
                  AND boot.last_heard_at < boot.boot_at
            )
            AND NOT EXISTS (
                SELECT
                FROM gidb.event AS earlier
                WHERE earlier.source_key = open.source_key
                  AND earlier.kind = 'channel_snapshot'
                  AND earlier.at > heard.last_at + interval '5 seconds'
                  AND earlier.at < snapshot.at
                  AND earlier.batch <> %(batch)s
                  AND NOT earlier.detail -> 'channels' ? open.channel_id
            )
      )
  )
ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch
