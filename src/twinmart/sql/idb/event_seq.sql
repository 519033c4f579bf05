-- The order of writing.
-- grain   nothing
-- reads   nothing
-- writes  event_seq
-- rule    no cache, so that the numbers of a later transaction are the greater ones
CREATE SEQUENCE IF NOT EXISTS event_seq AS bigint CACHE 1
