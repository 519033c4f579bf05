-- Note a silence of a collector as a gap.
-- grain   gap
-- reads   nothing
-- writes  ctl.gap
-- rule    filled where the twin heard the source all the while
INSERT INTO ctl.gap AS known (gap_key, source_key, collector_key, from_at, to_at, cause, filled, noted_at)
VALUES (
    mart.fact_key(mart.epoch_ms(%(from_at)s), 'GAP|' || %(collector_key)s),
    %(source_key)s, %(collector_key)s, %(from_at)s, %(to_at)s, %(cause)s, %(filled)s, now()
)
ON CONFLICT (gap_key) DO UPDATE
SET to_at = excluded.to_at, cause = excluded.cause, filled = excluded.filled
WHERE (known.to_at, known.cause, known.filled) IS DISTINCT FROM (excluded.to_at, excluded.cause, excluded.filled)
