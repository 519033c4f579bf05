-- Room for the channels of the calls to recompute.
-- grain   channel
-- reads   gidb.channel_link (its shape)
-- writes  working_channel (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS working_channel ON COMMIT DELETE ROWS AS
SELECT source_key, channel_id, linked_id AS root_id
FROM gidb.channel_link
WITH NO DATA
