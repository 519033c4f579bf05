-- Room for the events of one extraction that were not known before.
-- grain   event
-- reads   gidb.event (its shape)
-- writes  new_event (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS new_event ON COMMIT DELETE ROWS AS
SELECT source_key, at, kind, channel_id, linked_id, other_id, channel, queue, member, target, value, reason, detail
FROM gidb.event
WITH NO DATA
