-- Add the events of a batch that are not known yet, and count them for their sessions.
-- grain   event; data-source session
-- reads   idb_incoming (temporary)
-- writes  event, data_source_session
-- rule    an event has one identity: what is known already is left alone; rows keep the order of the batch, since a
--         temporary table that was filled once is read from its beginning; the start of the switch lies before the
--         session that tells of it
WITH added AS (
    INSERT INTO event (
        event_id, at, kind, channel_id, linked_id, other_id, bridge_id, channel, queue, member, number, target, value, reason, detail,
        session_key, received_at
    )
    SELECT
        event_id, at, kind, channel_id, linked_id, other_id, bridge_id, channel, queue, member, number, target, value, reason, detail,
        session_key, received_at
    FROM idb_incoming
    ON CONFLICT DO NOTHING
    RETURNING session_key, at, kind
),

told AS (
    SELECT
        session_key,
        count(*) AS events,
        min(at) FILTER (WHERE kind <> 'switch_boot') AS first_at,
        max(at) FILTER (WHERE kind <> 'switch_boot') AS last_at
    FROM added
    GROUP BY session_key
),

noted AS (
    UPDATE data_source_session AS known
    SET
        events = known.events + told.events,
        first_event_at = least(known.first_event_at, told.first_at),
        last_event_at = greatest(known.last_event_at, told.last_at)
    FROM told
    WHERE known.session_key = told.session_key
)

SELECT events FROM told
