-- Forget old rows of ctl.late_discard.
-- grain   row
-- reads   nothing
-- writes  ctl.late_discard
-- rule    kept as long as days-to-keep-discards-and-job-history says
DELETE FROM ctl.late_discard WHERE discarded_at < %(before_at)s
