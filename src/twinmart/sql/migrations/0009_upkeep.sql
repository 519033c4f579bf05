-- Upkeep: what is purged and when, calendars of other zones, what was refused or missing, and what left a mart.

CREATE TABLE ctl.purge_command (
    kind text NOT NULL CHECK (kind IN ('facts', 'cfg', 'gidb', 'history')),
    before_at timestamptz NOT NULL,
    decided_at timestamptz NOT NULL,
    epoch bigint NOT NULL,
    site integer NOT NULL,
    PRIMARY KEY (kind, before_at)
);
COMMENT ON TABLE ctl.purge_command IS 'Decisions to drop what is too old; replicated, and carried out by each site itself, since replication carries no drop';
COMMENT ON COLUMN ctl.purge_command.kind IS 'facts: the dimensional model; cfg: memberships that have ended; gidb: events; history: control tables';
COMMENT ON COLUMN ctl.purge_command.before_at IS 'What lies wholly before this moment goes; events and interactions before it are refused from then on';
COMMENT ON COLUMN ctl.purge_command.decided_at IS 'When it was decided';
COMMENT ON COLUMN ctl.purge_command.epoch IS 'Epoch of the topology under which it was decided';
COMMENT ON COLUMN ctl.purge_command.site IS 'Site that decided, which was the active one';

CREATE FUNCTION ctl.purged_before(wanted text) RETURNS timestamptz
    LANGUAGE sql STABLE
    RETURN (SELECT coalesce(max(before_at), '-infinity') FROM ctl.purge_command WHERE kind = wanted);
COMMENT ON FUNCTION ctl.purged_before(text) IS 'Moment before which everything of a kind is purged, or about to be; -infinity: nothing';

CREATE TABLE ops.purge_done (
    schema_name text NOT NULL,
    table_name text NOT NULL,
    before_at timestamptz NOT NULL,
    partitions integer NOT NULL,
    bytes_freed bigint NOT NULL,
    rows_kept bigint NOT NULL,
    done_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (schema_name, table_name, before_at)
);
COMMENT ON TABLE ops.purge_done IS 'What this site has dropped of each table';
COMMENT ON COLUMN ops.purge_done.schema_name IS 'Schema of the table';
COMMENT ON COLUMN ops.purge_done.table_name IS 'Table';
COMMENT ON COLUMN ops.purge_done.before_at IS 'Upper end of the last partition dropped; one partition takes the place of all before it';
COMMENT ON COLUMN ops.purge_done.partitions IS 'Partitions dropped';
COMMENT ON COLUMN ops.purge_done.bytes_freed IS 'Their size with indexes, less that of what was kept';
COMMENT ON COLUMN ops.purge_done.rows_kept IS 'Rows of that span that are still needed and were kept';
COMMENT ON COLUMN ops.purge_done.done_at IS 'When';

CREATE TABLE ctl.late_discard (
    discard_key uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    source_key bigint NOT NULL,
    code text NOT NULL CHECK (code IN ('purged-event', 'purged-interaction')),
    collector_key bigint,
    root_id text,
    row_count bigint NOT NULL,
    first_at timestamptz,
    last_at timestamptz,
    before_at timestamptz NOT NULL,
    discarded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ctl.late_discard IS 'News that came when the span it belongs to was purged, and so was refused; facts stay as they were';
COMMENT ON COLUMN ctl.late_discard.discard_key IS 'Identity of the record';
COMMENT ON COLUMN ctl.late_discard.source_key IS 'Source';
COMMENT ON COLUMN ctl.late_discard.code IS 'purged-event: events before the cut-off; purged-interaction: later news of an interaction that began before it';
COMMENT ON COLUMN ctl.late_discard.collector_key IS 'Of events: the interaction database that held them';
COMMENT ON COLUMN ctl.late_discard.root_id IS 'Of an interaction: its root call';
COMMENT ON COLUMN ctl.late_discard.row_count IS 'Events, or calls, refused';
COMMENT ON COLUMN ctl.late_discard.first_at IS 'Of events: the earliest minute; of an interaction: its start';
COMMENT ON COLUMN ctl.late_discard.last_at IS 'Of events: the latest minute';
COMMENT ON COLUMN ctl.late_discard.before_at IS 'Cut-off that refused them';
COMMENT ON COLUMN ctl.late_discard.discarded_at IS 'When';
CREATE INDEX late_discard_discarded_at_ix ON ctl.late_discard (discarded_at);

CREATE TABLE ctl.deleted_fact (
    deleted_at timestamptz NOT NULL,
    table_name text NOT NULL,
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    fact_key uuid NOT NULL,
    audit_key bigint NOT NULL,
    PRIMARY KEY (deleted_at, table_name, tenant_key, start_date_time_key, fact_key)
) PARTITION BY RANGE (deleted_at);
COMMENT ON TABLE ctl.deleted_fact IS 'Tombstones: rows that a load took out of the facts, so that copies of the mart can take them out too';
COMMENT ON COLUMN ctl.deleted_fact.deleted_at IS 'When the load began';
COMMENT ON COLUMN ctl.deleted_fact.table_name IS 'Fact table, in schema mart';
COMMENT ON COLUMN ctl.deleted_fact.tenant_key IS 'Key of the row';
COMMENT ON COLUMN ctl.deleted_fact.start_date_time_key IS 'Key of the row';
COMMENT ON COLUMN ctl.deleted_fact.fact_key IS 'Key of the row';
COMMENT ON COLUMN ctl.deleted_fact.audit_key IS 'Load that deleted it';
CREATE INDEX deleted_fact_audit_key_ix ON ctl.deleted_fact (audit_key);

-- Set on the tables themselves, so that no code that deletes facts, now or later, can forget it. The load has taken its audit key, and
-- holds the counter, when it deletes.
CREATE FUNCTION ctl.note_deleted_fact() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ctl.deleted_fact (deleted_at, table_name, tenant_key, start_date_time_key, fact_key, audit_key)
    SELECT now(), TG_TABLE_NAME, tenant_key, start_date_time_key, (to_jsonb(gone) ->> TG_ARGV[0])::uuid,
        (SELECT value FROM ctl.counter WHERE name = 'audit')
    FROM gone
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ctl.note_deleted_fact() IS 'Writes a tombstone for each row deleted from a fact table; its argument is the column of the key';
CREATE TRIGGER note_deleted AFTER DELETE ON mart.interaction_fact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('interaction_id');
CREATE TRIGGER note_deleted AFTER DELETE ON mart.interaction_resource_fact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('interaction_resource_id');
CREATE TRIGGER note_deleted AFTER DELETE ON mart.mediation_segment_fact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('mediation_segment_id');
CREATE TRIGGER note_deleted AFTER DELETE ON mart.ixn_resource_state_fact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('ixn_resource_state_fact_key');
CREATE TRIGGER note_deleted AFTER DELETE ON mart.sm_res_session_fact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('sm_res_session_fact_key');
CREATE TRIGGER note_deleted AFTER DELETE ON mart.sm_res_state_fact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('sm_res_state_fact_key');
CREATE TRIGGER note_deleted AFTER DELETE ON mart.sm_res_state_reason_fact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('sm_res_state_reason_fact_key');
CREATE TRIGGER note_deleted AFTER DELETE ON mart.resource_group_fact_ REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('resource_group_fact_key');

CREATE TABLE mart.calendar (
    calendar_key bigint PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9_]{0,40}$'),
    section text NOT NULL,
    zone text NOT NULL,
    first_day_of_week smallint NOT NULL CHECK (first_day_of_week BETWEEN 1 AND 7),
    min_days_in_first_week smallint NOT NULL CHECK (min_days_in_first_week BETWEEN 1 AND 7),
    simple_week_numbering boolean NOT NULL,
    fiscal_year_start text NOT NULL,
    fiscal_week_pattern text NOT NULL,
    start_year integer NOT NULL,
    populated_to date NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    extended_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE mart.calendar IS 'Calendars beside mart.date_time, one a section date-time-* of the options; what they are made with is fixed from then on';
COMMENT ON COLUMN mart.calendar.calendar_key IS 'mart.dimension_key of the name';
COMMENT ON COLUMN mart.calendar.name IS 'Name of the view in schema gim that shows its intervals';
COMMENT ON COLUMN mart.calendar.section IS 'Section of the options';
COMMENT ON COLUMN mart.calendar.zone IS 'Time zone by its IANA name';
COMMENT ON COLUMN mart.calendar.first_day_of_week IS '1 Sunday to 7 Saturday, as the original counts';
COMMENT ON COLUMN mart.calendar.min_days_in_first_week IS 'Days that the first week of a year has at least, unless numbering is simple';
COMMENT ON COLUMN mart.calendar.simple_week_numbering IS 'Whether weeks are cut at the year: the first and the last may be short';
COMMENT ON COLUMN mart.calendar.fiscal_year_start IS 'Month and day of the fiscal year''s begin, such as 4-1';
COMMENT ON COLUMN mart.calendar.fiscal_week_pattern IS 'none, or weeks of the three months of a quarter such as 445: the year then begins with the nearest week';
COMMENT ON COLUMN mart.calendar.start_year IS 'First year';
COMMENT ON COLUMN mart.calendar.populated_to IS 'First local day that it does not hold yet';
COMMENT ON COLUMN mart.calendar.created_at IS 'When it was made';
COMMENT ON COLUMN mart.calendar.extended_at IS 'When it was extended last';

CREATE TABLE mart.calendar_date_time (
    calendar_key bigint NOT NULL,
    date_time_key bigint NOT NULL,
    date_time_30min_key bigint NOT NULL,
    date_time_hour_key bigint NOT NULL,
    date_time_day_key bigint NOT NULL,
    date_time_week_key bigint NOT NULL,
    date_time_month_key bigint NOT NULL,
    date_time_quarter_key bigint NOT NULL,
    date_time_year_key bigint NOT NULL,
    date_time_next_day_key bigint NOT NULL,
    cal_date timestamptz NOT NULL,
    label_yyyy text NOT NULL,
    label_yyyy_mm text NOT NULL,
    label_yyyy_mm_dd text NOT NULL,
    label_yyyy_mm_dd_hh24 text NOT NULL,
    label_yyyy_mm_dd_hh24_15int text NOT NULL,
    cal_day_num_in_week smallint NOT NULL,
    cal_day_name text NOT NULL,
    cal_month_num_in_year smallint NOT NULL,
    cal_month_name text NOT NULL,
    cal_quarter_num_in_year smallint NOT NULL,
    cal_hour_24_num_in_day smallint NOT NULL,
    cal_week_year integer NOT NULL,
    cal_week_num_in_year smallint NOT NULL,
    utc_offset_s integer NOT NULL,
    fiscal_year integer NOT NULL,
    fiscal_quarter_num_in_year smallint NOT NULL,
    fiscal_month_num_in_year smallint NOT NULL,
    fiscal_week_num_in_year smallint NOT NULL,
    fiscal_year_key bigint NOT NULL,
    fiscal_quarter_key bigint NOT NULL,
    fiscal_month_key bigint NOT NULL,
    fiscal_week_key bigint NOT NULL,
    PRIMARY KEY (calendar_key, date_time_key)
);
COMMENT ON TABLE mart.calendar_date_time IS 'Intervals of 15 minutes of the calendars of mart.calendar: the columns of mart.date_time by local time, weeks and fiscal years';
COMMENT ON COLUMN mart.calendar_date_time.calendar_key IS 'Calendar';
COMMENT ON COLUMN mart.calendar_date_time.date_time_key IS 'Epoch second at which the interval begins; the same as in the facts, whatever the zone';
COMMENT ON COLUMN mart.calendar_date_time.date_time_30min_key IS 'Half hour of local time';
COMMENT ON COLUMN mart.calendar_date_time.date_time_hour_key IS 'Hour of local time; one that clocks show twice has two';
COMMENT ON COLUMN mart.calendar_date_time.date_time_day_key IS 'Day: its first interval';
COMMENT ON COLUMN mart.calendar_date_time.date_time_week_key IS 'Week: the first interval of its first day';
COMMENT ON COLUMN mart.calendar_date_time.date_time_month_key IS 'Month likewise';
COMMENT ON COLUMN mart.calendar_date_time.date_time_quarter_key IS 'Quarter likewise';
COMMENT ON COLUMN mart.calendar_date_time.date_time_year_key IS 'Year likewise';
COMMENT ON COLUMN mart.calendar_date_time.date_time_next_day_key IS 'Day after: where clocks change, 92 or 100 intervals later';
COMMENT ON COLUMN mart.calendar_date_time.cal_date IS 'Begin of the interval';
COMMENT ON COLUMN mart.calendar_date_time.label_yyyy IS 'Year as text';
COMMENT ON COLUMN mart.calendar_date_time.label_yyyy_mm IS 'Year and month';
COMMENT ON COLUMN mart.calendar_date_time.label_yyyy_mm_dd IS 'Date';
COMMENT ON COLUMN mart.calendar_date_time.label_yyyy_mm_dd_hh24 IS 'Date and hour';
COMMENT ON COLUMN mart.calendar_date_time.label_yyyy_mm_dd_hh24_15int IS 'Date and interval';
COMMENT ON COLUMN mart.calendar_date_time.cal_day_num_in_week IS '1 to 7, from the calendar''s first day of the week';
COMMENT ON COLUMN mart.calendar_date_time.cal_day_name IS 'Day of the week';
COMMENT ON COLUMN mart.calendar_date_time.cal_month_num_in_year IS 'Month';
COMMENT ON COLUMN mart.calendar_date_time.cal_month_name IS 'Month''s name';
COMMENT ON COLUMN mart.calendar_date_time.cal_quarter_num_in_year IS 'Quarter';
COMMENT ON COLUMN mart.calendar_date_time.cal_hour_24_num_in_day IS 'Hour on the local clock, 0 to 23';
COMMENT ON COLUMN mart.calendar_date_time.cal_week_year IS 'Year that the week is counted to';
COMMENT ON COLUMN mart.calendar_date_time.cal_week_num_in_year IS 'Week of that year, from 1';
COMMENT ON COLUMN mart.calendar_date_time.utc_offset_s IS 'Local time less UTC, seconds';
COMMENT ON COLUMN mart.calendar_date_time.fiscal_year IS 'Fiscal year, named by the calendar year in which it begins';
COMMENT ON COLUMN mart.calendar_date_time.fiscal_quarter_num_in_year IS 'Fiscal quarter';
COMMENT ON COLUMN mart.calendar_date_time.fiscal_month_num_in_year IS 'Fiscal month';
COMMENT ON COLUMN mart.calendar_date_time.fiscal_week_num_in_year IS 'Week of the fiscal year, from 1';
COMMENT ON COLUMN mart.calendar_date_time.fiscal_year_key IS 'First interval of the fiscal year';
COMMENT ON COLUMN mart.calendar_date_time.fiscal_quarter_key IS 'First interval of the fiscal quarter';
COMMENT ON COLUMN mart.calendar_date_time.fiscal_month_key IS 'First interval of the fiscal month';
COMMENT ON COLUMN mart.calendar_date_time.fiscal_week_key IS 'First interval of the week of the fiscal year';

-- Midnight is there twice, or not at all, in zones that change clocks at midnight; so a day begins at the first quarter of an hour that
-- the local clock counts to it, or to a later day where the date was left out.
CREATE FUNCTION mart.day_start(day date, zone text) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT min(moment)
        FROM generate_series(
            (day::timestamp AT TIME ZONE zone) - interval '3 hours', (day::timestamp AT TIME ZONE zone) + interval '27 hours',
            interval '15 minutes'
        ) AS moment
        WHERE (moment AT TIME ZONE zone)::date >= day
    );
COMMENT ON FUNCTION mart.day_start(date, text) IS 'First interval of a day on the clocks of a zone';

CREATE TABLE ctl.delay (
    delay_key uuid PRIMARY KEY,
    source_key bigint NOT NULL,
    heard_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('delayed', 'stuck')),
    idb_tables text[] NOT NULL,
    threshold_s integer NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    stuck_at timestamptz,
    ended_at timestamptz
);
COMMENT ON TABLE ctl.delay IS 'Sources of which nothing was heard for longer than delayed-data-threshold: the record of event 55-20110';
COMMENT ON COLUMN ctl.delay.delay_key IS 'Identity: source and moment it was heard last';
COMMENT ON COLUMN ctl.delay.source_key IS 'Source';
COMMENT ON COLUMN ctl.delay.heard_at IS 'Until when it was heard, from either twin';
COMMENT ON COLUMN ctl.delay.state IS 'delayed; stuck: longer than extract-data-stuck-threshold, so nobody waits for it any more';
COMMENT ON COLUMN ctl.delay.idb_tables IS 'Tables of interaction databases that get no data';
COMMENT ON COLUMN ctl.delay.threshold_s IS 'Threshold in force when it was noted, seconds';
COMMENT ON COLUMN ctl.delay.noted_at IS 'When the delay was noted';
COMMENT ON COLUMN ctl.delay.stuck_at IS 'When it was found stuck';
COMMENT ON COLUMN ctl.delay.ended_at IS 'When the source was heard again; NULL: not yet';
CREATE INDEX delay_source_key_ix ON ctl.delay (source_key, heard_at);

CREATE TABLE ctl.fk_violation (
    source_key bigint NOT NULL,
    object_kind text NOT NULL,
    object_name text NOT NULL,
    code text NOT NULL CHECK (code IN ('missing', 'disabled')),
    row_count bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    extract_key bigint NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_key, object_kind, object_name)
);
COMMENT ON TABLE ctl.fk_violation IS 'Events that name a configuration object which is missing or disabled; they are loaded all the same';
COMMENT ON COLUMN ctl.fk_violation.source_key IS 'Source of the events';
COMMENT ON COLUMN ctl.fk_violation.object_kind IS 'Kind of the object';
COMMENT ON COLUMN ctl.fk_violation.object_name IS 'Its name';
COMMENT ON COLUMN ctl.fk_violation.code IS 'What is wrong with it';
COMMENT ON COLUMN ctl.fk_violation.row_count IS 'Events that name it';
COMMENT ON COLUMN ctl.fk_violation.first_at IS 'Earliest of them';
COMMENT ON COLUMN ctl.fk_violation.last_at IS 'Latest of them';
COMMENT ON COLUMN ctl.fk_violation.extract_key IS 'Latest extraction that brought some';
COMMENT ON COLUMN ctl.fk_violation.noted_at IS 'When it was noted first';

CREATE TABLE ctl.export_history (
    export_key uuid PRIMARY KEY,
    site integer NOT NULL,
    format text NOT NULL,
    folder text NOT NULL,
    from_audit_key bigint NOT NULL,
    to_audit_key bigint NOT NULL,
    row_count bigint NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL
);
COMMENT ON TABLE ctl.export_history IS 'One row an increment exported';
COMMENT ON COLUMN ctl.export_history.export_key IS 'Identity, as in its manifest';
COMMENT ON COLUMN ctl.export_history.site IS 'Site that exported';
COMMENT ON COLUMN ctl.export_history.format IS 'parquet or csv';
COMMENT ON COLUMN ctl.export_history.folder IS 'Name of the folder of the increment';
COMMENT ON COLUMN ctl.export_history.from_audit_key IS 'Loads after this one are in it';
COMMENT ON COLUMN ctl.export_history.to_audit_key IS 'The last load in it';
COMMENT ON COLUMN ctl.export_history.row_count IS 'Rows of facts, tombstones included';
COMMENT ON COLUMN ctl.export_history.started_at IS 'Begin';
COMMENT ON COLUMN ctl.export_history.ended_at IS 'End';

-- Which session of the collector delivered what an extraction read last, and with which program.
ALTER TABLE ctl.extract_history ADD COLUMN session_key uuid;
ALTER TABLE ctl.extract_history ADD COLUMN program_version text;
ALTER TABLE ctl.extract_history ADD COLUMN rows_refused bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN ctl.extract_history.session_key IS 'Latest session of the collector with its source; NULL before 0.2';
COMMENT ON COLUMN ctl.extract_history.program_version IS 'Program that extracted; NULL before 0.2';
COMMENT ON COLUMN ctl.extract_history.rows_refused IS 'Events refused since their span is purged';

-- The oldest call that still waits tells up to which extraction all is transformed; extractions that run have higher numbers.
CREATE FUNCTION ctl.transformed_batch() RETURNS bigint
    LANGUAGE sql VOLATILE
    RETURN coalesce(
        (SELECT min(batch) - 1 FROM gidb.touched_call), (SELECT value FROM ctl.counter WHERE name = 'batch')
    );
COMMENT ON FUNCTION ctl.transformed_batch() IS 'Extraction up to which everything is transformed';
ALTER TABLE ctl.transform_history ADD COLUMN batch bigint;
ALTER TABLE ctl.transform_history ALTER COLUMN batch SET DEFAULT ctl.transformed_batch();
COMMENT ON COLUMN ctl.transform_history.batch IS 'High-water mark: extraction up to which everything was transformed then; NULL before 0.2';

CREATE VIEW ctl.admin_purge AS
SELECT command.kind, command.before_at, command.decided_at, command.site, command.epoch
FROM ctl.purge_command AS command;
COMMENT ON VIEW ctl.admin_purge IS 'Decisions to purge';
COMMENT ON COLUMN ctl.admin_purge.kind IS 'facts, cfg, gidb or history';
COMMENT ON COLUMN ctl.admin_purge.before_at IS 'Cut-off';
COMMENT ON COLUMN ctl.admin_purge.decided_at IS 'When it was decided';
COMMENT ON COLUMN ctl.admin_purge.site IS 'Site that decided';
COMMENT ON COLUMN ctl.admin_purge.epoch IS 'Epoch of the topology';

CREATE VIEW ctl.admin_late_discard AS
SELECT
    source.name AS source,
    collector.name AS collector,
    discard.code,
    discard.root_id,
    discard.row_count,
    discard.first_at,
    discard.last_at,
    discard.before_at,
    discard.discarded_at
FROM ctl.late_discard AS discard
LEFT JOIN cfg.source AS source USING (source_key)
LEFT JOIN cfg.collector AS collector USING (collector_key);
COMMENT ON VIEW ctl.admin_late_discard IS 'News that was refused since its span is purged, with names';
COMMENT ON COLUMN ctl.admin_late_discard.source IS 'Source';
COMMENT ON COLUMN ctl.admin_late_discard.collector IS 'Collector whose database held the events';
COMMENT ON COLUMN ctl.admin_late_discard.code IS 'purged-event or purged-interaction';
COMMENT ON COLUMN ctl.admin_late_discard.root_id IS 'Interaction, by its root call';
COMMENT ON COLUMN ctl.admin_late_discard.row_count IS 'Events or calls refused';
COMMENT ON COLUMN ctl.admin_late_discard.first_at IS 'Earliest minute, or start of the interaction';
COMMENT ON COLUMN ctl.admin_late_discard.last_at IS 'Latest minute';
COMMENT ON COLUMN ctl.admin_late_discard.before_at IS 'Cut-off';
COMMENT ON COLUMN ctl.admin_late_discard.discarded_at IS 'When';

CREATE VIEW ctl.admin_delay AS
SELECT
    source.name AS source,
    source.site,
    delay.state,
    delay.heard_at,
    extract(epoch FROM coalesce(delay.ended_at, now()) - delay.heard_at)::numeric(15, 3) AS delay_s,
    delay.idb_tables,
    delay.threshold_s,
    delay.noted_at,
    delay.stuck_at,
    delay.ended_at,
    delay.ended_at IS NULL AS is_open
FROM ctl.delay AS delay
LEFT JOIN cfg.source AS source USING (source_key);
COMMENT ON VIEW ctl.admin_delay IS 'Delayed and stuck sources: alarms of event 55-20110; open ones are not over yet';
COMMENT ON COLUMN ctl.admin_delay.source IS 'Source';
COMMENT ON COLUMN ctl.admin_delay.site IS 'Site at which it stands';
COMMENT ON COLUMN ctl.admin_delay.state IS 'delayed or stuck';
COMMENT ON COLUMN ctl.admin_delay.heard_at IS 'Until when it was heard';
COMMENT ON COLUMN ctl.admin_delay.delay_s IS 'From then to its end, or to now, seconds';
COMMENT ON COLUMN ctl.admin_delay.idb_tables IS 'Tables without fresh data';
COMMENT ON COLUMN ctl.admin_delay.threshold_s IS 'Threshold in force, seconds';
COMMENT ON COLUMN ctl.admin_delay.noted_at IS 'When it was noted';
COMMENT ON COLUMN ctl.admin_delay.stuck_at IS 'When it was found stuck';
COMMENT ON COLUMN ctl.admin_delay.ended_at IS 'When the source was heard again';
COMMENT ON COLUMN ctl.admin_delay.is_open IS 'Whether it goes on';

CREATE VIEW ctl.admin_fk_violation AS
SELECT
    source.name AS source,
    violation.object_kind,
    violation.object_name,
    violation.code,
    violation.row_count,
    violation.first_at,
    violation.last_at,
    violation.extract_key,
    violation.noted_at
FROM ctl.fk_violation AS violation
LEFT JOIN cfg.source AS source USING (source_key);
COMMENT ON VIEW ctl.admin_fk_violation IS 'Events that name a missing or disabled configuration object, with names';
COMMENT ON COLUMN ctl.admin_fk_violation.source IS 'Source';
COMMENT ON COLUMN ctl.admin_fk_violation.object_kind IS 'Kind of the object';
COMMENT ON COLUMN ctl.admin_fk_violation.object_name IS 'Its name';
COMMENT ON COLUMN ctl.admin_fk_violation.code IS 'missing or disabled';
COMMENT ON COLUMN ctl.admin_fk_violation.row_count IS 'Events that name it';
COMMENT ON COLUMN ctl.admin_fk_violation.first_at IS 'Earliest of them';
COMMENT ON COLUMN ctl.admin_fk_violation.last_at IS 'Latest of them';
COMMENT ON COLUMN ctl.admin_fk_violation.extract_key IS 'Latest extraction that brought some';
COMMENT ON COLUMN ctl.admin_fk_violation.noted_at IS 'When it was noted first';

-- The original's control tables have their names and columns already; what was not known yet when they were made is filled in.
CREATE OR REPLACE VIEW gim.ctl_extract_history AS
SELECT
    fact.source_key AS data_source_key,
    fact.collector_key AS icon_dbid,
    -2::bigint AS create_audit_key,
    collector.idb_schema || '.event' AS table_name,
    1 AS data_source_type,
    fact.rows_read AS row_count,
    (fact.last_event_at AT TIME ZONE 'UTC')::timestamp(3) AS max_time,
    floor(extract(epoch FROM fact.last_event_at))::bigint AS max_ts,
    mart.dimension_key('DSS|' || fact.session_key) AS dss_id,
    1 AS providertag,
    (fact.started_at AT TIME ZONE 'UTC')::timestamp(3) AS extract_start_time,
    (fact.ended_at AT TIME ZONE 'UTC')::timestamp(3) AS extract_end_time,
    'extract-' || fact.extract_key AS job_id,
    'Job_ExtractICON' AS job_name,
    fact.program_version AS job_version,
    collector.name AS dap_name,
    floor(extract(epoch FROM fact.ended_at))::bigint AS created_ts
FROM ctl.extract_history AS fact
LEFT JOIN cfg.collector AS collector USING (collector_key);
COMMENT ON COLUMN gim.ctl_extract_history.dss_id IS 'mart.dimension_key of the collector''s session with its source; NULL before 0.2';
COMMENT ON COLUMN gim.ctl_extract_history.providertag IS 'Constant 1: one provider tells all of a source';
COMMENT ON COLUMN gim.ctl_extract_history.job_version IS 'Program that extracted; NULL before 0.2';
COMMENT ON COLUMN gim.admin_extract_history.dss_id IS 'mart.dimension_key of the collector''s session with its source; NULL before 0.2';
COMMENT ON COLUMN gim.admin_extract_history.providertag IS 'Constant 1: one provider tells all of a source';
COMMENT ON COLUMN gim.admin_extract_history.job_version IS 'Program that extracted; NULL before 0.2';

CREATE OR REPLACE VIEW gim.ctl_transform_history AS
SELECT
    fact.audit_key,
    'transform-' || fact.audit_key AS job_id,
    NULL::text AS job_version,
    'gidb.event' AS hwm_name,
    fact.batch AS hwm_value,
    NULL::text AS hwm_value2,
    (fact.started_at AT TIME ZONE 'UTC')::timestamp(3) AS transform_start_time,
    (fact.ended_at AT TIME ZONE 'UTC')::timestamp(3) AS transform_end_time,
    fact.events AS row_count,
    floor(extract(epoch FROM fact.ended_at))::bigint AS created_ts
FROM ctl.transform_history AS fact;
COMMENT ON COLUMN gim.ctl_transform_history.hwm_value IS 'Batch up to which all events were transformed then; it never falls; NULL before 0.2';

CREATE OR REPLACE VIEW gim.stg_transform_discards AS
SELECT
    interaction.interaction_id,
    fact.audit_key AS create_audit_key,
    mart.date_time_key(fact.discarded_at) AS etl_date_time_key,
    'gidb.event' AS table_name,
    fact.root_id AS guid,
    fact.code,
    fact.reason,
    floor(extract(epoch FROM fact.discarded_at))::bigint AS etl_ts
FROM ctl.transform_discard AS fact
LEFT JOIN gidb.interaction AS interaction USING (source_key, root_id)
UNION ALL
SELECT
    NULL,
    -2,
    mart.date_time_key(late.discarded_at),
    'gidb.event',
    late.root_id,
    late.code,
    late.row_count || ' refused: their span before ' || late.before_at || ' is purged',
    floor(extract(epoch FROM late.discarded_at))::bigint
FROM ctl.late_discard AS late;

CREATE VIEW gim.stg_idb_fk_violation AS
SELECT
    mart.dimension_key('FK|' || violation.source_key || '|' || violation.object_kind || '|' || violation.object_name) AS id,
    violation.extract_key AS create_audit_key,
    'GIDB_EVENT' AS fk_table,
    violation.object_kind AS pk_table,
    violation.object_name AS fk_value,
    violation.code,
    violation.row_count
FROM ctl.fk_violation AS violation;
COMMENT ON VIEW gim.stg_idb_fk_violation IS 'Rows that refer to a configuration object which is missing or disabled';
COMMENT ON COLUMN gim.stg_idb_fk_violation.id IS 'Identity';
COMMENT ON COLUMN gim.stg_idb_fk_violation.create_audit_key IS 'Latest extraction that brought some';
COMMENT ON COLUMN gim.stg_idb_fk_violation.fk_table IS 'Table whose rows refer';
COMMENT ON COLUMN gim.stg_idb_fk_violation.pk_table IS 'Kind of the object';
COMMENT ON COLUMN gim.stg_idb_fk_violation.fk_value IS 'Its name';
COMMENT ON COLUMN gim.stg_idb_fk_violation.code IS 'missing or disabled';
COMMENT ON COLUMN gim.stg_idb_fk_violation.row_count IS 'Rows that refer to it';

-- What an extraction read is followed to its events, and a fact to the extractions, by these.
CREATE INDEX event_batch_ix ON gidb.event (batch);

INSERT INTO ops.partition_rule VALUES ('ctl', 'deleted_fact', 'timestamptz', 30) ON CONFLICT DO NOTHING;
