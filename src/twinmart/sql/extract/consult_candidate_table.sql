-- Room for the calls that may be consultations.
-- grain   channel that an agent's phone started itself
-- reads   gidb.channel_link (its shape)
-- writes  consult_candidate (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS consult_candidate ON COMMIT DELETE ROWS AS
SELECT source_key, channel_id, linked_id, device, started_at
FROM gidb.channel_link
WITH NO DATA
