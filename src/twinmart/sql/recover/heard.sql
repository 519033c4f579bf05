-- Until when a collector is known to have heard its source.
-- grain   one row
-- reads   data_source_session, event of an interaction database
-- writes  nothing
-- rule    a recording that was loaded has no session
SELECT greatest(
    (SELECT max(greatest(last_heard_at, disconnected_at, last_event_at)) FROM {session}),
    (SELECT max(at) FROM {event})
)
