-- Forget old rows of ctl.export_history.
-- grain   row
-- reads   nothing
-- writes  ctl.export_history
-- rule    kept as long as days-to-keep-discards-and-job-history says
DELETE FROM ctl.export_history WHERE ended_at < %(before_at)s
