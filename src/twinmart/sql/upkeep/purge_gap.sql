-- Forget old gaps.
-- grain   gap
-- reads   nothing
-- writes  ctl.gap
-- rule    one that goes on stays
DELETE FROM ctl.gap WHERE to_at < %(before_at)s
