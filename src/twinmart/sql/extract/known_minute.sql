-- What the mart holds of a source in given minutes.
-- grain   minute of UTC
-- reads   gidb.event
-- writes  nothing
-- rule    computed like that of an interaction database, to be compared with it
SELECT
    wanted.minute,
    count(*) AS events,
    sum(('x' || right(event.event_id::text, 12))::bit(48)::bigint) AS digest
FROM unnest(%(minutes)s::timestamptz[]) AS wanted (minute)
JOIN gidb.event ON event.at >= wanted.minute AND event.at < wanted.minute + interval '1 minute'
WHERE event.source_key = %(source_key)s
GROUP BY wanted.minute
