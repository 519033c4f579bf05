-- Write how far a run is or how it ended, also when its begin could not be written.
-- grain   one row: the run
-- reads   cfg.topology, ctl.audit_log
-- writes  ctl.job_run
-- rule    a run that somebody has found lost stays so; the loads of a run are those of its job and site while it went on
INSERT INTO ctl.job_run AS known (
    run, started_at, job, site, epoch, status, cause, due_at, ended_at, rows, cycles, first_audit_key, last_audit_key, message, summary
)
SELECT
    %(run)s, %(started_at)s, %(job)s, %(site)s, epoch, %(status)s, %(cause)s, %(due_at)s, %(ended_at)s, %(rows)s, %(cycles)s,
    loads.first_key, loads.last_key, %(message)s, %(summary)s
FROM cfg.topology
CROSS JOIN (
    SELECT min(audit_key) AS first_key, max(audit_key) AS last_key
    FROM ctl.audit_log
    WHERE job = %(job)s AND site = %(site)s AND created_at >= %(started_at)s
) AS loads
ON CONFLICT (started_at, run) DO UPDATE
SET status = excluded.status,
    ended_at = excluded.ended_at,
    rows = excluded.rows,
    cycles = excluded.cycles,
    first_audit_key = excluded.first_audit_key,
    last_audit_key = excluded.last_audit_key,
    message = excluded.message,
    summary = excluded.summary
WHERE known.status = 'running'
