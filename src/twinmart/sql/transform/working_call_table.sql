-- Room for the calls to recompute, each with the root of the interaction that it belongs to.
-- grain   call
-- reads   gidb.touched_call (its shape)
-- writes  working_call (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS working_call ON COMMIT DELETE ROWS AS
SELECT source_key, linked_id, linked_id AS root_id
FROM gidb.touched_call
WITH NO DATA
