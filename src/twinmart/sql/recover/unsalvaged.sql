-- Sites that were lost and of which nobody has fetched since what they alone may hold.
-- grain   one row a lost site
-- reads   ctl.loss, ops.salvage_run
-- writes  nothing
-- rule    a salvage that was completed after the newest loss has fetched it
SELECT lost_site
FROM ctl.loss
GROUP BY lost_site
HAVING max(noted_at) > coalesce(
    (SELECT max(salvage.ended_at) FROM ops.salvage_run AS salvage WHERE salvage.lost_site = loss.lost_site),
    '-infinity'
)
