-- Write that a run has begun.
-- grain   one row: the run
-- reads   cfg.topology
-- writes  ops.job_run
-- rule    a run carries the epoch in which it began; one that is known already stays
INSERT INTO ops.job_run (run, started_at, job, site, epoch, status, cause, due_at)
SELECT %(run)s, %(started_at)s, %(job)s, %(site)s, epoch, 'running', %(cause)s, %(due_at)s
FROM cfg.topology
ON CONFLICT (started_at, run) DO NOTHING
