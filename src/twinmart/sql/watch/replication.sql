-- How the link of this mart is, as the newest look at it found.
-- grain   one row, or none where nobody has looked
-- reads   ops.lag_history
-- writes  nothing
-- rule    days of safety: log that may still be written before the slot is lost, by the log written a day since the server counts it
SELECT
    state,
    extract(epoch FROM at)::double precision,
    lag_ms / 1000.0,
    lag_bytes,
    kept_bytes,
    safe_bytes / nullif(
        (SELECT wal_bytes / greatest(extract(epoch FROM now() - stats_reset), 60) * 86400 FROM pg_stat_wal), 0
    )
FROM ops.lag_history
ORDER BY at DESC
LIMIT 1
