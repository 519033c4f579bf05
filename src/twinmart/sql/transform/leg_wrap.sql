-- After-call work that the switch grants after a call from a queue.
-- grain   attempt
-- reads   leg (temporary), cfg.queue_setting, cfg.source
-- writes  nothing
-- rule    as configured, the most specific setting first: queue of the source, source, queue, all
SELECT leg.source_key, leg.attempt_id, leg.end_at, leg.kind, setting.wrapup_ms AS wrap_ms
FROM leg
JOIN LATERAL (
    SELECT wrapup_ms
    FROM cfg.queue_setting
    WHERE source_name IN (leg.source_name, '*') AND queue IN (leg.queue, '*')
    ORDER BY (source_name = '*')::integer, (queue = '*')::integer
    LIMIT 1
) AS setting ON setting.wrapup_ms > 0
WHERE leg.queue IS NOT NULL AND leg.kind <> 'mediation' AND leg.answered_at IS NOT NULL AND leg.end_at IS NOT NULL AND NOT leg.is_abnormal
