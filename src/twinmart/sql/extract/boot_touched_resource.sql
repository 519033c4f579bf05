-- Mark the agents whose membership a start of the switch ended.
-- grain   agent
-- reads   mart.resource_group_fact_
-- writes  gidb.touched_resource
-- rule    no membership outlives the switch. One that was only found afterwards to have begun before it did not, so the whole
--         membership is looked at again; agents with other news are looked at from there on
INSERT INTO gidb.touched_resource AS known (resource_key, from_at, batch)
SELECT resource_key, min(from_at), %(batch)s::bigint
FROM (
    SELECT resource_key, least(start_at, %(from_at)s::timestamptz - interval '2 seconds') AS from_at
    FROM mart.resource_group_fact_
    WHERE source_key = %(source_key)s
      AND start_at < %(boot_at)s
      AND (end_at IS NULL OR end_at >= %(from_at)s::timestamptz - interval '2 seconds')
    UNION ALL
    SELECT touched.resource_key, %(from_at)s::timestamptz - interval '2 seconds'
    FROM gidb.touched_resource AS touched
    WHERE EXISTS (SELECT FROM gidb.alias WHERE alias.resource_key = touched.resource_key AND alias.source_key = %(source_key)s)
) AS news
GROUP BY resource_key
ON CONFLICT (resource_key) DO UPDATE SET from_at = least(known.from_at, excluded.from_at)
