-- A loss that went on ends where the lost site's own database ends, if that reaches into it; what is behind goes on.
-- grain   span of a source
-- reads   ctl.extract_watermark, cfg.collector
-- writes  ctl.loss
-- rule    only what the database of the lost site was read for counts
UPDATE ctl.loss AS known
SET to_at = watermark.last_event_at
FROM cfg.collector AS collector
JOIN ctl.extract_watermark AS watermark USING (collector_key)
WHERE known.lost_site = %(lost)s
  AND known.class = 'gone'
  AND known.closed_at IS NULL
  AND known.to_at IS NULL
  AND collector.source_key = known.source_key
  AND collector.site = known.lost_site
  AND watermark.moved_at > known.noted_at
  AND watermark.last_event_at > coalesce(known.from_at, '-infinity')
RETURNING known.run, known.source_key, known.to_at
