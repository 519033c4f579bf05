-- Collectors as the site's copy of the configuration has them.
-- grain   collector
-- reads   cfg.collector, cfg.source, cfg.object
-- writes  nothing
-- rule    one whose source is disabled is not in use
SELECT
    collector.name,
    source.name,
    collector.site,
    collector.enabled AND source.enabled,
    coalesce(point.enabled, false)
FROM cfg.collector AS collector
JOIN cfg.source AS source USING (source_key)
LEFT JOIN cfg.object AS point ON point.kind = 'access_point' AND point.name = collector.name
ORDER BY collector.name
