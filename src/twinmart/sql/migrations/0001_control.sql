-- Schemas, configuration objects and control tables: who we are, what we collect, what each run did.

CREATE SCHEMA IF NOT EXISTS cfg;
CREATE SCHEMA IF NOT EXISTS gidb;
CREATE SCHEMA IF NOT EXISTS ctl;
CREATE SCHEMA IF NOT EXISTS mart;
CREATE SCHEMA IF NOT EXISTS gim;
CREATE SCHEMA IF NOT EXISTS ops;
COMMENT ON SCHEMA cfg IS 'Configuration objects; replicated with the mart, each site reads its own copy';
COMMENT ON SCHEMA gidb IS 'The union of the interaction databases: events as the sources told them, and what links them';
COMMENT ON SCHEMA ctl IS 'Control and audit: watermarks, runs, discards';
COMMENT ON SCHEMA mart IS 'The dimensional model: facts and dimensions';
COMMENT ON SCHEMA gim IS 'Views with the names, columns and units that report writers of the original know; nothing of ours reads them';
COMMENT ON SCHEMA ops IS 'What belongs to this site alone and is never replicated';

CREATE TABLE IF NOT EXISTS ops.partition_rule ( -- How each partitioned table is divided
    schema_name text NOT NULL, -- Schema of the partitioned table
    table_name text NOT NULL, -- Partitioned table
    key_kind text NOT NULL CHECK (key_kind IN ('timestamptz', 'epoch')), -- What the partition key counts
    interval_days integer NOT NULL CHECK (interval_days > 0), -- Width of a partition in days
    PRIMARY KEY (schema_name, table_name)
);

-- A dimension's key is a hash of its natural key, so that both sites, and any order of loading, give the same one.
CREATE FUNCTION mart.dimension_key(natural_key text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('x' || substr(md5(natural_key), 1, 15))::bit(60)::bigint;
COMMENT ON FUNCTION mart.dimension_key(text) IS 'Key of a dimension member: 60 bits of the hash of its natural key';

-- UUIDv8: 48 bits of the start in milliseconds, then a hash of the natural key: sorted by time, the same everywhere.
CREATE FUNCTION mart.fact_key(start_ms bigint, natural_key text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN overlay(overlay(md5(natural_key) PLACING lpad(to_hex(start_ms), 12, '0') || '8' FROM 1 FOR 13) PLACING '8' FROM 17 FOR 1)::uuid;
COMMENT ON FUNCTION mart.fact_key(bigint, text) IS 'Key of a fact: UUIDv8 of its start in milliseconds and the hash of its natural key';

-- AT TIME ZONE makes these immutable, so that PostgreSQL puts them in line instead of calling them; half a microsecond
-- outweighs what binary fractions lose.
CREATE FUNCTION mart.epoch_ms(moment timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN floor(date_part('epoch', moment AT TIME ZONE 'UTC') * 1000 + 0.0005)::bigint;
COMMENT ON FUNCTION mart.epoch_ms(timestamptz) IS 'Milliseconds since the epoch, cut, so that durations of adjoining spans add up exactly';

CREATE FUNCTION mart.date_time_key(moment timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN floor(date_part('epoch', moment AT TIME ZONE 'UTC'))::bigint / 900 * 900;
COMMENT ON FUNCTION mart.date_time_key(timestamptz) IS 'Epoch second at which the 15-minute interval of a moment begins';

CREATE TABLE cfg.topology (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    active_site integer NOT NULL,
    epoch bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE cfg.topology IS 'Which site is active; one row';
COMMENT ON COLUMN cfg.topology.only_row IS 'Keeps the table at one row';
COMMENT ON COLUMN cfg.topology.active_site IS 'Number of the site that loads the mart';
COMMENT ON COLUMN cfg.topology.epoch IS 'Raised by each change of the active site; a load that holds an older one is refused';
COMMENT ON COLUMN cfg.topology.changed_at IS 'When the active site changed last';
INSERT INTO cfg.topology (active_site, epoch) VALUES (1, 1);

CREATE TABLE cfg.source (
    source_key bigint PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
    kind text NOT NULL CHECK (kind IN ('asterisk-ami')),
    site integer NOT NULL,
    host text,
    port integer CHECK (port BETWEEN 1 AND 65535),
    tls boolean NOT NULL DEFAULT false,
    username text,
    secret_ref text CHECK (secret_ref ~ '^(env|file):.+'),
    enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE cfg.source IS 'A telephony server whose events we collect (the original''s switch and data source)';
COMMENT ON COLUMN cfg.source.source_key IS 'mart.dimension_key of the name';
COMMENT ON COLUMN cfg.source.name IS 'Name by which people and commands know it';
COMMENT ON COLUMN cfg.source.kind IS 'Protocol it speaks';
COMMENT ON COLUMN cfg.source.site IS 'Site at which it stands';
COMMENT ON COLUMN cfg.source.host IS 'Address of its management interface';
COMMENT ON COLUMN cfg.source.port IS 'Port of its management interface';
COMMENT ON COLUMN cfg.source.tls IS 'Whether the connection is encrypted';
COMMENT ON COLUMN cfg.source.username IS 'Account that the collectors use';
COMMENT ON COLUMN cfg.source.secret_ref IS 'Where the password is found; never the password itself';
COMMENT ON COLUMN cfg.source.enabled IS 'A disabled source is neither collected nor extracted';
COMMENT ON COLUMN cfg.source.created_at IS 'When it was registered';

CREATE TABLE cfg.collector (
    collector_key bigint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    source_key bigint NOT NULL REFERENCES cfg.source,
    twin text NOT NULL CHECK (twin IN ('a', 'b')),
    site integer NOT NULL,
    idb_schema text NOT NULL UNIQUE,
    enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source_key, twin)
);
COMMENT ON TABLE cfg.collector IS 'One of the two collectors of a source, with the interaction database it writes';
COMMENT ON COLUMN cfg.collector.collector_key IS 'mart.dimension_key of the name';
COMMENT ON COLUMN cfg.collector.name IS 'Source and twin, such as "london_a"';
COMMENT ON COLUMN cfg.collector.source_key IS 'Source that it collects';
COMMENT ON COLUMN cfg.collector.twin IS 'a writes at the source''s own site, b at the other';
COMMENT ON COLUMN cfg.collector.site IS 'Site whose database holds its interaction database';
COMMENT ON COLUMN cfg.collector.idb_schema IS 'Schema of its interaction database';
COMMENT ON COLUMN cfg.collector.enabled IS 'A disabled collector is not started and its database not extracted';
COMMENT ON COLUMN cfg.collector.created_at IS 'When it was registered';

CREATE TABLE cfg.queue_setting (
    source_name text NOT NULL DEFAULT '*',
    queue text NOT NULL DEFAULT '*',
    wrapup_ms integer NOT NULL DEFAULT 0 CHECK (wrapup_ms >= 0),
    service_level_ms integer CHECK (service_level_ms >= 0),
    short_abandon_ms integer NOT NULL DEFAULT 10000 CHECK (short_abandon_ms >= 0),
    acw_reasons text[] NOT NULL DEFAULT '{ACW,AfterCallWork,Wrap-up,Wrapup}',
    PRIMARY KEY (source_name, queue)
);
COMMENT ON TABLE cfg.queue_setting IS 'What the switch does not tell about a queue; a row with queue ''*'' holds for all';
COMMENT ON COLUMN cfg.queue_setting.source_name IS 'Source, or * for every source';
COMMENT ON COLUMN cfg.queue_setting.queue IS 'Queue, or * for every queue';
COMMENT ON COLUMN cfg.queue_setting.wrapup_ms IS 'After-call work that the switch grants after each call';
COMMENT ON COLUMN cfg.queue_setting.service_level_ms IS 'Wait within which an answer meets the service level; NULL none set';
COMMENT ON COLUMN cfg.queue_setting.short_abandon_ms IS 'An abandon up to this wait is short';
COMMENT ON COLUMN cfg.queue_setting.acw_reasons IS 'Reasons of a pause that is after-call work; read from the row that holds for all';
INSERT INTO cfg.queue_setting DEFAULT VALUES;

CREATE TABLE ctl.audit_log (
    audit_key bigint NOT NULL,
    created_at timestamptz NOT NULL,
    job text NOT NULL,
    epoch bigint NOT NULL,
    site integer NOT NULL,
    row_count bigint NOT NULL,
    min_date_time_key bigint,
    max_date_time_key bigint,
    PRIMARY KEY (created_at, audit_key)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE ctl.audit_log IS 'One row a committed load: what it touched; the target of every audit key';
COMMENT ON COLUMN ctl.audit_log.audit_key IS 'Number of the load, rising with time';
COMMENT ON COLUMN ctl.audit_log.created_at IS 'When the load was committed';
COMMENT ON COLUMN ctl.audit_log.job IS 'Job that loaded';
COMMENT ON COLUMN ctl.audit_log.epoch IS 'Epoch of the topology under which it loaded';
COMMENT ON COLUMN ctl.audit_log.site IS 'Site that loaded';
COMMENT ON COLUMN ctl.audit_log.row_count IS 'Rows inserted, updated and deleted';
COMMENT ON COLUMN ctl.audit_log.min_date_time_key IS 'Earliest interval touched';
COMMENT ON COLUMN ctl.audit_log.max_date_time_key IS 'Latest interval touched';

CREATE TABLE ctl.counter (
    name text PRIMARY KEY,
    value bigint NOT NULL
);
COMMENT ON TABLE ctl.counter IS 'Numbers that only rise, moved in the transaction that uses them (the mart has no sequences)';
COMMENT ON COLUMN ctl.counter.name IS 'What is counted: audit, batch';
COMMENT ON COLUMN ctl.counter.value IS 'Last number given out';
INSERT INTO ctl.counter (name, value) VALUES ('audit', 0), ('batch', 0);

CREATE TABLE ctl.extract_watermark (
    collector_key bigint PRIMARY KEY REFERENCES cfg.collector,
    idb_seq bigint NOT NULL,
    last_event_at timestamptz,
    moved_at timestamptz NOT NULL
);
COMMENT ON TABLE ctl.extract_watermark IS 'How far each interaction database has been extracted';
COMMENT ON COLUMN ctl.extract_watermark.collector_key IS 'Collector whose database it is';
COMMENT ON COLUMN ctl.extract_watermark.idb_seq IS 'Last row taken, by the writer''s order';
COMMENT ON COLUMN ctl.extract_watermark.last_event_at IS 'Latest event taken';
COMMENT ON COLUMN ctl.extract_watermark.moved_at IS 'When the mark moved last';

CREATE TABLE ctl.extract_history (
    extract_key bigint NOT NULL,
    collector_key bigint NOT NULL,
    source_key bigint NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    rows_read bigint NOT NULL,
    rows_new bigint NOT NULL,
    last_event_at timestamptz,
    PRIMARY KEY (started_at, extract_key, collector_key)
) PARTITION BY RANGE (started_at);
COMMENT ON TABLE ctl.extract_history IS 'One row an extraction of one interaction database that brought rows';
COMMENT ON COLUMN ctl.extract_history.extract_key IS 'Batch of the extraction';
COMMENT ON COLUMN ctl.extract_history.collector_key IS 'Interaction database read';
COMMENT ON COLUMN ctl.extract_history.source_key IS 'Source of the events';
COMMENT ON COLUMN ctl.extract_history.started_at IS 'When the extraction began';
COMMENT ON COLUMN ctl.extract_history.ended_at IS 'When it was done, before commit';
COMMENT ON COLUMN ctl.extract_history.from_seq IS 'Rows after this one were read';
COMMENT ON COLUMN ctl.extract_history.to_seq IS 'Last row read';
COMMENT ON COLUMN ctl.extract_history.rows_read IS 'Rows read';
COMMENT ON COLUMN ctl.extract_history.rows_new IS 'Of these, events that were not known from the twin';
COMMENT ON COLUMN ctl.extract_history.last_event_at IS 'Latest event read';

CREATE TABLE ctl.transform_history (
    audit_key bigint NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    interactions bigint NOT NULL,
    resources bigint NOT NULL,
    events bigint NOT NULL,
    rows_changed bigint NOT NULL,
    PRIMARY KEY (started_at, audit_key)
) PARTITION BY RANGE (started_at);
COMMENT ON TABLE ctl.transform_history IS 'One row a committed transformation';
COMMENT ON COLUMN ctl.transform_history.audit_key IS 'Its load';
COMMENT ON COLUMN ctl.transform_history.started_at IS 'When it began';
COMMENT ON COLUMN ctl.transform_history.ended_at IS 'When it was done, before commit';
COMMENT ON COLUMN ctl.transform_history.interactions IS 'Interactions recomputed';
COMMENT ON COLUMN ctl.transform_history.resources IS 'Agents whose states were recomputed';
COMMENT ON COLUMN ctl.transform_history.events IS 'Events read';
COMMENT ON COLUMN ctl.transform_history.rows_changed IS 'Fact rows inserted, updated or deleted';

CREATE TABLE ctl.transform_discard (
    source_key bigint NOT NULL,
    root_id text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    first_at timestamptz NOT NULL,
    audit_key bigint NOT NULL,
    discarded_at timestamptz NOT NULL,
    PRIMARY KEY (source_key, root_id)
);
COMMENT ON TABLE ctl.transform_discard IS 'An interaction that breaks a rule: kept out of the facts, alone, until it is repaired';
COMMENT ON COLUMN ctl.transform_discard.source_key IS 'Source';
COMMENT ON COLUMN ctl.transform_discard.root_id IS 'Interaction, by its root call';
COMMENT ON COLUMN ctl.transform_discard.code IS 'Rule that it breaks';
COMMENT ON COLUMN ctl.transform_discard.reason IS 'What is wrong, with the values';
COMMENT ON COLUMN ctl.transform_discard.first_at IS 'Earliest event of the interaction';
COMMENT ON COLUMN ctl.transform_discard.audit_key IS 'Load that discarded it';
COMMENT ON COLUMN ctl.transform_discard.discarded_at IS 'When';

CREATE TABLE ctl.gap (
    gap_key uuid PRIMARY KEY,
    source_key bigint NOT NULL,
    collector_key bigint,
    from_at timestamptz NOT NULL,
    to_at timestamptz,
    cause text NOT NULL,
    filled boolean NOT NULL DEFAULT false,
    noted_at timestamptz NOT NULL
);
COMMENT ON TABLE ctl.gap IS 'A hole in the data: no report shows it as zero';
COMMENT ON COLUMN ctl.gap.gap_key IS 'Identity of the gap';
COMMENT ON COLUMN ctl.gap.source_key IS 'Source whose data are missing';
COMMENT ON COLUMN ctl.gap.collector_key IS 'Collector that was blind; NULL: the source itself was silent';
COMMENT ON COLUMN ctl.gap.from_at IS 'Begin of the silence';
COMMENT ON COLUMN ctl.gap.to_at IS 'End of the silence; NULL: it goes on';
COMMENT ON COLUMN ctl.gap.cause IS 'Why: switch-down, not-connected, silent, spool-full';
COMMENT ON COLUMN ctl.gap.filled IS 'Whether the twin covers the whole span';
COMMENT ON COLUMN ctl.gap.noted_at IS 'When it was noted first';
CREATE INDEX gap_source_key_from_at_ix ON ctl.gap (source_key, from_at);

INSERT INTO ops.partition_rule VALUES
    ('ctl', 'audit_log', 'timestamptz', 30),
    ('ctl', 'extract_history', 'timestamptz', 30),
    ('ctl', 'transform_history', 'timestamptz', 30)
ON CONFLICT DO NOTHING;
