-- The mart server and its jobs: what ran, what the server is doing, what it is asked for, what it must not begin by itself.
-- ctl.job_run belongs to the active site and is replicated; what a standby runs for itself stands in ops.job_run, where it may write.

CREATE TABLE ctl.job_run (
    run uuid NOT NULL,
    started_at timestamptz NOT NULL,
    job text NOT NULL,
    site integer NOT NULL,
    epoch bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'done', 'failed', 'stopped', 'lost')),
    cause text NOT NULL CHECK (cause IN ('schedule', 'request', 'command', 'demand')),
    due_at timestamptz,
    ended_at timestamptz,
    rows bigint,
    cycles bigint NOT NULL DEFAULT 1,
    first_audit_key bigint,
    last_audit_key bigint,
    message text,
    summary jsonb,
    PRIMARY KEY (started_at, run)
) PARTITION BY RANGE (started_at);
COMMENT ON TABLE ctl.job_run IS 'One row a run of a job at the active site; cycles that follow one another without a pause share one';
COMMENT ON COLUMN ctl.job_run.run IS 'Name of the run';
COMMENT ON COLUMN ctl.job_run.started_at IS 'When it began, by the clock of the process that ran it';
COMMENT ON COLUMN ctl.job_run.job IS 'Job, as in docs/reference/jobs.md';
COMMENT ON COLUMN ctl.job_run.site IS 'Site whose process ran it';
COMMENT ON COLUMN ctl.job_run.epoch IS 'Epoch of the topology when it began';
COMMENT ON COLUMN ctl.job_run.status IS 'running, or how it ended; lost when its process died';
COMMENT ON COLUMN ctl.job_run.cause IS 'What began it: the schedule, a request to the server, a command without one, or the server on demand';
COMMENT ON COLUMN ctl.job_run.due_at IS 'Instant of the schedule that it serves; NULL without one';
COMMENT ON COLUMN ctl.job_run.ended_at IS 'When it ended; NULL while it runs; for a lost one when that was found out';
COMMENT ON COLUMN ctl.job_run.rows IS 'Rows it concerned, as its job counts them; NULL when it does not';
COMMENT ON COLUMN ctl.job_run.cycles IS 'Cycles of extraction or transformation that had something to do; 1 for other jobs';
COMMENT ON COLUMN ctl.job_run.first_audit_key IS 'First load that it committed; NULL when there was none';
COMMENT ON COLUMN ctl.job_run.last_audit_key IS 'Last load that it committed';
COMMENT ON COLUMN ctl.job_run.message IS 'How it ended or how far it is, in a sentence';
COMMENT ON COLUMN ctl.job_run.summary IS 'What its job says of the run';
CREATE INDEX job_run_job_ix ON ctl.job_run (job, started_at DESC);
INSERT INTO ops.partition_rule VALUES ('ctl', 'job_run', 'timestamptz', 30) ON CONFLICT DO NOTHING;

CREATE TABLE ops.job_run (
    run uuid NOT NULL,
    started_at timestamptz NOT NULL,
    job text NOT NULL,
    site integer NOT NULL,
    epoch bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'done', 'failed', 'stopped', 'lost')),
    cause text NOT NULL CHECK (cause IN ('schedule', 'request', 'command', 'demand')),
    due_at timestamptz,
    ended_at timestamptz,
    rows bigint,
    cycles bigint NOT NULL DEFAULT 1,
    first_audit_key bigint,
    last_audit_key bigint,
    message text,
    summary jsonb,
    PRIMARY KEY (started_at, run)
);
COMMENT ON TABLE ops.job_run IS 'As ctl.job_run, of jobs that this site ran while it was not the active one';
COMMENT ON COLUMN ops.job_run.run IS 'Name of the run';
COMMENT ON COLUMN ops.job_run.started_at IS 'When it began, by the clock of the process that ran it';
COMMENT ON COLUMN ops.job_run.job IS 'Job, as in docs/reference/jobs.md';
COMMENT ON COLUMN ops.job_run.site IS 'Site whose process ran it';
COMMENT ON COLUMN ops.job_run.epoch IS 'Epoch of the topology when it began';
COMMENT ON COLUMN ops.job_run.status IS 'running, or how it ended; lost when its process died';
COMMENT ON COLUMN ops.job_run.cause IS 'What began it: the schedule, a request to the server, a command without one, or the server on demand';
COMMENT ON COLUMN ops.job_run.due_at IS 'Instant of the schedule that it serves; NULL without one';
COMMENT ON COLUMN ops.job_run.ended_at IS 'When it ended; NULL while it runs; for a lost one when that was found out';
COMMENT ON COLUMN ops.job_run.rows IS 'Rows it concerned, as its job counts them; NULL when it does not';
COMMENT ON COLUMN ops.job_run.cycles IS 'Cycles of extraction or transformation that had something to do; 1 for other jobs';
COMMENT ON COLUMN ops.job_run.first_audit_key IS 'First load that it committed; NULL when there was none';
COMMENT ON COLUMN ops.job_run.last_audit_key IS 'Last load that it committed';
COMMENT ON COLUMN ops.job_run.message IS 'How it ended or how far it is, in a sentence';
COMMENT ON COLUMN ops.job_run.summary IS 'What its job says of the run';

CREATE TABLE ctl.job_hold (
    job text PRIMARY KEY,
    held_at timestamptz NOT NULL DEFAULT now(),
    held_by text NOT NULL,
    reason text
);
COMMENT ON TABLE ctl.job_hold IS 'Jobs that the scheduler must not begin until they are released';
COMMENT ON COLUMN ctl.job_hold.job IS 'Job';
COMMENT ON COLUMN ctl.job_hold.held_at IS 'Since when';
COMMENT ON COLUMN ctl.job_hold.held_by IS 'Who held it';
COMMENT ON COLUMN ctl.job_hold.reason IS 'Why, if that was said';

CREATE TABLE ops.server (
    kind text NOT NULL,
    name text NOT NULL,
    pid integer NOT NULL,
    host text NOT NULL,
    site integer NOT NULL,
    state text NOT NULL,
    why text,
    started_at timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    version text,
    epoch_seen bigint,
    PRIMARY KEY (kind, name)
);
COMMENT ON TABLE ops.server IS 'Processes of this site, one row each: what state they are in and when they last said so';
COMMENT ON COLUMN ops.server.kind IS 'mart, collector, console, ...';
COMMENT ON COLUMN ops.server.name IS 'Name within its kind; that of the mart server is mart';
COMMENT ON COLUMN ops.server.pid IS 'Process id on its host';
COMMENT ON COLUMN ops.server.host IS 'Host on which it runs';
COMMENT ON COLUMN ops.server.site IS 'Number of the site';
COMMENT ON COLUMN ops.server.state IS 'Of a mart server: starting, migration, standby, running, paused, stopping, fenced, stopped';
COMMENT ON COLUMN ops.server.why IS 'Why it is in that state, where that needs a word';
COMMENT ON COLUMN ops.server.started_at IS 'When the process began';
COMMENT ON COLUMN ops.server.heartbeat_at IS 'When it last wrote this row';
COMMENT ON COLUMN ops.server.version IS 'Version of its program';
COMMENT ON COLUMN ops.server.epoch_seen IS 'Highest epoch it has met anywhere: it stays fenced while that is above its own';

CREATE TABLE ops.job_state (
    job text PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('idle', 'running', 'stopping')),
    run uuid,
    since timestamptz,
    next_at timestamptz,
    is_continuous boolean NOT NULL DEFAULT false,
    message text
);
COMMENT ON TABLE ops.job_state IS 'What the mart server of this site is doing for each job, as of its last heartbeat';
COMMENT ON COLUMN ops.job_state.job IS 'Job';
COMMENT ON COLUMN ops.job_state.state IS 'idle, running or stopping';
COMMENT ON COLUMN ops.job_state.run IS 'Run that is going on';
COMMENT ON COLUMN ops.job_state.since IS 'When it began';
COMMENT ON COLUMN ops.job_state.next_at IS 'When the schedule begins it next; NULL when it does not';
COMMENT ON COLUMN ops.job_state.is_continuous IS 'Whether cycles follow one another without a pause';
COMMENT ON COLUMN ops.job_state.message IS 'How far it is, or why it does not run';

CREATE TABLE ops.job_request (
    request uuid PRIMARY KEY,
    job text NOT NULL,
    action text NOT NULL CHECK (action IN ('run', 'stop')),
    asked_at timestamptz NOT NULL DEFAULT now(),
    asked_by text NOT NULL DEFAULT session_user,
    run uuid,
    answered_at timestamptz,
    error jsonb
);
COMMENT ON TABLE ops.job_request IS 'What people ask the mart server of this site to do; a request that no server answers is void when the next one starts';
COMMENT ON COLUMN ops.job_request.request IS 'Name of the request';
COMMENT ON COLUMN ops.job_request.job IS 'Job';
COMMENT ON COLUMN ops.job_request.action IS 'run or stop';
COMMENT ON COLUMN ops.job_request.asked_at IS 'When';
COMMENT ON COLUMN ops.job_request.asked_by IS 'By whom';
COMMENT ON COLUMN ops.job_request.run IS 'Run that was begun or is stopping';
COMMENT ON COLUMN ops.job_request.answered_at IS 'When the server took it up or refused it';
COMMENT ON COLUMN ops.job_request.error IS 'Why it was refused: code, message, detail, hint';

CREATE VIEW ctl.admin_job_history AS
SELECT
    history.job,
    history.site,
    history.started_at,
    history.ended_at,
    mart.epoch_ms(history.ended_at) - mart.epoch_ms(history.started_at) AS duration_ms,
    history.status,
    history.cause,
    history.rows,
    history.cycles,
    history.message,
    history.run
FROM ctl.job_run AS history;
COMMENT ON VIEW ctl.admin_job_history IS 'One row a run of a job at the active site, for administrators';
COMMENT ON COLUMN ctl.admin_job_history.job IS 'Job';
COMMENT ON COLUMN ctl.admin_job_history.site IS 'Site whose process ran it';
COMMENT ON COLUMN ctl.admin_job_history.started_at IS 'When it began';
COMMENT ON COLUMN ctl.admin_job_history.ended_at IS 'When it ended; NULL while it runs';
COMMENT ON COLUMN ctl.admin_job_history.duration_ms IS 'Begin to end, milliseconds';
COMMENT ON COLUMN ctl.admin_job_history.status IS 'running, done, failed, stopped or lost';
COMMENT ON COLUMN ctl.admin_job_history.cause IS 'schedule, request, command or demand';
COMMENT ON COLUMN ctl.admin_job_history.rows IS 'Rows it concerned';
COMMENT ON COLUMN ctl.admin_job_history.cycles IS 'Cycles that had something to do';
COMMENT ON COLUMN ctl.admin_job_history.message IS 'How it ended';
COMMENT ON COLUMN ctl.admin_job_history.run IS 'Name of the run';

CREATE VIEW gim.ctl_etl_history AS
SELECT
    history.run::text AS job_id,
    alias.original AS job_name,
    NULL::text AS job_version,
    (history.started_at AT TIME ZONE 'UTC')::timestamp(3) AS start_time,
    (history.ended_at AT TIME ZONE 'UTC')::timestamp(3) AS end_time,
    floor(extract(epoch FROM history.started_at))::bigint AS start_ts,
    floor(extract(epoch FROM history.ended_at))::bigint AS end_ts,
    floor(extract(epoch FROM history.ended_at) - extract(epoch FROM history.started_at))::bigint AS duration,
    CASE history.status WHEN 'done' THEN 'COMPLETE' WHEN 'running' THEN 'RUNNING' WHEN 'stopped' THEN 'STOPPED' ELSE 'FAILED' END AS status,
    history.rows AS row_count,
    floor(extract(epoch FROM history.started_at))::bigint AS created_ts
FROM ctl.job_run AS history
JOIN (VALUES
    ('initialize', 'Job_InitializeGIM'),
    ('extract', 'Job_ExtractICON'),
    ('transform', 'Job_TransformGIM'),
    ('aggregate', 'Job_AggregateGIM'),
    ('maintain', 'Job_MaintainGIM'),
    ('migrate', 'Job_MigrateGIM'),
    ('update-stats', 'Job_UpdateStats'),
    ('export', 'Job_ExportGIM')
) AS alias (job, original) USING (job)
WHERE history.ended_at IS NOT NULL;
COMMENT ON VIEW gim.ctl_etl_history IS 'One row a run that has ended, under the names of the original';
COMMENT ON COLUMN gim.ctl_etl_history.job_id IS 'Name of the run';
COMMENT ON COLUMN gim.ctl_etl_history.job_name IS 'Name of the job in the original';
COMMENT ON COLUMN gim.ctl_etl_history.job_version IS 'Constant NULL: not recorded';
COMMENT ON COLUMN gim.ctl_etl_history.start_time IS 'When it began, UTC';
COMMENT ON COLUMN gim.ctl_etl_history.end_time IS 'When it ended, UTC; NULL while it runs';
COMMENT ON COLUMN gim.ctl_etl_history.start_ts IS 'When it began, epoch seconds';
COMMENT ON COLUMN gim.ctl_etl_history.end_ts IS 'When it ended, epoch seconds';
COMMENT ON COLUMN gim.ctl_etl_history.duration IS 'Begin to end, whole seconds';
COMMENT ON COLUMN gim.ctl_etl_history.status IS 'COMPLETE, RUNNING, STOPPED or FAILED; a lost run is FAILED';
COMMENT ON COLUMN gim.ctl_etl_history.row_count IS 'Rows it concerned';
COMMENT ON COLUMN gim.ctl_etl_history.created_ts IS 'When the row was made, epoch seconds';

CREATE VIEW gim.admin_etl_job_history AS
SELECT
    history.run::text AS job_id,
    alias.original AS job_name,
    NULL::text AS job_version,
    (history.started_at AT TIME ZONE 'UTC')::timestamp(3) AS start_time,
    (history.ended_at AT TIME ZONE 'UTC')::timestamp(3) AS end_time,
    floor(extract(epoch FROM history.started_at))::bigint AS start_ts,
    floor(extract(epoch FROM history.ended_at))::bigint AS end_ts,
    floor(extract(epoch FROM history.ended_at) - extract(epoch FROM history.started_at))::bigint AS duration,
    CASE history.status WHEN 'done' THEN 'COMPLETE' WHEN 'running' THEN 'RUNNING' WHEN 'stopped' THEN 'STOPPED' ELSE 'FAILED' END AS status,
    history.rows AS row_count,
    floor(extract(epoch FROM history.started_at))::bigint AS created_ts
FROM ctl.job_run AS history
JOIN (VALUES
    ('initialize', 'Job_InitializeGIM'),
    ('extract', 'Job_ExtractICON'),
    ('transform', 'Job_TransformGIM'),
    ('aggregate', 'Job_AggregateGIM'),
    ('maintain', 'Job_MaintainGIM'),
    ('migrate', 'Job_MigrateGIM'),
    ('update-stats', 'Job_UpdateStats'),
    ('export', 'Job_ExportGIM')
) AS alias (job, original) USING (job);
COMMENT ON VIEW gim.admin_etl_job_history IS 'One row a run, those going on too, as administrators of the original read it';
COMMENT ON COLUMN gim.admin_etl_job_history.job_id IS 'Name of the run';
COMMENT ON COLUMN gim.admin_etl_job_history.job_name IS 'Name of the job in the original';
COMMENT ON COLUMN gim.admin_etl_job_history.job_version IS 'Constant NULL: not recorded';
COMMENT ON COLUMN gim.admin_etl_job_history.start_time IS 'When it began, UTC';
COMMENT ON COLUMN gim.admin_etl_job_history.end_time IS 'When it ended, UTC; NULL while it runs';
COMMENT ON COLUMN gim.admin_etl_job_history.start_ts IS 'When it began, epoch seconds';
COMMENT ON COLUMN gim.admin_etl_job_history.end_ts IS 'When it ended, epoch seconds';
COMMENT ON COLUMN gim.admin_etl_job_history.duration IS 'Begin to end, whole seconds';
COMMENT ON COLUMN gim.admin_etl_job_history.status IS 'COMPLETE, RUNNING, STOPPED or FAILED; a lost run is FAILED';
COMMENT ON COLUMN gim.admin_etl_job_history.row_count IS 'Rows it concerned';
COMMENT ON COLUMN gim.admin_etl_job_history.created_ts IS 'When the row was made, epoch seconds';
