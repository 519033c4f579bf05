-- Configuration objects with options, connections and history; sources, collectors and queue settings become views of them.

CREATE TABLE cfg.object (
    object_key bigint PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN (
        'tenant', 'site', 'host', 'application', 'access_point', 'source', 'collector', 'agent', 'login', 'agent_group',
        'queue', 'queue_group', 'skill', 'calendar')),
    name text NOT NULL CHECK (name <> '' AND name !~ '[[:cntrl:]]' AND length(name) <= 255),
    enabled boolean NOT NULL DEFAULT true,
    discovered boolean NOT NULL DEFAULT false,
    revision bigint NOT NULL DEFAULT 1,
    properties jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(properties) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, name)
);
COMMENT ON TABLE cfg.object IS 'Everything that is configured, by kind and name; disabled rather than deleted';
COMMENT ON COLUMN cfg.object.object_key IS 'mart.dimension_key of kind in upper case, a bar and name: the same at every site';
COMMENT ON COLUMN cfg.object.kind IS 'Kind of object';
COMMENT ON COLUMN cfg.object.name IS 'Name by which people and commands know it; agents and queues have their source and a slash before it';
COMMENT ON COLUMN cfg.object.enabled IS 'A disabled object is as if it were not there';
COMMENT ON COLUMN cfg.object.discovered IS 'Whether it was seen in events and nobody has configured it yet';
COMMENT ON COLUMN cfg.object.revision IS 'Number of its last change, from 1';
COMMENT ON COLUMN cfg.object.properties IS 'What it is like; which properties a kind has is in docs/reference/configuration.md';
COMMENT ON COLUMN cfg.object.created_at IS 'When it was made';
COMMENT ON COLUMN cfg.object.changed_at IS 'When it was changed last';

CREATE TABLE cfg.option (
    object_key bigint NOT NULL REFERENCES cfg.object,
    section text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (object_key, section, name)
);
COMMENT ON TABLE cfg.option IS 'Options that are set; every other one has its default, see docs/reference/options.md';
COMMENT ON COLUMN cfg.option.object_key IS 'Object on which it is set';
COMMENT ON COLUMN cfg.option.section IS 'Section';
COMMENT ON COLUMN cfg.option.name IS 'Name; for one medium, with a dash and the medium after it';
COMMENT ON COLUMN cfg.option.value IS 'Value as people write it';

CREATE TABLE cfg.connection (
    from_key bigint NOT NULL REFERENCES cfg.object,
    to_key bigint NOT NULL REFERENCES cfg.object,
    PRIMARY KEY (from_key, to_key)
);
COMMENT ON TABLE cfg.connection IS 'Whose client an application is; those of application "mart" say what is extracted';
COMMENT ON COLUMN cfg.connection.from_key IS 'Application';
COMMENT ON COLUMN cfg.connection.to_key IS 'Collector, access point or application that it uses';

CREATE TABLE cfg.history (
    object_key bigint NOT NULL,
    revision bigint NOT NULL,
    aspect text NOT NULL CHECK (aspect IN ('state', 'property', 'option', 'connection')),
    section text NOT NULL DEFAULT '',
    name text NOT NULL,
    old_value text,
    new_value text,
    changed_at timestamptz NOT NULL,
    author text NOT NULL,
    reason text,
    PRIMARY KEY (object_key, revision, aspect, section, name)
);
COMMENT ON TABLE cfg.history IS 'Every change of every object, option and connection; rows are only added, and replayed they give the present state';
COMMENT ON COLUMN cfg.history.object_key IS 'Object that was changed';
COMMENT ON COLUMN cfg.history.revision IS 'Number of the change of this object; several rows are one change';
COMMENT ON COLUMN cfg.history.aspect IS 'What was changed: state (enabled, discovered), property, option or connection';
COMMENT ON COLUMN cfg.history.section IS 'Section of the option';
COMMENT ON COLUMN cfg.history.name IS 'State, property or option; for a connection kind and name of the other end, with a slash between';
COMMENT ON COLUMN cfg.history.old_value IS 'Value before; properties as JSON; NULL there was none';
COMMENT ON COLUMN cfg.history.new_value IS 'Value after; NULL there is none';
COMMENT ON COLUMN cfg.history.changed_at IS 'When';
COMMENT ON COLUMN cfg.history.author IS 'Who, as the operating system knows them';
COMMENT ON COLUMN cfg.history.reason IS 'Why, in their words';

-- Standard objects. Both sites make the same ones by themselves.
INSERT INTO cfg.object (object_key, kind, name, enabled, properties)
SELECT mart.dimension_key(upper(kind) || '|' || name), kind, name, enabled, jsonb_strip_nulls(properties)
FROM cfg.topology AS topology
CROSS JOIN LATERAL (
    VALUES
        ('tenant', 'default', true, jsonb '{}'),
        ('site', '1', true, '{}'),
        ('site', '2', true, '{}'),
        ('host', 'site1', true, '{"site": 1, "lca_port": 4999}'),
        ('host', 'site2', true, '{"site": 2, "lca_port": 4999}'),
        ('application', 'mart', true, jsonb_build_object(
            'type', 'mart_server', 'host', 'site' || topology.active_site,
            'start_up_arguments', jsonb_build_object('configuration_database', topology.active_site))),
        ('access_point', 'mart@1', topology.active_site = 1, '{"role": "INFO_MART", "site": 1}'),
        ('access_point', 'mart@2', topology.active_site = 2, '{"role": "INFO_MART", "site": 2}')
) AS standard (kind, name, enabled, properties);

INSERT INTO cfg.object (object_key, kind, name, enabled, properties, created_at)
SELECT source_key, 'source', name, enabled, jsonb_strip_nulls(jsonb_build_object(
    'protocol', kind, 'site', site, 'host', host, 'port', port, 'tls', tls, 'username', username, 'secret', secret_ref)), created_at
FROM cfg.source
UNION ALL
SELECT collector_key, 'collector', collector.name, collector.enabled, jsonb_build_object(
    'source', source.name, 'twin', twin, 'site', collector.site, 'idb_schema', idb_schema), collector.created_at
FROM cfg.collector AS collector
JOIN cfg.source AS source USING (source_key)
UNION ALL
SELECT mart.dimension_key('ACCESS_POINT|' || name), 'access_point', name, true, jsonb_build_object('role', 'ICON_CORE', 'site', site), created_at
FROM cfg.collector
UNION ALL
SELECT
    mart.dimension_key('QUEUE|' || named.name), 'queue', named.name, true,
    jsonb_strip_nulls(jsonb_build_object('source', nullif(source_name, '*'), 'queue', queue)), now()
FROM cfg.queue_setting
CROSS JOIN LATERAL (SELECT CASE WHEN source_name = '*' THEN '' ELSE source_name || '/' END || queue AS name) AS named
WHERE queue <> '*';

INSERT INTO cfg.connection (from_key, to_key)
SELECT mart.dimension_key('APPLICATION|mart'), object_key FROM cfg.object WHERE kind IN ('collector', 'access_point');

-- What a row said for a queue or a source it goes on saying; of the row for all, what differs from the defaults.
INSERT INTO cfg.option (object_key, section, name, value)
SELECT holder.object_key, 'gim-etl', told.name, told.value
FROM cfg.queue_setting AS setting
JOIN cfg.object AS holder
    ON holder.object_key = mart.dimension_key(CASE
        WHEN queue <> '*' THEN 'QUEUE|' || CASE WHEN source_name = '*' THEN '' ELSE source_name || '/' END || queue
        WHEN source_name <> '*' THEN 'SOURCE|' || source_name
        ELSE 'APPLICATION|mart' END)
CROSS JOIN LATERAL (
    VALUES
        ('q-answer-threshold', trim_scale(service_level_ms / 1000.0)::text, NULL),
        ('q-short-abandoned-threshold', trim_scale(short_abandon_ms / 1000.0)::text, '10'),
        ('wrap-up-time', trim_scale(wrapup_ms / 1000.0)::text, '0'),
        ('acw-reasons', array_to_string(acw_reasons, ','), 'ACW,AfterCallWork,Wrap-up,Wrapup')
) AS told (name, value, usual)
WHERE told.value IS NOT NULL
  AND CASE WHEN holder.kind = 'application' THEN told.value IS DISTINCT FROM told.usual ELSE told.name <> 'acw-reasons' END;

INSERT INTO cfg.history (object_key, revision, aspect, section, name, new_value, changed_at, author, reason)
SELECT object.object_key, 1, told.aspect, told.section, told.name, told.value, object.changed_at, 'twinmart', 'made with the mart, or taken over'
FROM cfg.object AS object
CROSS JOIN LATERAL (
    SELECT 'state', '', 'enabled', object.enabled::text
    UNION ALL
    SELECT 'state', '', 'discovered', object.discovered::text
    UNION ALL
    SELECT 'property', '', key, value::text FROM jsonb_each(object.properties)
    UNION ALL
    SELECT 'option', section, name, value FROM cfg.option WHERE option.object_key = object.object_key
    UNION ALL
    SELECT 'connection', '', target.kind || '/' || target.name, 'true'
    FROM cfg.connection
    JOIN cfg.object AS target ON target.object_key = connection.to_key
    WHERE connection.from_key = object.object_key
) AS told (aspect, section, name, value);

-- The tables give way to views of the same names. Views of other schemas that read them are told anew what they were
-- told, and so read the new ones; their columns, comments and privileges stay.
CREATE TEMPORARY TABLE dependent ON COMMIT DROP AS
SELECT DISTINCT rule.ev_class::regclass::text AS name, pg_get_viewdef(rule.ev_class) AS definition
FROM pg_depend AS dependence
JOIN pg_rewrite AS rule ON rule.oid = dependence.objid
WHERE dependence.classid = 'pg_rewrite'::regclass
  AND dependence.refobjid IN ('cfg.source'::regclass, 'cfg.collector'::regclass, 'cfg.queue_setting'::regclass);
ALTER TABLE ctl.extract_watermark DROP CONSTRAINT extract_watermark_collector_key_fkey;
ALTER TABLE cfg.source RENAME TO former_source;
ALTER TABLE cfg.collector RENAME TO former_collector;
DROP TABLE cfg.queue_setting;

CREATE VIEW cfg.source AS
SELECT
    object_key AS source_key,
    name,
    properties ->> 'protocol' AS kind,
    (properties ->> 'site')::integer AS site,
    properties ->> 'host' AS host,
    (properties ->> 'port')::integer AS port,
    coalesce((properties ->> 'tls')::boolean, false) AS tls,
    properties ->> 'username' AS username,
    properties ->> 'secret' AS secret_ref,
    enabled,
    created_at
FROM cfg.object
WHERE kind = 'source';
COMMENT ON VIEW cfg.source IS 'A telephony server whose events we collect (the original''s switch and data source)';
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

CREATE VIEW cfg.collector AS
SELECT
    object_key AS collector_key,
    name,
    mart.dimension_key('SOURCE|' || (properties ->> 'source')) AS source_key,
    properties ->> 'twin' AS twin,
    (properties ->> 'site')::integer AS site,
    properties ->> 'idb_schema' AS idb_schema,
    enabled,
    created_at
FROM cfg.object
WHERE kind = 'collector';
COMMENT ON VIEW cfg.collector IS 'One of the two collectors of a source, with the interaction database it writes';
COMMENT ON COLUMN cfg.collector.collector_key IS 'mart.dimension_key of the name';
COMMENT ON COLUMN cfg.collector.name IS 'Source and twin, such as "london_a"';
COMMENT ON COLUMN cfg.collector.source_key IS 'Source that it collects';
COMMENT ON COLUMN cfg.collector.twin IS 'a writes at the source''s own site, b at the other';
COMMENT ON COLUMN cfg.collector.site IS 'Site whose database holds its interaction database';
COMMENT ON COLUMN cfg.collector.idb_schema IS 'Schema of its interaction database';
COMMENT ON COLUMN cfg.collector.enabled IS 'A disabled collector is not started and its database not extracted';
COMMENT ON COLUMN cfg.collector.created_at IS 'When it was registered';

DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT name, definition FROM dependent LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', one.name, one.definition);
    END LOOP;
END
$$;
DROP TABLE cfg.former_collector, cfg.former_source;

CREATE VIEW cfg.queue_setting AS
WITH told AS (
    SELECT
        holder.kind,
        holder.name,
        holder.properties ->> 'source' AS source_name,
        holder.properties ->> 'queue' AS queue,
        coalesce(max(value) FILTER (WHERE option.name = 'wrap-up-time-voice'), max(value) FILTER (WHERE option.name = 'wrap-up-time'))::numeric AS wrapup_s,
        coalesce(
            max(value) FILTER (WHERE option.name = 'q-answer-threshold-voice'), max(value) FILTER (WHERE option.name = 'q-answer-threshold')
        )::numeric AS answer_s,
        coalesce(
            max(value) FILTER (WHERE option.name = 'q-short-abandoned-threshold-voice'),
            max(value) FILTER (WHERE option.name = 'q-short-abandoned-threshold')
        )::numeric AS abandon_s
    FROM cfg.option AS option
    JOIN cfg.object AS holder USING (object_key)
    WHERE option.section = 'gim-etl'
      AND option.name = ANY ('{wrap-up-time,wrap-up-time-voice,q-answer-threshold,q-answer-threshold-voice,
                               q-short-abandoned-threshold,q-short-abandoned-threshold-voice}')
      AND ((holder.kind, holder.name) = ('application', 'mart') OR (holder.kind IN ('tenant', 'source', 'queue') AND holder.enabled))
    GROUP BY holder.object_key
),
source AS (
    SELECT name, coalesce(properties ->> 'tenant', 'default') AS tenant FROM cfg.object WHERE kind = 'source'
),
place AS (
    SELECT '*' AS source_name, '*' AS queue, 'default' AS tenant
    UNION
    SELECT '*', queue, 'default' FROM told WHERE kind = 'queue' AND source_name IS NULL
    UNION
    SELECT source.name, '*', source.tenant
    FROM source
    JOIN told ON (told.kind, told.name) IN (('source', source.name), ('tenant', source.tenant))
    UNION
    SELECT source.name, told.queue, source.tenant
    FROM source
    JOIN told ON told.kind = 'queue' AND source.name = coalesce(told.source_name, source.name)
)
SELECT
    place.source_name,
    place.queue,
    (coalesce(here.wrapup_s, anywhere.wrapup_s, source.wrapup_s, tenant.wrapup_s, mart.wrapup_s, 0) * 1000)::integer AS wrapup_ms,
    (coalesce(here.answer_s, anywhere.answer_s, source.answer_s, tenant.answer_s, mart.answer_s) * 1000)::integer AS service_level_ms,
    (coalesce(here.abandon_s, anywhere.abandon_s, source.abandon_s, tenant.abandon_s, mart.abandon_s, 10) * 1000)::integer AS short_abandon_ms,
    coalesce(reasons.listed, '{ACW,AfterCallWork,Wrap-up,Wrapup}') AS acw_reasons
FROM place
LEFT JOIN told AS here ON here.kind = 'queue' AND here.source_name = place.source_name AND here.queue = place.queue
LEFT JOIN told AS anywhere ON anywhere.kind = 'queue' AND anywhere.source_name IS NULL AND anywhere.queue = place.queue
LEFT JOIN told AS source ON source.kind = 'source' AND source.name = place.source_name
LEFT JOIN told AS tenant ON tenant.kind = 'tenant' AND tenant.name = place.tenant
LEFT JOIN told AS mart ON mart.kind = 'application'
LEFT JOIN (
    SELECT regexp_split_to_array(trim(value, ' ,'), '[ ]*,[ ,]*') AS listed
    FROM cfg.option
    WHERE object_key = mart.dimension_key('APPLICATION|mart') AND section = 'gim-etl' AND name = 'acw-reasons'
) AS reasons ON true;
COMMENT ON VIEW cfg.queue_setting IS 'What the switch does not tell about a queue, as the options say; a row with queue ''*'' holds for all';
COMMENT ON COLUMN cfg.queue_setting.source_name IS 'Source, or * for every source';
COMMENT ON COLUMN cfg.queue_setting.queue IS 'Queue, or * for every queue';
COMMENT ON COLUMN cfg.queue_setting.wrapup_ms IS 'After-call work that the switch grants after each call: [gim-etl] wrap-up-time';
COMMENT ON COLUMN cfg.queue_setting.service_level_ms IS 'Wait within which an answer meets the service level: [gim-etl] q-answer-threshold; NULL none set';
COMMENT ON COLUMN cfg.queue_setting.short_abandon_ms IS 'An abandon up to this wait is short: [gim-etl] q-short-abandoned-threshold';
COMMENT ON COLUMN cfg.queue_setting.acw_reasons IS 'Reasons of a pause that is after-call work: [gim-etl] acw-reasons; read from the row that holds for all';

CREATE VIEW cfg.option_span AS
SELECT object_key, kind, object_name, section, name, value, from_at, to_at
FROM (
    SELECT
        history.object_key,
        object.kind,
        object.name AS object_name,
        history.section,
        history.name,
        history.new_value AS value,
        history.changed_at AS from_at,
        lead(history.changed_at) OVER (PARTITION BY history.object_key, history.section, history.name ORDER BY history.revision) AS to_at
    FROM cfg.history AS history
    JOIN cfg.object AS object USING (object_key)
    WHERE history.aspect = 'option'
) AS told
WHERE value IS NOT NULL AND (to_at IS NULL OR to_at > from_at);
COMMENT ON VIEW cfg.option_span IS 'One row a value of an option and the time in which it was set, from the history';
COMMENT ON COLUMN cfg.option_span.object_key IS 'Object on which it was set';
COMMENT ON COLUMN cfg.option_span.kind IS 'Kind of the object';
COMMENT ON COLUMN cfg.option_span.object_name IS 'Name of the object';
COMMENT ON COLUMN cfg.option_span.section IS 'Section';
COMMENT ON COLUMN cfg.option_span.name IS 'Name of the option';
COMMENT ON COLUMN cfg.option_span.value IS 'Value as people write it';
COMMENT ON COLUMN cfg.option_span.from_at IS 'From when on it was set';
COMMENT ON COLUMN cfg.option_span.to_at IS 'Until when; NULL it still is';
