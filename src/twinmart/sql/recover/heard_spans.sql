-- When a collector heard its source.
-- grain   session
-- reads   data_source_session, event of an interaction database
-- writes  nothing
-- rule    where there is no session, as after a recording was loaded, the events themselves say it
SELECT connected_at, greatest(last_heard_at, disconnected_at, last_event_at) FROM {data_source_session}
UNION ALL
SELECT min(at), max(at)
FROM {event}
WHERE NOT EXISTS (SELECT FROM {data_source_session})
HAVING count(*) > 0
