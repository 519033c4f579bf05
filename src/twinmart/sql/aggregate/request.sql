-- Ask for every interval of a span.
-- grain   request
-- reads   mart.tenant
-- writes  ctl.aggregate_request
-- rule    for the sets and tenants named. The number of the transaction is negative: somebody asks, and every level is computed anew
INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key, transaction_id)
SELECT tenant.tenant_key, wanted.set_name, 'subhr', touched.key, -pg_current_xact_id()::text::bigint
FROM mart.tenant AS tenant
CROSS JOIN unnest(%(sets)s::text[]) AS wanted (set_name)
CROSS JOIN generate_series(%(from_key)s::bigint, %(last_key)s::bigint, 900) AS touched (key)
WHERE CASE WHEN %(tenant)s::text IS NULL THEN tenant.tenant_key > 0 ELSE tenant.tenant_name = %(tenant)s::text END
ON CONFLICT DO NOTHING
