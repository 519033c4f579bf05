-- What the target says of a link: its subscription, the worker that applies, and what went wrong.
-- grain   one row
-- reads   nothing of ours
-- writes  nothing
-- rule    parallel workers are not counted; a row last written here before the link was turned is no conflict
SELECT
    subscription.oid IS NOT NULL,
    coalesce(subscription.subenabled, false),
    coalesce(subscription.suborigin, 'none') = 'none',
    worker.pid,
    (extract(epoch FROM clock_timestamp() - worker.last_msg_receipt_time) * 1000)::bigint,
    worker.received_lsn::text,
    CASE WHEN subscription.oid IS NOT NULL THEN pg_replication_origin_progress('pg_' || subscription.oid, false)::text END,
    coalesce(stats.apply_error_count, 0),
    (SELECT coalesce(sum(value::bigint), 0)::bigint FROM jsonb_each_text(to_jsonb(stats)) WHERE key LIKE 'confl\_%%' AND key NOT LIKE '%%differs'),
    'pg_' || subscription.oid
FROM (VALUES (1)) AS always (one)
LEFT JOIN pg_subscription AS subscription
    ON subscription.subname = %(name)s AND subscription.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
LEFT JOIN pg_stat_subscription AS worker ON worker.subid = subscription.oid AND worker.worker_type = 'apply'
LEFT JOIN pg_stat_subscription_stats AS stats ON stats.subid = subscription.oid
