-- Write what the mart server is doing for each job.
-- grain   one row: a job
-- reads   nothing
-- writes  ops.job_state
-- rule    rows that say the same already stay as they are
MERGE INTO ops.job_state AS known
USING jsonb_to_recordset(%(states)s) AS told (
    job text, state text, run uuid, since timestamptz, next_at timestamptz, is_continuous boolean, message text
)
ON known.job = told.job
WHEN MATCHED
    AND ROW(known.state, known.run, known.since, known.next_at, known.is_continuous, known.message)
    IS DISTINCT FROM ROW(told.state, told.run, told.since, told.next_at, told.is_continuous, told.message)
    THEN UPDATE SET
        state = told.state,
        run = told.run,
        since = told.since,
        next_at = told.next_at,
        is_continuous = told.is_continuous,
        message = told.message
WHEN NOT MATCHED THEN INSERT (job, state, run, since, next_at, is_continuous, message)
    VALUES (told.job, told.state, told.run, told.since, told.next_at, told.is_continuous, told.message)
