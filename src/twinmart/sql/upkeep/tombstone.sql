-- Rows that loads took out of the facts.
-- grain   fact table, key, load
-- reads   ctl.deleted_fact
-- writes  nothing
-- rule    a row that was loaded again later is in the file of its table too, so tombstones are applied first
SELECT table_name, tenant_key, start_date_time_key, fact_key, fact_part, audit_key, deleted_at
FROM ctl.deleted_fact
WHERE audit_key > %(from_key)s AND audit_key <= %(to_key)s
  AND start_date_time_key >= %(start_key)s
