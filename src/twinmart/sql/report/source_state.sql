-- How far each source is in the mart.
-- grain   source
-- reads   cfg.source, cfg.collector, ctl.extract_history, ctl.extract_watermark, ctl.gap
-- writes  nothing
-- rule    a gap is open while it is not known that the twin covers it
SELECT
    source.name,
    source.enabled,
    coalesce(taken.events, 0)::bigint AS events_in_24_h,
    mark.last_event_at,
    mark.moved_at AS extracted_at,
    gap.open_gaps
FROM cfg.source AS source
LEFT JOIN (
    SELECT source_key, sum(rows_new) AS events
    FROM ctl.extract_history
    WHERE started_at > now() - interval '24 hours'
    GROUP BY source_key
) AS taken USING (source_key)
LEFT JOIN LATERAL (
    SELECT max(watermark.last_event_at) AS last_event_at, max(watermark.moved_at) AS moved_at
    FROM cfg.collector AS collector
    JOIN ctl.extract_watermark AS watermark USING (collector_key)
    WHERE collector.source_key = source.source_key
) AS mark ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS open_gaps
    FROM ctl.gap AS gap
    WHERE gap.source_key = source.source_key AND NOT gap.filled
) AS gap
ORDER BY source.name
