-- The loads of these audit keys.
-- grain   load
-- reads   ctl.audit_log
-- writes  nothing
-- rule    oldest first
SELECT audit_key, created_at, job, site, epoch, row_count
FROM ctl.audit_log
WHERE audit_key = ANY (%(audit_keys)s)
ORDER BY audit_key
