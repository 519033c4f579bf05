-- Business attributes reach the aggregates: what an interaction was about is a key of the sets of agents and of queues too. Keys of user data
-- are objects of the configuration, with its document and its history.

-- Groups of agents and queues hold what was about the same thing apart. Rows that stand go on with -2 until they are computed anew.
DO $keys$
DECLARE
    set_name text;
    level text;
    lower_level text;
    target regclass;
    shown text;
    about text := 'Business attributes, in mart.interaction_descriptor; -2 none';
BEGIN
    FOREACH set_name IN ARRAY ARRAY['agent', 'agent_grp', 'agent_queue', 'queue', 'queue_acc_agent', 'queue_abn'] LOOP
        FOREACH level IN ARRAY ARRAY['subhr', 'hour', 'day', 'month'] LOOP
            target := format('agg.%I', set_name || '_' || level)::regclass;
            SELECT string_agg(quote_ident(attname), ', ' ORDER BY place) INTO shown
            FROM pg_index
            CROSS JOIN unnest(indkey::smallint[]) WITH ORDINALITY AS key (number, place)
            JOIN pg_attribute ON attrelid = indrelid AND attnum = key.number
            WHERE indrelid = target AND indisprimary;
            EXECUTE format('ALTER TABLE %s ADD COLUMN interaction_descriptor_key bigint NOT NULL DEFAULT -2,'
                ' DROP CONSTRAINT %I, ADD PRIMARY KEY (%s, interaction_descriptor_key)', target, set_name || '_' || level || '_pkey', shown);
            EXECUTE format('ALTER TABLE %s ALTER COLUMN interaction_descriptor_key DROP DEFAULT', target);
            EXECUTE format('COMMENT ON COLUMN %s.interaction_descriptor_key IS %L', target, about);
        END LOOP;
        FOR level, lower_level IN VALUES ('30min', 'subhr'), ('week', 'day'), ('quarter', 'month'), ('year', 'month') LOOP
            target := format('agg.%I', set_name || '_' || level)::regclass;
            SELECT string_agg(CASE
                    WHEN attname = 'date_time_key' THEN format('agg.level_key(%L, date_time_key) AS date_time_key', level)
                    WHEN attname LIKE '%\_key' THEN quote_ident(attname)
                    WHEN attname LIKE '%\_max\_ms' THEN format('max(%1$I) AS %1$I', attname)
                    ELSE format('sum(%1$I)::bigint AS %1$I', attname) END, ', ' ORDER BY attnum)
                || ', interaction_descriptor_key FROM agg.' || quote_ident(set_name || '_' || lower_level) || ' GROUP BY '
                || string_agg(CASE WHEN attname = 'date_time_key' THEN attnum::text ELSE quote_ident(attname) END, ', ' ORDER BY attnum)
                    FILTER (WHERE attname LIKE '%\_key') || ', interaction_descriptor_key'
            INTO shown
            FROM pg_attribute
            WHERE attrelid = target AND attnum > 0;
            EXECUTE format('CREATE OR REPLACE VIEW %s AS SELECT %s', target, shown);
            EXECUTE format('COMMENT ON COLUMN %s.interaction_descriptor_key IS %L', target, about);
        END LOOP;
    END LOOP;
    FOREACH level IN ARRAY ARRAY['subhr', '30min', 'hour', 'day', 'week', 'month', 'quarter', 'year'] LOOP
        target := format('agg.%I', 'queue_grp_' || level)::regclass;
        shown := rtrim(pg_get_viewdef(target), ';');
        shown := regexp_replace(shown, '\s+FROM ', E',\n    q.interaction_descriptor_key\n   FROM ') || ', q.interaction_descriptor_key';
        EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', target, shown);
        EXECUTE format('COMMENT ON COLUMN %s.interaction_descriptor_key IS %L', target, about);
    END LOOP;
    FOREACH set_name IN ARRAY ARRAY['agent', 'agent_grp', 'agent_queue', 'queue', 'queue_acc_agent', 'queue_abn', 'queue_grp'] LOOP
        FOREACH level IN ARRAY ARRAY['subhr', 'hour', 'day', 'week', 'month', 'qrtr', 'year'] LOOP
            target := format('gim.%I', 'ag2_' || set_name || '_' || level)::regclass;
            EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', target, regexp_replace(pg_get_viewdef(target),
                '[^,]* AS interaction_descriptor_key', E'\n    interaction_descriptor_key'));
            EXECUTE format('COMMENT ON COLUMN %s.interaction_descriptor_key IS %L', target,
                'Key in INTERACTION_DESCRIPTOR: of the attempt, or of the visit or the attempt that answered it; -2 none');
        END LOOP;
    END LOOP;
    FOREACH level IN ARRAY ARRAY['subhr', '30min', 'hour', 'day', 'week', 'month', 'quarter', 'year'] LOOP
        EXECUTE format('COMMENT ON COLUMN agg.%I.interaction_descriptor_key IS %L', 'id_' || level, about);
    END LOOP;
    FOREACH level IN ARRAY ARRAY['subhr', 'hour', 'day', 'week', 'month', 'qrtr', 'year'] LOOP
        EXECUTE format('COMMENT ON COLUMN gim.%I.interaction_descriptor_key IS %L', 'ag2_id_' || level,
            'Key in INTERACTION_DESCRIPTOR: of the first attempt that handled the customer, else of the first attempt; -2 none');
    END LOOP;
END
$keys$;

-- In the order of the columns of the set, so that a set may get another one.
CREATE OR REPLACE PROCEDURE agg.define_calendar(calendar_name text)
    LANGUAGE plpgsql AS $body$
DECLARE
    calendar record;
    base record;
    level text;
    target text;
BEGIN
    SELECT calendar_key, zone INTO STRICT calendar FROM mart.calendar WHERE name = calendar_name;
    FOR base IN
        SELECT oid::regclass AS relation, left(relname, -6) AS set_name, obj_description(oid) AS comment
        FROM pg_class WHERE relnamespace = 'agg'::regnamespace AND relname LIKE '%\_subhr'
    LOOP
        FOREACH level IN ARRAY ARRAY['day', 'week', 'month', 'quarter', 'year'] LOOP
            target := format('agg.%I', left(base.set_name || '_' || level || '_' || replace(calendar_name, 'date_time_', ''), 63));
            EXECUTE (SELECT format('CREATE OR REPLACE VIEW %s WITH (security_invoker = true) AS SELECT %s FROM %s AS q'
                ' JOIN mart.calendar_date_time AS c ON c.calendar_key = %s AND c.date_time_key = q.date_time_key GROUP BY %s', target,
                string_agg(CASE
                    WHEN attname = 'date_time_key' THEN format('c.date_time_%s_key AS date_time_key', level)
                    WHEN attname LIKE '%\_key' THEN format('q.%I', attname)
                    WHEN attname LIKE '%\_max\_ms' THEN format('max(q.%1$I) AS %1$I', attname)
                    ELSE format('sum(q.%1$I)::bigint AS %1$I', attname) END, ', ' ORDER BY attnum),
                base.relation, calendar.calendar_key,
                string_agg(CASE attname WHEN 'date_time_key' THEN format('c.date_time_%s_key', level) ELSE format('q.%I', attname) END, ', '
                    ORDER BY attnum) FILTER (WHERE attname LIKE '%\_key'))
                FROM pg_attribute WHERE attrelid = base.relation AND attnum > 0 AND NOT attisdropped);
            EXECUTE format('COMMENT ON VIEW %s IS %L', target, split_part(base.comment, '; by', 1) || format('; by %s of %s', level, calendar.zone));
            EXECUTE (SELECT coalesce(string_agg(format('COMMENT ON COLUMN %s.%I IS %L', target, a.attname,
                CASE a.attname WHEN 'date_time_key' THEN 'First interval of it, epoch second' ELSE col_description(base.relation, b.attnum) END), ';'), '')
                FROM pg_attribute AS a JOIN pg_attribute AS b ON b.attrelid = base.relation AND b.attname = a.attname
                WHERE a.attrelid = target::regclass AND a.attnum > 0);
            EXECUTE format('GRANT SELECT ON %s TO twinmart_reader', target);
        END LOOP;
    END LOOP;
END
$body$;

DO $calendars$
DECLARE
    one text;
BEGIN
    FOR one IN SELECT name FROM mart.calendar LOOP
        CALL agg.define_calendar(one);
    END LOOP;
END
$calendars$;

CREATE VIEW mart.report_descriptor AS
SELECT
    interaction_descriptor_key,
    CASE interaction_descriptor_key WHEN -2 THEN 'none' ELSE customer_segment END AS customer_segment,
    CASE interaction_descriptor_key WHEN -2 THEN 'none' ELSE service_type END AS service_type,
    CASE interaction_descriptor_key WHEN -2 THEN 'none' ELSE service_subtype END AS service_subtype,
    CASE interaction_descriptor_key WHEN -2 THEN 'none' ELSE business_result END AS business_result
FROM mart.interaction_descriptor;
COMMENT ON VIEW mart.report_descriptor IS 'Business attributes as reports name them: what is not told is none';
COMMENT ON COLUMN mart.report_descriptor.interaction_descriptor_key IS 'Key';
COMMENT ON COLUMN mart.report_descriptor.customer_segment IS 'Segment of the customer';
COMMENT ON COLUMN mart.report_descriptor.service_type IS 'Service asked for';
COMMENT ON COLUMN mart.report_descriptor.service_subtype IS 'Kind of that service';
COMMENT ON COLUMN mart.report_descriptor.business_result IS 'What came of it';

-- What is told of an interaction after its facts were loaded concerns its aggregates too.
CREATE FUNCTION ctl.request_of_user_data() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key)
    SELECT data.tenant_key, wanted.set_name, 'subhr', data.start_date_time_key
    FROM changed AS data
    CROSS JOIN LATERAL unnest(CASE WHEN data.is_segment THEN ARRAY['queue', 'queue_acc_agent', 'queue_abn']
        ELSE ARRAY['agent', 'agent_grp', 'agent_queue'] END) AS wanted (set_name)
    WHERE data.interaction_descriptor_key <> -2
    UNION
    SELECT fact.tenant_key, wanted.set_name, 'subhr', wanted.date_time_key
    FROM changed AS data
    JOIN mart.interaction_resource_fact AS fact USING (tenant_key, start_date_time_key, interaction_resource_id)
    CROSS JOIN LATERAL (VALUES ('id', fact.interaction_date_time_key), ('queue', fact.mediation_date_time_key),
        ('queue_acc_agent', fact.mediation_date_time_key)) AS wanted (set_name, date_time_key)
    WHERE data.interaction_descriptor_key <> -2 AND wanted.date_time_key IS NOT NULL
      AND fact.start_date_time_key BETWEEN (SELECT min(start_date_time_key) FROM changed) AND (SELECT max(start_date_time_key) FROM changed)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$body$;
COMMENT ON FUNCTION ctl.request_of_user_data() IS 'Leaves requests for the aggregates that business attributes of attempts and visits go into';

DO $triggers$
DECLARE
    event record;
BEGIN
    FOR event IN
        SELECT * FROM (VALUES ('inserted', 'INSERT', 'NEW'), ('changed_to', 'UPDATE', 'NEW'), ('changed_from', 'UPDATE', 'OLD'),
            ('deleted', 'DELETE', 'OLD')) AS e (name, operation, rows)
    LOOP
        EXECUTE format('CREATE TRIGGER aggregate_%s AFTER %s ON mart.irf_user_data_keys REFERENCING %s TABLE AS changed FOR EACH STATEMENT'
            ' EXECUTE FUNCTION ctl.request_of_user_data()', event.name, event.operation, event.rows);
    END LOOP;
END
$triggers$;

-- What holds business attributes already is asked for, and nothing else.
INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key, transaction_id, requested_at)
SELECT data.tenant_key, wanted.set_name, 'subhr', data.start_date_time_key, 0, timestamptz 'epoch'
FROM mart.irf_user_data_keys AS data
CROSS JOIN LATERAL unnest(CASE WHEN data.is_segment THEN ARRAY['queue', 'queue_acc_agent', 'queue_abn']
    ELSE ARRAY['agent', 'agent_grp', 'agent_queue'] END) AS wanted (set_name)
WHERE data.interaction_descriptor_key <> -2
UNION
SELECT fact.tenant_key, wanted.set_name, 'subhr', wanted.date_time_key, 0, timestamptz 'epoch'
FROM mart.irf_user_data_keys AS data
JOIN mart.interaction_resource_fact AS fact USING (tenant_key, start_date_time_key, interaction_resource_id)
CROSS JOIN LATERAL (VALUES ('id', fact.interaction_date_time_key), ('queue', fact.mediation_date_time_key),
    ('queue_acc_agent', fact.mediation_date_time_key)) AS wanted (set_name, date_time_key)
WHERE data.interaction_descriptor_key <> -2 AND wanted.date_time_key IS NOT NULL
ON CONFLICT DO NOTHING;

-- Keys of user data become objects; the tables that held them give way to views of the same names. Both sites make the same rows.
ALTER TABLE cfg.object DROP CONSTRAINT object_kind_check;
ALTER TABLE cfg.object ADD CONSTRAINT object_kind_check CHECK (kind IN (
    'tenant', 'site', 'host', 'application', 'access_point', 'source', 'collector', 'agent', 'login', 'agent_group',
    'queue', 'queue_group', 'skill', 'measure', 'calendar', 'user_data_key'));

INSERT INTO cfg.object (object_key, kind, name, enabled, properties, created_at, changed_at)
SELECT
    mart.dimension_key('USER_DATA_KEY|' || named.name), 'user_data_key', named.name, known.is_active,
    jsonb_strip_nulls(jsonb_build_object('source', nullif(known.source_name, '*'), 'key', known.key_name, 'masked', known.is_masked,
        'link', known.is_link, 'to', coalesce(goes.columns, '{}'))),
    mart.created_at, mart.created_at
FROM cfg.user_data_key AS known
CROSS JOIN LATERAL (SELECT CASE known.source_name WHEN '*' THEN '' ELSE known.source_name || '/' END || known.key_name AS name) AS named
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(ude_table_name || '.' || ude_column_name, jsonb_build_object('rule', propagation_rule, 'default', default_value))
        AS columns
    FROM ctl.ud_to_ude_mapping
    WHERE ud_key_name = known.key_name AND (active_flag = 1 OR NOT known.is_active)
) AS goes ON true
JOIN cfg.object AS mart ON (mart.kind, mart.name) = ('application', 'mart');

INSERT INTO cfg.history (object_key, revision, aspect, section, name, new_value, changed_at, author, reason)
SELECT object.object_key, 1, told.aspect, '', told.name, told.value, object.changed_at, 'twinmart', 'taken over'
FROM cfg.object AS object
CROSS JOIN LATERAL (
    SELECT 'state', 'enabled', object.enabled::text
    UNION ALL
    SELECT 'state', 'discovered', object.discovered::text
    UNION ALL
    SELECT 'property', key, value::text FROM jsonb_each(object.properties)
) AS told (aspect, name, value)
WHERE object.kind = 'user_data_key';

DROP VIEW gim.ctl_ud_to_ude_mapping, gim.ctl_ude_keys_to_dim_mapping, cfg.user_data_wanted;
DROP TABLE cfg.user_data_key, ctl.ud_to_ude_mapping, ctl.ude_keys_to_dim_mapping;

CREATE VIEW cfg.user_data_key AS
SELECT
    coalesce(properties ->> 'source', '*') AS source_name,
    properties ->> 'key' AS key_name,
    coalesce((properties ->> 'masked')::boolean, false) AS is_masked,
    coalesce((properties ->> 'link')::boolean, false) AS is_link,
    enabled AS is_active
FROM cfg.object
WHERE kind = 'user_data_key';
COMMENT ON VIEW cfg.user_data_key IS 'Keys of user data that are collected; everything else that a channel carries is dropped unread';
COMMENT ON COLUMN cfg.user_data_key.source_name IS 'Source, or * for every source; the more specific row counts';
COMMENT ON COLUMN cfg.user_data_key.key_name IS 'Channel variable or key of a user event, without leading underscores';
COMMENT ON COLUMN cfg.user_data_key.is_masked IS 'Whether the collector hides the value: only that there was one is stored';
COMMENT ON COLUMN cfg.user_data_key.is_link IS 'Whether calls that carry the same value are one interaction, on whatever switches they are';
COMMENT ON COLUMN cfg.user_data_key.is_active IS 'A key that is not active is no longer collected; what was stays';

CREATE VIEW cfg.user_data_wanted AS
SELECT source_key, source_name, key_name, is_masked, is_link
FROM (
    SELECT DISTINCT ON (source.source_key, wanted.key_name)
        source.source_key, source.name AS source_name, wanted.key_name, wanted.is_masked, wanted.is_link, wanted.is_active
    FROM cfg.source AS source
    JOIN cfg.user_data_key AS wanted ON wanted.source_name IN (source.name, '*')
    ORDER BY source.source_key, wanted.key_name, wanted.source_name = '*'
) AS specific
WHERE is_active;
COMMENT ON VIEW cfg.user_data_wanted IS 'Keys of user data that are collected of each source';
COMMENT ON COLUMN cfg.user_data_wanted.source_key IS 'Source';
COMMENT ON COLUMN cfg.user_data_wanted.source_name IS 'Its name';
COMMENT ON COLUMN cfg.user_data_wanted.key_name IS 'Key';
COMMENT ON COLUMN cfg.user_data_wanted.is_masked IS 'Whether the value is hidden';
COMMENT ON COLUMN cfg.user_data_wanted.is_link IS 'Whether equal values link calls';

CREATE VIEW ctl.ud_to_ude_mapping AS
SELECT DISTINCT ON (item.properties ->> 'key', goes.target)
    mart.dimension_key('USERDATA|' || (item.properties ->> 'key') || '|' || replace(goes.target, '.', '|')) AS id,
    item.properties ->> 'key' AS ud_key_name,
    split_part(goes.target, '.', 1) AS ude_table_name,
    split_part(goes.target, '.', 2) AS ude_column_name,
    goes.how ->> 'rule' AS propagation_rule,
    goes.how ->> 'default' AS default_value,
    item.enabled::integer::smallint AS active_flag,
    NULL::text AS convert_expression
FROM cfg.object AS item
CROSS JOIN LATERAL jsonb_each(item.properties -> 'to') AS goes (target, how)
WHERE item.kind = 'user_data_key'
ORDER BY item.properties ->> 'key', goes.target, item.enabled DESC, item.name;
COMMENT ON VIEW ctl.ud_to_ude_mapping IS 'Which key of user data goes to which column, and by which rule';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.id IS 'mart.dimension_key of key, table and column';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.ud_key_name IS 'Key of user data';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.ude_table_name IS 'irf_user_data_gen_1, irf_user_data_cust_n, user_data_cust_dim_n or interaction_descriptor';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.ude_column_name IS 'Column of that table';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.propagation_rule IS 'Which of several values counts for a part of an interaction';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.default_value IS 'Value where there is none';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.active_flag IS '1: used from now on; rows that stand are not touched until they are computed anew';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.convert_expression IS 'Constant NULL: values are not converted';

CREATE VIEW ctl.ude_keys_to_dim_mapping AS
SELECT
    mart.dimension_key(named.ude_key_name) AS id,
    named.ude_key_name,
    named.dim_table_name,
    named.dim_table_pk_name,
    1::smallint AS active_flag
FROM (
    SELECT 'interaction_descriptor_key' AS ude_key_name, 'interaction_descriptor' AS dim_table_name,
        'interaction_descriptor_key' AS dim_table_pk_name
    UNION
    SELECT 'custom_key_' || substring(ude_table_name FROM '[0-9]+$'), ude_table_name, 'id'
    FROM ctl.ud_to_ude_mapping
    WHERE ude_table_name LIKE 'user\_data\_cust\_dim\_%'
) AS named;
COMMENT ON VIEW ctl.ude_keys_to_dim_mapping IS 'Which column of IRF_USER_DATA_KEYS leads to which dimension';
COMMENT ON COLUMN ctl.ude_keys_to_dim_mapping.id IS 'mart.dimension_key of the column';
COMMENT ON COLUMN ctl.ude_keys_to_dim_mapping.ude_key_name IS 'Column of irf_user_data_keys';
COMMENT ON COLUMN ctl.ude_keys_to_dim_mapping.dim_table_name IS 'Dimension';
COMMENT ON COLUMN ctl.ude_keys_to_dim_mapping.dim_table_pk_name IS 'Key of the dimension';
COMMENT ON COLUMN ctl.ude_keys_to_dim_mapping.active_flag IS '1: in use';

CREATE VIEW gim.ctl_ud_to_ude_mapping AS
SELECT id, ud_key_name, ude_table_name, ude_column_name, propagation_rule, default_value, active_flag, convert_expression
FROM ctl.ud_to_ude_mapping;
COMMENT ON VIEW gim.ctl_ud_to_ude_mapping IS 'Which key of user data goes to which column, and by which rule';
CREATE VIEW gim.ctl_ude_keys_to_dim_mapping AS
SELECT id, ude_key_name, dim_table_name, dim_table_pk_name, active_flag
FROM ctl.ude_keys_to_dim_mapping;
COMMENT ON VIEW gim.ctl_ude_keys_to_dim_mapping IS 'Which column of IRF_USER_DATA_KEYS leads to which dimension';
DO $$
DECLARE
    named record;
BEGIN
    -- A mart that is made anew has its readers afterwards.
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'twinmart_reader') THEN
        GRANT SELECT ON gim.ctl_ud_to_ude_mapping, gim.ctl_ude_keys_to_dim_mapping TO twinmart_reader;
    END IF;
    FOR named IN
        SELECT shown.attrelid::regclass AS view_name, shown.attname AS name, col_description(base.attrelid, base.attnum) AS about
        FROM (VALUES ('ctl_ud_to_ude_mapping'), ('ctl_ude_keys_to_dim_mapping')) AS v (name)
        JOIN pg_attribute AS shown ON shown.attrelid = format('gim.%I', v.name)::regclass AND shown.attnum > 0
        JOIN pg_attribute AS base ON base.attrelid = format('ctl.%I', substr(v.name, 5))::regclass AND base.attname = shown.attname
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', named.view_name, named.name, named.about);
    END LOOP;
END
$$;

-- Only what is missing is made, and nothing is ever taken away, so that a reader waits for it as seldom as can be.
CREATE OR REPLACE FUNCTION ctl.make_user_data_views() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    tables integer;
    dims integer;
    known integer;
    names text;
    view_name text;
BEGIN
    SELECT
        greatest(1, max(substring(ude_table_name FROM '^irf_user_data_cust_([0-9]+)$')::integer)),
        greatest(1, max(substring(ude_table_name FROM '^user_data_cust_dim_([0-9]+)$')::integer))
    INTO tables, dims
    FROM ctl.ud_to_ude_mapping;
    FOR number IN 0..tables LOOP
        view_name := CASE number WHEN 0 THEN 'irf_user_data_gen_1' ELSE 'irf_user_data_cust_' || number END;
        IF to_regclass(format('gim.%I', view_name)) IS NULL THEN
            SELECT string_agg('data.' || attname, ', ' ORDER BY attnum) INTO names
            FROM pg_attribute
            WHERE attrelid = CASE number WHEN 0 THEN 'mart.irf_user_data_gen_1'::regclass ELSE 'mart.irf_user_data_cust'::regclass END
              AND attnum > 0
              AND (attname LIKE 'custom\_data\_%' OR attname IN ('customer_id', 'revenue', 'satisfaction', 'gsw_call_attempt_guid'));
            EXECUTE format(
                'CREATE VIEW gim.%1$I WITH (security_invoker = true) AS'
                ' SELECT fact.interaction_resource_id, fact.tenant_key, fact.start_date_time_key,'
                ' coalesce(data.create_audit_key, -1) AS create_audit_key, coalesce(data.update_audit_key, 0) AS update_audit_key, %2$s'
                ' FROM mart.interaction_resource_fact AS fact LEFT JOIN mart.%3$I AS data ON data.tenant_key = fact.tenant_key'
                ' AND data.start_date_time_key = fact.start_date_time_key'
                ' AND data.interaction_resource_id = fact.interaction_resource_id%4$s'
                ' UNION ALL SELECT data.interaction_resource_id, data.tenant_key, data.start_date_time_key, data.create_audit_key,'
                ' data.update_audit_key, %2$s FROM mart.%3$I AS data WHERE data.is_segment%4$s',
                view_name, names, CASE number WHEN 0 THEN 'irf_user_data_gen_1' ELSE 'irf_user_data_cust' END,
                CASE number WHEN 0 THEN '' ELSE ' AND data.table_no = ' || number END
            );
            PERFORM ctl.describe_user_data_view(view_name);
        END IF;
    END LOOP;
    SELECT count(*) INTO known
    FROM pg_attribute
    WHERE attrelid = to_regclass('gim.irf_user_data_keys') AND attname LIKE 'custom\_key\_%';
    IF known < dims THEN
        SELECT string_agg(format(', coalesce(data.custom_keys[%1$s], -2) AS custom_key_%1$s', n), '' ORDER BY n) INTO names
        FROM generate_series(1, dims) AS n;
        EXECUTE format(
            'CREATE OR REPLACE VIEW gim.irf_user_data_keys WITH (security_invoker = true) AS SELECT fact.interaction_resource_id,'
            ' fact.tenant_key, fact.start_date_time_key, coalesce(data.create_audit_key, -1) AS create_audit_key,'
            ' coalesce(data.update_audit_key, 0) AS update_audit_key,'
            ' coalesce(data.interaction_descriptor_key, -2) AS interaction_descriptor_key%1$s'
            ' FROM mart.interaction_resource_fact AS fact LEFT JOIN mart.irf_user_data_keys AS data ON data.tenant_key = fact.tenant_key'
            ' AND data.start_date_time_key = fact.start_date_time_key AND data.interaction_resource_id = fact.interaction_resource_id'
            ' UNION ALL SELECT data.interaction_resource_id, data.tenant_key, data.start_date_time_key, data.create_audit_key,'
            ' data.update_audit_key, data.interaction_descriptor_key%1$s FROM mart.irf_user_data_keys AS data WHERE data.is_segment',
            names
        );
        PERFORM ctl.describe_user_data_view('irf_user_data_keys');
    END IF;
    FOR number IN 1..dims LOOP
        view_name := 'user_data_cust_dim_' || number;
        IF to_regclass(format('gim.%I', view_name)) IS NULL THEN
            EXECUTE format(
                'CREATE VIEW gim.%1$I WITH (security_invoker = true) AS SELECT id, tenant_key, create_audit_key, dim_attribute_1,'
                ' dim_attribute_2, dim_attribute_3, dim_attribute_4, dim_attribute_5 FROM mart.user_data_cust_dim WHERE dim_no = %2$s'
                ' UNION ALL VALUES (-1, -1, -1, ''UNKNOWN'', ''UNKNOWN'', ''UNKNOWN'', ''UNKNOWN'', ''UNKNOWN''),'
                ' (-2, -2, -1, ''NO_VALUE'', ''NO_VALUE'', ''NO_VALUE'', ''NO_VALUE'', ''NO_VALUE'')',
                view_name, number
            );
            PERFORM ctl.describe_user_data_view(view_name);
        END IF;
    END LOOP;
END
$body$;

CREATE FUNCTION ctl.describe_user_data_view(view_name text) RETURNS void
    LANGUAGE plpgsql
AS $body$
DECLARE
    named text;
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'twinmart_reader') THEN
        EXECUTE format('GRANT SELECT ON gim.%I TO twinmart_reader', view_name);
    END IF;
    EXECUTE format('COMMENT ON VIEW gim.%I IS %L', view_name, CASE
        WHEN view_name LIKE 'user%' THEN 'Combinations of five values of user data; -1 unknown, -2 no value'
        ELSE 'User data of interaction resources, and of mediation segments where these carry it; keys of facts are uuid'
    END);
    FOR named IN SELECT attname FROM pg_attribute WHERE attrelid = format('gim.%I', view_name)::regclass AND attnum > 0 LOOP
        EXECUTE format('COMMENT ON COLUMN gim.%I.%I IS %L', view_name, named, CASE
            WHEN named = 'interaction_resource_id' THEN 'Interaction resource or mediation segment, uuid'
            WHEN named = 'tenant_key' THEN 'Tenant'
            WHEN named = 'start_date_time_key' THEN 'Interval of its start'
            WHEN named = 'create_audit_key' THEN 'Load that inserted the row; -1 there is no user data'
            WHEN named = 'update_audit_key' THEN 'Load that changed it last; 0 there is no user data'
            WHEN named LIKE 'custom\_key\_%' THEN 'Key in USER_DATA_CUST_DIM of that number; -2 none'
            WHEN named = 'interaction_descriptor_key' THEN 'Key in INTERACTION_DESCRIPTOR; -2 none'
            WHEN named = 'id' THEN 'Key'
            WHEN named LIKE 'dim%' THEN 'Value; none where there is none'
            ELSE 'Value, by the mapping of CTL_UD_TO_UDE_MAPPING; NULL none'
        END);
    END LOOP;
END
$body$;
COMMENT ON FUNCTION ctl.describe_user_data_view(text) IS 'Says what a view of user data and its columns hold, and lets readers read it';

-- However a key is written, its views are there with it. They do not cross the link: a standby's server makes its own.
CREATE FUNCTION ctl.follow_user_data_key() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    PERFORM ctl.make_user_data_views();
    RETURN NULL;
END
$body$;
COMMENT ON FUNCTION ctl.follow_user_data_key() IS 'Makes the views of user data that a changed key needs';
CREATE TRIGGER follow_user_data_key AFTER INSERT OR UPDATE ON cfg.object
    FOR EACH ROW WHEN (NEW.kind = 'user_data_key') EXECUTE FUNCTION ctl.follow_user_data_key();

-- Combinations of groups know the configured ones too.
CREATE VIEW mart.agent_membership AS
SELECT resource_key, group_key, start_at, end_at
FROM mart.resource_group_fact_
UNION ALL
SELECT resource_key, group_key, start_at, end_at
FROM mart.group_member;
COMMENT ON VIEW mart.agent_membership IS 'Which groups an agent was in, those of the queues served and those that people configured';
COMMENT ON COLUMN mart.agent_membership.resource_key IS 'Agent; or a queue, in a configured group of queues';
COMMENT ON COLUMN mart.agent_membership.group_key IS 'Group';
COMMENT ON COLUMN mart.agent_membership.start_at IS 'Begin of the membership';
COMMENT ON COLUMN mart.agent_membership.end_at IS 'End; NULL while it lasts';

CREATE OR REPLACE FUNCTION mart.groups_of(of_resource_key bigint, moment timestamptz) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN mart.group_combination_key((
        SELECT array_agg(DISTINCT membership.group_key ORDER BY membership.group_key)
        FROM mart.agent_membership AS membership
        WHERE membership.resource_key = of_resource_key
          AND membership.start_at <= moment
          AND (membership.end_at IS NULL OR membership.end_at > moment)
    ));

COMMENT ON COLUMN ctl.aggregate_request.transaction_id IS
    'Transaction that asks: keeps those that ask and those that take from waiting for each other; 0 or negative: a redo, which computes every level anew';
COMMENT ON COLUMN ops.recovery_record.kind IS 'begun, taken, intent, outcome, note, paused, yields, ended';
