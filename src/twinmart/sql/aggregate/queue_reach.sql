-- Up to when the attempts begin that answered the visits of a span.
-- grain   span
-- reads   mart.mediation_segment_fact
-- writes  nothing
-- rule    known beforehand, it leaves out all other partitions
-- parameters  tenant_key, from_key, to_key
SELECT %(from_key)s::bigint AS first_key, max(target_ixn_resource_sdt_key) AS last_key
FROM mart.mediation_segment_fact
WHERE tenant_key = %(tenant_key)s AND start_date_time_key >= %(from_key)s AND start_date_time_key < %(to_key)s
