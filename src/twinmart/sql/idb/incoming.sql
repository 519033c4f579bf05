-- Room for a batch of events on its way into event; lives as long as the connection.
-- grain   event
-- reads   event (its shape)
-- writes  idb_incoming (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS idb_incoming ON COMMIT DELETE ROWS AS
SELECT
    event_id, at, kind, channel_id, linked_id, other_id, bridge_id, channel, queue, member, number, target, value, reason, detail,
    session_key, received_at
FROM event
WITH NO DATA
