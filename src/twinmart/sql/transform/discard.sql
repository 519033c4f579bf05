-- Record the working interactions that break a rule.
-- grain   interaction
-- reads   broken (temporary)
-- writes  ctl.transform_discard
-- rule    told once, with the latest reason; not told where the policy is to go on silently, but a dangling link always is, since its
--         own policy keeps it out
INSERT INTO ctl.transform_discard (source_key, root_id, code, reason, first_at, audit_key, discarded_at)
SELECT source_key, root_id, code, reason, first_at, %(audit_key)s, now()
FROM broken
WHERE %(is_recorded)s OR code = 'dangling-link'
ON CONFLICT (source_key, root_id) DO UPDATE
SET code = excluded.code, reason = excluded.reason, first_at = excluded.first_at
