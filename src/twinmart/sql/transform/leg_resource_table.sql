-- Room for the agents whose part in the working interactions may have changed.
-- grain   agent
-- reads   gidb.touched_resource (its shape)
-- writes  leg_resource (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS leg_resource ON COMMIT DELETE ROWS AS
SELECT resource_key, from_at
FROM gidb.touched_resource
WITH NO DATA
