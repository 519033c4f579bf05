-- Business attributes reach the aggregates: what an interaction was about is a key of the sets of agents and of queues too.

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

COMMENT ON COLUMN ctl.aggregate_request.transaction_id IS
    'Transaction that asks: keeps those that ask and those that take from waiting for each other; 0 or negative: a redo, which computes every level anew';
COMMENT ON COLUMN ops.recovery_record.kind IS 'begun, taken, intent, outcome, note, paused, yields, ended';
