-- The collectors, and which of their interaction databases are extracted.
-- grain   collector
-- reads   cfg.collector, cfg.source, cfg.object, cfg.connection
-- writes  nothing
-- rule    extracted is what is enabled, collector, source and access point alike, and what application "mart" is connected to
SELECT
    collector.collector_key,
    collector.name,
    collector.source_key,
    source.name AS source_name,
    collector.twin,
    collector.site,
    collector.idb_schema,
    collector.enabled AND source.enabled AS enabled,
    collector.enabled AND source.enabled AND coalesce(point.enabled AND count(link.to_key) = 2, false) AS extracted
FROM cfg.collector AS collector
JOIN cfg.source AS source USING (source_key)
LEFT JOIN cfg.object AS point ON point.kind = 'access_point' AND point.name = collector.name
LEFT JOIN cfg.connection AS link
    ON link.from_key = mart.dimension_key('APPLICATION|mart') AND link.to_key IN (collector.collector_key, point.object_key)
GROUP BY
    collector.collector_key, collector.name, collector.source_key, source.name, collector.twin, collector.site, collector.idb_schema,
    collector.enabled, source.enabled, point.enabled
ORDER BY source.name COLLATE "C", collector.twin
