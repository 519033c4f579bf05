-- What was partial or gone, and of which events came in since from the lost site's own databases.
-- grain   span of a source
-- reads   ctl.loss, ctl.extract_watermark, cfg.collector
-- writes  ctl.loss, ctl.gap
-- rule    closed when a collector of the lost site has delivered beyond the end of the span, after it was noted; the gap of the span is filled then
WITH closed AS (
    UPDATE ctl.loss AS known
    SET closed_at = now()
    FROM cfg.collector AS collector
    JOIN ctl.extract_watermark AS watermark USING (collector_key)
    WHERE known.class IN ('partial', 'gone')
      AND known.closed_at IS NULL
      AND known.to_at IS NOT NULL
      AND collector.source_key = known.source_key
      AND collector.site = known.lost_site
      AND watermark.last_event_at >= known.to_at
      AND watermark.moved_at > known.noted_at
    RETURNING known.source_key, known.run, known.from_at, known.class
)
UPDATE ctl.gap AS gap
SET filled = true
FROM closed
WHERE gap.gap_key = mart.fact_key(
    coalesce(mart.epoch_ms(closed.from_at), 0), concat_ws('|', 'GAP', closed.run, closed.source_key::text)
)
