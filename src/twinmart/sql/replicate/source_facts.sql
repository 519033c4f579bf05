-- What the source says of a link: its log, and the slot.
-- grain   one row
-- reads   nothing of ours
-- writes  nothing
-- rule    columns that older servers lack are read by way of JSON; sizes in bytes, -1 for no limit
SELECT
    slot.slot_name IS NOT NULL,
    coalesce(slot.active, false),
    coalesce(slot.wal_status, CASE WHEN slot.slot_name IS NOT NULL THEN 'lost' END),
    to_jsonb(slot) ->> 'invalidation_reason',
    pg_wal_lsn_diff(pg_current_wal_lsn(), slot.confirmed_flush_lsn)::bigint,
    pg_wal_lsn_diff(pg_current_wal_lsn(), slot.restart_lsn)::bigint,
    slot.safe_wal_size,
    (SELECT CASE WHEN setting::bigint < 0 THEN -1 ELSE setting::bigint * 1048576 END FROM pg_settings WHERE name = 'max_slot_wal_keep_size')
FROM (VALUES (1)) AS always (one)
LEFT JOIN pg_replication_slots AS slot ON slot.slot_name = %(name)s
