-- Call runs lost whose process is gone; the caller holds the lock that they would hold.
-- grain   one row: a run that nobody is running
-- reads   cfg.topology
-- writes  ops.job_run
-- rule    runs of the site itself, and of any site in an older epoch: their site lost the right to run them
UPDATE ops.job_run AS lost
SET status = 'lost',
    ended_at = %(now)s,
    message = 'its process died, or its site was lost; what it had committed stands'
FROM cfg.topology
WHERE lost.status = 'running' AND lost.job = %(job)s AND (lost.site = %(site)s OR lost.epoch < topology.epoch)
