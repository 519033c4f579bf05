-- When the attempts begin that the states of a span belong to.
-- grain   span
-- reads   mart.ixn_resource_state_fact
-- writes  nothing
-- rule    known beforehand, it leaves out all other partitions
-- parameters  tenant_key, from_key, to_key
SELECT min(interaction_resource_sdt_key) AS first_key, max(interaction_resource_sdt_key) AS last_key
FROM mart.ixn_resource_state_fact
WHERE tenant_key = %(tenant_key)s
  AND start_date_time_key < %(to_key)s
  AND (
      start_date_time_key >= %(from_key)s
      OR end_date_time_key IS DISTINCT FROM start_date_time_key AND coalesce(end_date_time_key, 9223372036854775807) >= %(from_key)s
  )
