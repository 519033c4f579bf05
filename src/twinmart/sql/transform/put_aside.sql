-- Discard the oldest call with news because it cannot be loaded.
-- grain   call
-- reads   gidb.touched_call, gidb.event, gidb.channel_link, ctl.counter
-- writes  gidb.touched_call, ctl.transform_discard
-- rule    it is tried again when there is news of it
WITH oldest AS (
    DELETE FROM gidb.touched_call AS touched
    USING (SELECT source_key, linked_id FROM gidb.touched_call ORDER BY news_at, source_key, linked_id LIMIT 1 FOR UPDATE SKIP LOCKED) AS next
    WHERE touched.source_key = next.source_key AND touched.linked_id = next.linked_id
    RETURNING touched.source_key, touched.linked_id
)
INSERT INTO ctl.transform_discard (source_key, root_id, code, reason, first_at, audit_key, discarded_at)
SELECT
    oldest.source_key,
    oldest.linked_id,
    'not-loadable',
    %(reason)s,
    coalesce(
        (
            SELECT min(event.at)
            FROM gidb.channel_link AS link
            JOIN gidb.event ON event.source_key = link.source_key AND event.channel_id = link.channel_id
            WHERE link.source_key = oldest.source_key AND link.linked_id = oldest.linked_id
        ),
        now()
    ),
    (SELECT value FROM ctl.counter WHERE name = 'audit'),
    now()
FROM oldest
ON CONFLICT (source_key, root_id) DO UPDATE SET code = excluded.code, reason = excluded.reason, first_at = excluded.first_at
