-- Move the mark up to which an interaction database was read, and record the extraction.
-- grain   interaction database
-- reads   nothing
-- writes  ctl.extract_watermark, ctl.extract_history
-- rule    in the transaction that takes the events
WITH moved AS (
    INSERT INTO ctl.extract_watermark AS known (collector_key, idb_seq, last_event_at, moved_at)
    VALUES (%(collector_key)s, %(to_seq)s, %(last_event_at)s, now())
    ON CONFLICT (collector_key) DO UPDATE
    SET
        idb_seq = excluded.idb_seq,
        last_event_at = greatest(known.last_event_at, excluded.last_event_at),
        moved_at = excluded.moved_at
)
INSERT INTO ctl.extract_history (
    extract_key, collector_key, source_key, started_at, ended_at, from_seq, to_seq, rows_read, rows_new, last_event_at,
    session_key, program_version, rows_refused
)
SELECT value, %(collector_key)s, %(source_key)s, %(started_at)s, clock_timestamp(), %(from_seq)s, %(to_seq)s, %(rows_read)s,
    %(rows_new)s, %(last_event_at)s, %(session_key)s, %(program_version)s, %(rows_refused)s
FROM ctl.counter
WHERE name = 'batch'
