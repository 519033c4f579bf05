-- Room for the rows of one interaction database on their way into gidb.event; lives as long as the connection.
-- grain   event as the interaction database holds it
-- reads   gidb.event (its shape)
-- writes  incoming (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS incoming ON COMMIT DELETE ROWS AS
SELECT event_id, at, kind, channel_id, linked_id, other_id, bridge_id, channel, queue, member, number, target, value, reason, detail
FROM gidb.event
WITH NO DATA
