-- How far the mart has what other sites' collectors recorded of each source, and which interaction database of it is here.
-- grain   source
-- reads   cfg.source, cfg.collector, ctl.extract_watermark
-- writes  nothing
-- rule    a collector that never delivered leaves the time empty
SELECT
    source.source_key,
    source.name,
    source.site,
    min(watermark.last_event_at) FILTER (WHERE collector.site <> %(site)s),
    min(collector.idb_schema) FILTER (WHERE collector.site = %(site)s AND collector.enabled)
FROM cfg.source AS source
LEFT JOIN cfg.collector AS collector USING (source_key)
LEFT JOIN ctl.extract_watermark AS watermark USING (collector_key)
WHERE source.enabled
GROUP BY source.source_key, source.name, source.site
ORDER BY source.name
