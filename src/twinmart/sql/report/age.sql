-- Up to when a mart knows what the active site loaded.
-- grain   one row
-- reads   cfg.topology, ctl.heartbeat, ctl.audit_log, ops.replica
-- writes  nothing
-- rule    a heartbeat is replicated like any row, so the newest one that is here tells how far the replica is
SELECT
    topology.active_site,
    (SELECT max(beat_at) FROM ctl.heartbeat) AS heartbeat_at,
    load.created_at AS load_at,
    now() AS now,
    EXISTS (SELECT FROM ops.replica) AS is_replica
FROM cfg.topology AS topology
LEFT JOIN LATERAL (
    SELECT created_at FROM ctl.audit_log ORDER BY created_at DESC LIMIT 1
) AS load ON true
