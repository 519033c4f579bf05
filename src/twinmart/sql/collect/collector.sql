-- What a collector process must know of itself and of its source.
-- grain   collector
-- reads   cfg.collector, cfg.source
-- writes  nothing
-- rule    one row, or none if there is no such collector
SELECT
    collector.name,
    source.name AS source,
    collector.site,
    collector.idb_schema,
    source.host,
    source.port,
    source.tls,
    source.username,
    source.secret_ref
FROM cfg.collector AS collector
JOIN cfg.source AS source USING (source_key)
WHERE collector.name = %(name)s
