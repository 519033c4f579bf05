-- What a collector process must know of itself and of its source.
-- grain   collector
-- reads   cfg.collector, cfg.source, cfg.user_data_wanted
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
    source.secret_ref,
    coalesce(
        (
            SELECT jsonb_object_agg(wanted.key_name, wanted.is_masked)
            FROM cfg.user_data_wanted AS wanted
            WHERE wanted.source_key = source.source_key
        ),
        '{}'
    ) AS user_data
FROM cfg.collector AS collector
JOIN cfg.source AS source USING (source_key)
WHERE collector.name = %(name)s
