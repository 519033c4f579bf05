-- Events of a span to be purged without which later ones could not be understood.
-- grain   event
-- reads   {root}: gidb.event
-- writes  nothing
-- rule    how each member stands in each queue: all since it was told for sure last; and the complete lists of members since then,
--         which tell who serves no longer. Channels need nothing: an interaction that began before the cut-off is not computed again
WITH sure AS (
    SELECT source_key, member, queue, max(at) FILTER (WHERE kind <> 'member_seen' AND (value <> '1' OR kind = 'member_remove')) AS at
    FROM {root}
    WHERE at < {before} AND member IS NOT NULL AND channel_id IS NULL AND (value IS NOT NULL OR kind = 'member_remove')
    GROUP BY source_key, member, queue
),
oldest AS (
    SELECT source_key, min(coalesce(at, '-infinity')) AS at FROM sure GROUP BY source_key
)
SELECT event.*
FROM {root} AS event
JOIN sure ON sure.source_key = event.source_key AND sure.member = event.member AND sure.queue IS NOT DISTINCT FROM event.queue
WHERE event.at < {before} AND event.channel_id IS NULL AND event.at >= coalesce(sure.at, '-infinity')
UNION ALL
SELECT list.*
FROM {root} AS list
JOIN oldest USING (source_key)
WHERE list.at < {before} AND list.kind = 'member_snapshot' AND list.at >= oldest.at
