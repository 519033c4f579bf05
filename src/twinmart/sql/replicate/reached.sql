-- How far this standby has come, by its own word alone.
-- grain   one row
-- reads   ops.link, ctl.heartbeat, ctl.audit_log
-- writes  nothing
-- rule    the position is the origin's, flushed; the time is when the source committed the newest beat or load that is here
SELECT
    link.name,
    coalesce(link.peer_site, (SELECT of_site FROM ops.replica)),
    coalesce(
        CASE WHEN subscription.oid IS NOT NULL THEN pg_replication_origin_progress('pg_' || subscription.oid, true) END,
        link.end_lsn
    )::text,
    coalesce(link.end_source_at, greatest(
        (SELECT max(pg_xact_commit_timestamp(xmin)) FROM ctl.heartbeat WHERE site = link.peer_site),
        (SELECT pg_xact_commit_timestamp(xmin) FROM ctl.audit_log ORDER BY created_at DESC LIMIT 1)
    )),
    (SELECT max(audit_key) FROM ctl.audit_log)
FROM (VALUES (1)) AS always (one)
LEFT JOIN LATERAL (
    SELECT * FROM ops.link WHERE role = 'target' ORDER BY begun_at DESC LIMIT 1
) AS link ON true
LEFT JOIN pg_subscription AS subscription
    ON subscription.subname = link.name
   AND subscription.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND starts_with(subscription.subname, %(prefix)s)
