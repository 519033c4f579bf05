-- The last runs, latest first.
-- grain   one row: a run
-- reads   ctl.job_run, ops.job_run
-- writes  nothing
-- rule    runs of the active site and those of this site as a standby, in one list
SELECT run, job, site, status, cause, due_at, started_at, ended_at, rows, cycles, message, summary
FROM (
    SELECT run, job, site, status, cause, due_at, started_at, ended_at, rows, cycles, message, summary FROM ctl.job_run
    UNION ALL
    SELECT run, job, site, status, cause, due_at, started_at, ended_at, rows, cycles, message, summary FROM ops.job_run
) AS history
WHERE (%(job)s::text IS NULL OR job = %(job)s) AND (%(run)s::uuid IS NULL OR run = %(run)s)
ORDER BY started_at DESC, run
LIMIT %(last)s
