-- When a site committed its first load since a moment.
-- grain   one row
-- reads   ctl.audit_log
-- writes  nothing
-- rule    the moment of the commit itself; where the server does not keep it, that at which the load was written
SELECT min(coalesce(CASE WHEN current_setting('track_commit_timestamp')::boolean THEN pg_xact_commit_timestamp(xmin) END, created_at))
FROM ctl.audit_log
WHERE created_at >= %(since)s AND site = %(site)s
