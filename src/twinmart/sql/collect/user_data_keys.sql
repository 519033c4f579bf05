-- Which keys of user data are collected of a source, and whose values are hidden.
-- grain   key
-- reads   cfg.user_data_wanted
-- writes  nothing
-- rule    asked by the collectors while they run, so that a key is collected from then on
SELECT key_name, is_masked FROM cfg.user_data_wanted WHERE source_name = %(source)s
