-- The last run of each job.
-- grain   one row: a job that has run
-- reads   ctl.job_run, ops.job_run
-- writes  nothing
-- rule    of two that began together, the one with the higher name
SELECT DISTINCT ON (job) job, run, status, started_at, ended_at, rows, message
FROM (
    SELECT job, run, status, started_at, ended_at, rows, message FROM ctl.job_run
    UNION ALL
    SELECT job, run, status, started_at, ended_at, rows, message FROM ops.job_run
) AS history
ORDER BY job, started_at DESC, run DESC
