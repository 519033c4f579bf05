-- The extractions that brought these batches.
-- grain   batch
-- reads   ctl.admin_extract_history
-- writes  nothing
-- rule    an extraction that brought nothing new bears the batch of the one before, and is left out
SELECT extract_key AS batch, collector, site, started_at, ended_at, rows_read, rows_new, from_seq, to_seq
FROM ctl.admin_extract_history
WHERE extract_key = ANY (%(batches)s) AND rows_new > 0
ORDER BY extract_key
