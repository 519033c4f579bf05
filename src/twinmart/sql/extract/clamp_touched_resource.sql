-- Keep the recomputation of agents to what events are left for.
-- grain   agent
-- reads   ctl.purge_command
-- writes  gidb.touched_resource
-- rule    what an agent did before the cut-off stays; what lasted until then is carried over it
UPDATE gidb.touched_resource AS touched
SET from_at = cut_off.at
FROM (SELECT max(before_at) AS at FROM ctl.purge_command WHERE kind = 'gidb') AS cut_off
WHERE touched.from_at < cut_off.at
