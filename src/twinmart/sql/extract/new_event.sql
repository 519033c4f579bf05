-- Take the incoming events that the twin has not delivered before, and remember which they were.
-- grain   event
-- reads   incoming
-- writes  gidb.event, new_event (temporary)
-- rule    an event has one identity: what is known already is left alone
WITH taken AS (
    INSERT INTO gidb.event (
        source_key, batch, event_id, at, kind, channel_id, linked_id, other_id, bridge_id, channel, queue, member, number, target,
        value, reason, detail
    )
    SELECT
        %(source_key)s, %(batch)s, event_id, at, kind, channel_id, linked_id, other_id, bridge_id, channel, queue, member, number,
        target, value, reason, detail
    FROM incoming
    ON CONFLICT DO NOTHING
    RETURNING source_key, at, kind, channel_id, linked_id, other_id, channel, queue, member, target, value, reason, detail
)
INSERT INTO new_event
SELECT * FROM taken
