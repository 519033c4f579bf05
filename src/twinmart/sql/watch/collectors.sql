-- The collectors that a site runs.
-- grain   collector
-- reads   cfg.collector, cfg.source
-- writes  nothing
-- rule    one that is disabled, or whose source is, or whose source has no address yet, does not run
SELECT collector.name
FROM cfg.collector
JOIN cfg.source USING (source_key)
WHERE collector.site = %(site)s
  AND collector.enabled
  AND source.enabled
  AND source.host IS NOT NULL
  AND source.username IS NOT NULL
ORDER BY collector.name
