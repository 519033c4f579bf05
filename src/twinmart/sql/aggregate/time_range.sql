-- Keep the edges of buckets that are in force.
-- grain   edges
-- reads   threshold (temporary)
-- writes  mart.time_range
-- rule    those of former times stay
INSERT INTO mart.time_range (time_range_key, edges_ms)
SELECT accepted_range_key, accepted_edges_ms FROM threshold
UNION
SELECT abandoned_range_key, abandoned_edges_ms FROM threshold
ON CONFLICT DO NOTHING
