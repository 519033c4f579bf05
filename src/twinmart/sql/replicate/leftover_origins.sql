-- Replication origins that links of this mart wrote down and whose subscription is gone.
-- grain   one row an origin
-- reads   ops.link
-- writes  nothing
-- rule    an origin belongs to a subscription of its number; one of another mart of this server is never ours
SELECT roname
FROM pg_replication_origin
WHERE roname IN (SELECT origin FROM ops.link WHERE origin IS NOT NULL)
  AND NOT EXISTS (SELECT FROM pg_subscription WHERE 'pg_' || pg_subscription.oid = roname)
ORDER BY roname
