-- What an interaction database holds beyond a mark, by minute.
-- grain   minute of UTC
-- reads   {event} of an interaction database
-- writes  nothing
-- rule    the hash, where it is wanted, is a sum over the identities, so it does not depend on the order; the same is computed in the mart
SELECT
    date_trunc('minute', at, 'UTC') AS minute,
    count(*) AS events,
    CASE WHEN %(digest)s THEN sum(('x' || right(event_id::text, 12))::bit(48)::bigint) ELSE 0 END AS digest,
    max(seq) AS last_seq,
    max(at) AS last_at
FROM (SELECT at, event_id, seq FROM {event} WHERE seq > %(mark)s ORDER BY seq LIMIT %(most)s) AS next
GROUP BY minute
