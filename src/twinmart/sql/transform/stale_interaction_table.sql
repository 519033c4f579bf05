-- Room for the identities under which the working interactions stand in the facts so far.
-- grain   interaction
-- reads   gidb.interaction (its shape)
-- writes  stale_interaction (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS stale_interaction ON COMMIT DELETE ROWS AS
SELECT source_key, root_id, interaction_id, start_date_time_key, last_date_time_key
FROM gidb.interaction
WITH NO DATA
