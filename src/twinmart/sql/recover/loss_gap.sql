-- A span that is partial or gone is a gap of its source, so that no report shows it as nothing.
-- grain   gap
-- reads   nothing
-- writes  ctl.gap
-- rule    it is not of one collector but of the source
INSERT INTO ctl.gap (gap_key, source_key, collector_key, from_at, to_at, cause, filled, noted_at)
VALUES (
    mart.fact_key(coalesce(mart.epoch_ms(%(from_at)s::timestamptz), 0), concat_ws('|', 'GAP', %(run)s::text, %(source_key)s::text)),
    %(source_key)s, NULL, coalesce(%(from_at)s::timestamptz, '1970-01-01'), %(to_at)s, 'site lost: ' || %(kind)s, false, now()
)
ON CONFLICT (gap_key) DO UPDATE SET to_at = excluded.to_at, cause = excluded.cause
