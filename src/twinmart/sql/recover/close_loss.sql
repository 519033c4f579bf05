-- What was partial or gone, and of which events came in since from the lost site's own databases.
-- grain   span of a source
-- reads   ctl.loss, ctl.extract_watermark, cfg.collector
-- writes  ctl.loss
-- rule    closed when a collector of the lost site has delivered beyond the end of the span, after it was noted
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
