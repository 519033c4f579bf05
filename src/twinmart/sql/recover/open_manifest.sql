-- How far the lost site's collectors had delivered each source.
-- grain   source
-- reads   cfg.collector, ctl.extract_watermark
-- writes  ctl.loss
-- rule    a collector that had delivered nothing heard nothing before it was registered
INSERT INTO ctl.loss (loss_key, run, lost_site, source_key, class, to_at)
SELECT
    mart.fact_key(0, concat_ws('|', 'LOSS', %(run)s::text, collector.source_key, 'delivered')),
    %(run)s, %(lost)s, collector.source_key, 'delivered', coalesce(watermark.last_event_at, collector.created_at)
FROM cfg.collector AS collector
LEFT JOIN ctl.extract_watermark AS watermark USING (collector_key)
WHERE collector.site = %(lost)s AND collector.enabled
ON CONFLICT DO NOTHING
