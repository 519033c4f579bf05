-- Tables with tenants that have no policy yet, and views that are still read with their owner's rights.
-- grain   table or view
-- reads   pg_class, pg_namespace, pg_attribute, pg_policy, pg_depend, pg_rewrite
-- writes  nothing
-- rule    partitions are read by way of their table; views over raw events and over collectors show no tenant's facts and stay as they are
SELECT place.nspname AS schema_name, item.relname AS name, item.relkind::text AS kind
FROM pg_class AS item
JOIN pg_namespace AS place ON place.oid = item.relnamespace
WHERE place.nspname IN ('mart', 'agg', 'gim')
  AND NOT item.relispartition
  AND (
      (
          item.relkind IN ('r', 'p')
          AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = item.oid AND attname = 'tenant_key' AND NOT attisdropped)
          AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = item.oid AND polname = 'tenant_reader')
      )
      OR (
          item.relkind = 'v'
          AND NOT coalesce('security_invoker=true' = ANY (item.reloptions), false)
          AND NOT EXISTS (
              SELECT FROM pg_rewrite AS rule
              JOIN pg_depend AS need ON need.objid = rule.oid AND need.classid = 'pg_rewrite'::regclass
              JOIN pg_class AS base ON base.oid = need.refobjid AND need.refclassid = 'pg_class'::regclass
              WHERE rule.ev_class = item.oid
                AND (base.relnamespace = 'gidb'::regnamespace OR base.relnamespace = 'ops'::regnamespace
                    OR base.relnamespace = 'ctl'::regnamespace
                    OR (base.relnamespace = 'cfg'::regnamespace AND base.relname <> 'source'))
          )
      )
  )
ORDER BY place.nspname, item.relname
