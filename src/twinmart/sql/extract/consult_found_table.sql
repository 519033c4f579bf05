-- Room for the consultations found.
-- grain   channel that an agent's phone started itself
-- reads   gidb.channel_link (its shape)
-- writes  consult_found (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS consult_found ON COMMIT DELETE ROWS AS
SELECT source_key, channel_id, linked_id, linked_id AS held_linked_id
FROM gidb.channel_link
WITH NO DATA
