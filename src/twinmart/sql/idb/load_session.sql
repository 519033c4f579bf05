-- Note a recording that is being loaded as a session of its own.
-- grain   data-source session
-- reads   nothing
-- writes  data_source_session
-- rule    the same recording is the same session; it is over, so it says nothing of what the collector hears now
INSERT INTO data_source_session (
    session_key, source, collector, connected_at, connect_type, last_heard_at, disconnected_at, disconnect_reason
)
VALUES (%(session_key)s, %(source)s, %(collector)s, %(at)s, 1, %(at)s, %(at)s, 'recording')
ON CONFLICT DO NOTHING
