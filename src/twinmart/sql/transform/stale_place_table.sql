-- Room for places whose earliest part in an interaction may have gone.
-- grain   resource
-- reads   mart.resource_ (its shape)
-- writes  stale_place (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS stale_place ON COMMIT DELETE ROWS AS
SELECT resource_key
FROM mart.resource_
WITH NO DATA
