-- Note until when the source was heard, and what it has said of itself.
-- grain   data-source session
-- reads   nothing
-- writes  data_source_session
-- rule    told in order; moves back only with the clock of the source
UPDATE data_source_session
SET
    last_heard_at = %(last_heard_at)s,
    switch_boot_at = coalesce(%(switch_boot_at)s, switch_boot_at),
    version = coalesce(%(version)s, version),
    system_name = coalesce(%(system_name)s, system_name),
    connect_type = CASE WHEN %(restarted)s THEN 3 ELSE connect_type END
WHERE session_key = %(session_key)s
