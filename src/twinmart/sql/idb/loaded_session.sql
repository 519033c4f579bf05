-- Note what a loaded recording turned out to span.
-- grain   data-source session
-- reads   nothing
-- writes  data_source_session
-- rule    the span is that of its events
UPDATE data_source_session
SET
    connected_at = coalesce(first_event_at, connected_at),
    last_heard_at = coalesce(last_event_at, last_heard_at),
    disconnected_at = coalesce(last_event_at, disconnected_at),
    switch_boot_at = %(switch_boot_at)s,
    version = %(version)s,
    system_name = %(system_name)s
WHERE session_key = %(session_key)s
