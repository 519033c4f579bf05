-- Reports: views of who and where with names, service levels by name of their formula, saved and scheduled reports, readers by tenant.

CREATE VIEW mart.report_source AS
SELECT source.source_key, source.name AS source, source.site
FROM cfg.source AS source;
COMMENT ON VIEW mart.report_source IS 'Sources by name, for reports';
COMMENT ON COLUMN mart.report_source.source_key IS 'Source';
COMMENT ON COLUMN mart.report_source.source IS 'Its name';
COMMENT ON COLUMN mart.report_source.site IS 'Site at which it stands';

CREATE VIEW mart.report_resource AS
SELECT
    resource.resource_key,
    resource.tenant_key,
    tenant.tenant_name AS tenant,
    resource.resource_type_code,
    resource.resource_name AS name,
    resource.natural_name,
    resource.employee_id,
    resource.first_seen_at,
    resource.gmt_end_at,
    resource.source_key,
    source.name AS source,
    source.site
FROM mart.resource_ AS resource
JOIN mart.tenant AS tenant USING (tenant_key)
LEFT JOIN cfg.source AS source ON source.source_key = resource.source_key;
COMMENT ON VIEW mart.report_resource IS 'Agents, queues and other numbers with the names of tenant, source and site';
COMMENT ON COLUMN mart.report_resource.resource_key IS 'Key';
COMMENT ON COLUMN mart.report_resource.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.report_resource.tenant IS 'Name of the tenant';
COMMENT ON COLUMN mart.report_resource.resource_type_code IS 'AGENT, QUEUE and others';
COMMENT ON COLUMN mart.report_resource.name IS 'Name as it is now';
COMMENT ON COLUMN mart.report_resource.natural_name IS 'Name by which the source knows it';
COMMENT ON COLUMN mart.report_resource.employee_id IS 'Number of an agent';
COMMENT ON COLUMN mart.report_resource.first_seen_at IS 'First event that named it';
COMMENT ON COLUMN mart.report_resource.gmt_end_at IS 'When it ceased to be; NULL: it goes on';
COMMENT ON COLUMN mart.report_resource.source_key IS 'Source';
COMMENT ON COLUMN mart.report_resource.source IS 'Name of the source';
COMMENT ON COLUMN mart.report_resource.site IS 'Site of the source';

CREATE VIEW ctl.unfilled_gap AS
SELECT
    gap.gap_key,
    gap.source_key,
    source.name AS source,
    source.site,
    gap.cause,
    gap.from_at,
    coalesce(gap.to_at, now()) AS to_at,
    gap.to_at IS NULL AS is_open,
    mart.epoch_ms(gap.from_at) AS from_ms,
    greatest(mart.epoch_ms(coalesce(gap.to_at, now())), mart.epoch_ms(gap.from_at) + 1) AS to_ms
FROM ctl.gap AS gap
LEFT JOIN cfg.source AS source USING (source_key)
WHERE NOT gap.filled;
COMMENT ON VIEW ctl.unfilled_gap IS 'Gaps of which nobody knows that the twin covers them: what a report must mark';
COMMENT ON COLUMN ctl.unfilled_gap.gap_key IS 'Gap';
COMMENT ON COLUMN ctl.unfilled_gap.source_key IS 'Source';
COMMENT ON COLUMN ctl.unfilled_gap.source IS 'Name of the source';
COMMENT ON COLUMN ctl.unfilled_gap.site IS 'Site of the source';
COMMENT ON COLUMN ctl.unfilled_gap.cause IS 'Why';
COMMENT ON COLUMN ctl.unfilled_gap.from_at IS 'Begin';
COMMENT ON COLUMN ctl.unfilled_gap.to_at IS 'End; now while it goes on';
COMMENT ON COLUMN ctl.unfilled_gap.is_open IS 'Whether it goes on';
COMMENT ON COLUMN ctl.unfilled_gap.from_ms IS 'Begin, milliseconds since the epoch';
COMMENT ON COLUMN ctl.unfilled_gap.to_ms IS 'End, at least a millisecond later';

-- One definition of each service level: what counts as met, and of what. They are added up over queues and intervals before they are
-- divided, so that a group of queues of which each has a formula of its own still has one true percentage.
CREATE FUNCTION mart.service_level_met(variant integer, accepted_thr bigint, abandoned_thr bigint, abandoned_short bigint)
RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN accepted_thr + CASE WHEN variant IN (1, 8) THEN abandoned_thr WHEN variant = 5 THEN abandoned_short ELSE 0 END;
COMMENT ON FUNCTION mart.service_level_met(integer, bigint, bigint, bigint) IS
    'What a service level counts as met: numerator of the variant 1 to 9 of docs/reference/measures.md';

CREATE FUNCTION mart.service_level_of(
    variant integer, entered bigint, offered bigint, accepted bigint, abandoned bigint, abandoned_thr bigint, abandoned_short bigint, waiting bigint
)
RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE variant
        WHEN 1 THEN accepted + abandoned
        WHEN 2 THEN accepted
        WHEN 3 THEN accepted + abandoned
        WHEN 4 THEN accepted + abandoned - abandoned_thr
        WHEN 5 THEN accepted + abandoned
        WHEN 6 THEN offered - abandoned_short
        WHEN 7 THEN entered - abandoned_short - waiting
        WHEN 8 THEN entered
        WHEN 9 THEN accepted + abandoned - abandoned_short
    END;
COMMENT ON FUNCTION mart.service_level_of(integer, bigint, bigint, bigint, bigint, bigint, bigint, bigint) IS
    'Of how many a service level is a share: denominator of the variant 1 to 9 of docs/reference/measures.md';

CREATE TABLE ctl.saved_report (
    name text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
    report text NOT NULL,
    question jsonb NOT NULL,
    author text NOT NULL,
    changed_at timestamptz NOT NULL
);
COMMENT ON TABLE ctl.saved_report IS 'Reports kept under a name with period, zone, grouping and filters';
COMMENT ON COLUMN ctl.saved_report.name IS 'Name by which people ask for it';
COMMENT ON COLUMN ctl.saved_report.report IS 'Report';
COMMENT ON COLUMN ctl.saved_report.question IS 'Period, zone, grouping and filters';
COMMENT ON COLUMN ctl.saved_report.author IS 'Who saved it last';
COMMENT ON COLUMN ctl.saved_report.changed_at IS 'When';

CREATE TABLE ctl.report_schedule (
    name text PRIMARY KEY,
    saved_report text NOT NULL,
    at_time text NOT NULL,
    zone text NOT NULL,
    format text NOT NULL,
    folder text,
    mail jsonb,
    enabled boolean NOT NULL DEFAULT true,
    since timestamptz NOT NULL,
    CHECK ((folder IS NULL) <> (mail IS NULL))
);
COMMENT ON TABLE ctl.report_schedule IS 'When a saved report is made, and where it goes';
COMMENT ON COLUMN ctl.report_schedule.name IS 'Name of the schedule';
COMMENT ON COLUMN ctl.report_schedule.saved_report IS 'Saved report';
COMMENT ON COLUMN ctl.report_schedule.at_time IS 'Minute and hour in two fields of cron, in the zone: "30 6" is half past six each day';
COMMENT ON COLUMN ctl.report_schedule.zone IS 'Zone of the minute and the hour';
COMMENT ON COLUMN ctl.report_schedule.format IS 'csv, xlsx, json, html or parquet';
COMMENT ON COLUMN ctl.report_schedule.folder IS 'Folder into which it is written; NULL: it is mailed';
COMMENT ON COLUMN ctl.report_schedule.mail IS 'Mail server, sender, recipients and where the password is found; never the password';
COMMENT ON COLUMN ctl.report_schedule.enabled IS 'A disabled schedule makes nothing';
COMMENT ON COLUMN ctl.report_schedule.since IS 'Nothing is due before this time';

CREATE TABLE ctl.report_delivery (
    schedule text NOT NULL,
    due_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('sending', 'done', 'failed', 'unknown')),
    attempts integer NOT NULL,
    site integer NOT NULL,
    changed_at timestamptz NOT NULL,
    rows bigint,
    target text,
    message text,
    PRIMARY KEY (schedule, due_at)
);
COMMENT ON TABLE ctl.report_delivery IS 'One row a delivery that was due: what became of it; none is made twice';
COMMENT ON COLUMN ctl.report_delivery.schedule IS 'Schedule';
COMMENT ON COLUMN ctl.report_delivery.due_at IS 'When it was due';
COMMENT ON COLUMN ctl.report_delivery.state IS 'sending; done; failed, to be tried again; unknown: the mail server may have taken it, so it is not sent again';
COMMENT ON COLUMN ctl.report_delivery.attempts IS 'How often it was tried';
COMMENT ON COLUMN ctl.report_delivery.site IS 'Site that tried last';
COMMENT ON COLUMN ctl.report_delivery.changed_at IS 'When the state changed last';
COMMENT ON COLUMN ctl.report_delivery.rows IS 'Rows of the report';
COMMENT ON COLUMN ctl.report_delivery.target IS 'File, or recipients';
COMMENT ON COLUMN ctl.report_delivery.message IS 'Why it failed last';

-- Who reads which tenant. The policies of the tables ask these functions; whoever is not named here reads no tenant at all.
CREATE TABLE ctl.tenant_reader (
    role_name text NOT NULL,
    tenant_key integer NOT NULL,
    PRIMARY KEY (role_name, tenant_key)
);
COMMENT ON TABLE ctl.tenant_reader IS 'Which tenants a database role may read';
COMMENT ON COLUMN ctl.tenant_reader.role_name IS 'Database role';
COMMENT ON COLUMN ctl.tenant_reader.tenant_key IS 'Tenant; 0 is every tenant';
INSERT INTO ctl.tenant_reader VALUES ('twinmart_reader', 0);

CREATE FUNCTION ctl.readable_tenants(role_name text) RETURNS integer[]
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
    RETURN (SELECT array_agg(tenant_key) FROM ctl.tenant_reader AS reader WHERE reader.role_name = readable_tenants.role_name);
COMMENT ON FUNCTION ctl.readable_tenants(text) IS 'Tenants that a database role may read; 0 among them is every tenant; NULL none';

-- States and sessions that last for more than a day, or have no end yet: found for a late day without reading all days before it.
CREATE INDEX sm_res_state_fact_long_ix ON mart.sm_res_state_fact (start_at)
    WHERE total_duration_ms IS NULL OR total_duration_ms > 86400000;
CREATE INDEX sm_res_state_reason_fact_long_ix ON mart.sm_res_state_reason_fact (start_at)
    WHERE total_duration_ms IS NULL OR total_duration_ms > 86400000;
CREATE INDEX sm_res_session_fact_long_ix ON mart.sm_res_session_fact (start_at)
    WHERE total_duration_ms IS NULL OR total_duration_ms > 86400000;
