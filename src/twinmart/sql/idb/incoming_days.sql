-- The days of UTC that a batch touches, for which partitions must be there.
-- grain   day, counted since the epoch
-- reads   idb_incoming (temporary)
-- writes  nothing
-- rule    days and not a span: one event with a strange time must not make partitions for all the years between
SELECT DISTINCT floor(extract(epoch FROM at) / 86400)::bigint FROM idb_incoming
