-- Forget old rows of ctl.transform_discard.
-- grain   row
-- reads   nothing
-- writes  ctl.transform_discard
-- rule    kept as long as days-to-keep-discards-and-job-history says
DELETE FROM ctl.transform_discard WHERE discarded_at < %(before_at)s
