-- Mark the agents whose membership a start of the switch ended.
-- grain   agent
-- reads   mart.resource_group_fact_
-- writes  gidb.touched_resource
-- rule    no membership outlives the switch
INSERT INTO gidb.touched_resource AS known (resource_key, from_at, batch)
SELECT DISTINCT resource_key, %(last_heard_at)s::timestamptz, %(batch)s::bigint
FROM mart.resource_group_fact_
WHERE source_key = %(source_key)s
  AND start_at < %(boot_at)s
  AND (end_at IS NULL OR end_at >= %(last_heard_at)s)
ON CONFLICT (resource_key) DO UPDATE SET from_at = least(known.from_at, excluded.from_at)
