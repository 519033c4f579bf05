-- Note until when the source was heard.
-- grain   data-source session
-- reads   nothing
-- writes  data_source_session
-- rule    never moves back
UPDATE data_source_session
SET
    last_heard_at = greatest(last_heard_at, %(last_heard_at)s),
    switch_boot_at = coalesce(%(switch_boot_at)s, switch_boot_at)
WHERE session_key = %(session_key)s
