-- For each job the last instant of the schedule that needs no further run, and what its last run of all was.
-- grain   one row: a job that has run
-- reads   ctl.job_run, ops.job_run
-- writes  nothing
-- rule    an instant is served by a run that is done, or that a person stopped; one that failed or was lost is tried again
SELECT
    job,
    max(due_at) FILTER (WHERE status = 'done' OR (status = 'stopped' AND summary ->> 'stopped_by' = 'request')) AS served_at,
    max(due_at) AS begun_at
FROM (
    SELECT job, due_at, status, summary FROM ctl.job_run WHERE started_at > %(since)s
    UNION ALL
    SELECT job, due_at, status, summary FROM ops.job_run WHERE started_at > %(since)s
) AS history
WHERE due_at IS NOT NULL
GROUP BY job
