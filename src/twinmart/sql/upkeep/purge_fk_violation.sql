-- Forget old rows of ctl.fk_violation.
-- grain   row
-- reads   nothing
-- writes  ctl.fk_violation
-- rule    kept as long as days-to-keep-discards-and-job-history says
DELETE FROM ctl.fk_violation WHERE last_at < %(before_at)s
