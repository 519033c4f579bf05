-- Forget old delays.
-- grain   delay
-- reads   nothing
-- writes  ctl.delay
-- rule    one that goes on stays
DELETE FROM ctl.delay WHERE ended_at < %(before_at)s
