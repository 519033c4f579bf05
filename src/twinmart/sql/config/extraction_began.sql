-- When the database of an access point was extracted first.
-- grain   one row, or none if it never was
-- reads   ctl.extract_watermark, ctl.extract_history, cfg.collector
-- writes  nothing
-- rule    the access point of an interaction database has the name of its collector
SELECT min(known.began_at)
FROM cfg.collector AS collector
CROSS JOIN LATERAL (
    SELECT moved_at AS began_at FROM ctl.extract_watermark WHERE collector_key = collector.collector_key
    UNION ALL
    SELECT started_at FROM ctl.extract_history WHERE collector_key = collector.collector_key
) AS known
WHERE collector.name = %(name)s
HAVING count(*) > 0
