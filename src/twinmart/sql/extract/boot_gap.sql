-- Note the silence before a start of the switch as a gap.
-- grain   gap
-- reads   gidb.switch_boot
-- writes  ctl.gap
-- rule    only where something had been heard before, and the start is one by itself; a late event shortens it
WITH none AS (
    DELETE FROM ctl.gap
    WHERE gap_key = mart.fact_key(mart.epoch_ms(%(boot_at)s), 'GAP|switch-down|' || %(source_key)s)
      AND %(last_heard_at)s::timestamptz >= %(boot_at)s::timestamptz
)
INSERT INTO ctl.gap (gap_key, source_key, collector_key, from_at, to_at, cause, filled, noted_at)
SELECT
    mart.fact_key(mart.epoch_ms(%(boot_at)s), 'GAP|switch-down|' || %(source_key)s),
    %(source_key)s, NULL, %(last_heard_at)s, %(boot_at)s, 'switch-down', false, now()
WHERE %(last_heard_at)s::timestamptz < %(boot_at)s::timestamptz
ON CONFLICT (gap_key) DO UPDATE SET from_at = excluded.from_at
