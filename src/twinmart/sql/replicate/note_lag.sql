-- What a look at the link found.
-- grain   one row a look
-- reads   nothing
-- writes  ops.lag_history
-- rule    kept at each site that answers, so that the survivor knows how it was
INSERT INTO ops.lag_history (at, source_site, target_site, state, lag_ms, lag_bytes, kept_bytes, safe_bytes, beat, beat_at)
VALUES (
    clock_timestamp(), %(source)s, %(target)s, %(state)s, %(lag_ms)s, %(lag_bytes)s, %(kept_bytes)s, %(safe_bytes)s, %(beat)s,
    %(beat_at)s
)
ON CONFLICT DO NOTHING
