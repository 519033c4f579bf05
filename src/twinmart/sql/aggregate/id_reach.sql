-- Up to when attempts may begin that belong to the interactions of a span.
-- grain   span
-- reads   mart.interaction_fact
-- writes  nothing
-- rule    known beforehand, it leaves out all other partitions
-- parameters  tenant_key, from_key, to_key
SELECT %(from_key)s::bigint AS first_key, max(coalesce(end_date_time_key, 9223372036854775807)) AS last_key
FROM mart.interaction_fact
WHERE tenant_key = %(tenant_key)s AND start_date_time_key >= %(from_key)s AND start_date_time_key < %(to_key)s
