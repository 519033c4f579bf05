-- User data: which keys are collected, how their values are brought to the parts of an interaction, and where they stand; links of
-- calls across switches; combinations of groups.

CREATE TABLE cfg.user_data_key (
    source_name text NOT NULL DEFAULT '*',
    key_name text NOT NULL CHECK (key_name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$'),
    is_masked boolean NOT NULL DEFAULT false,
    is_link boolean NOT NULL DEFAULT false,
    is_active boolean NOT NULL DEFAULT true,
    PRIMARY KEY (source_name, key_name)
);
COMMENT ON TABLE cfg.user_data_key IS 'Keys of user data that are collected; everything else that a channel carries is dropped unread';
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

CREATE TABLE ctl.ud_to_ude_mapping (
    id bigint NOT NULL,
    ud_key_name text NOT NULL,
    ude_table_name text NOT NULL,
    ude_column_name text NOT NULL,
    propagation_rule text NOT NULL CHECK (propagation_rule IN ('CALL', 'PARTY', 'IRF', 'IRF_FIRST_UPDATE', 'IRF_INITIAL', 'IRF_ROUTE')),
    default_value text,
    active_flag smallint NOT NULL DEFAULT 1 CHECK (active_flag IN (0, 1)),
    convert_expression text CHECK (convert_expression IS NULL),
    PRIMARY KEY (id)
);
COMMENT ON TABLE ctl.ud_to_ude_mapping IS 'Which key of user data goes to which column, and by which rule';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.id IS 'mart.dimension_key of key, table and column';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.ud_key_name IS 'Key of user data';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.ude_table_name IS 'irf_user_data_gen_1, irf_user_data_cust_n, user_data_cust_dim_n or interaction_descriptor';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.ude_column_name IS 'Column of that table';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.propagation_rule IS 'Which of several values counts for a part of an interaction';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.default_value IS 'Value where there is none';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.active_flag IS '1: used from now on; rows that stand are not touched until they are computed anew';
COMMENT ON COLUMN ctl.ud_to_ude_mapping.convert_expression IS 'Constant NULL: values are not converted';

CREATE UNIQUE INDEX ud_to_ude_mapping_ude_column_name_ix ON ctl.ud_to_ude_mapping (ude_table_name, ude_column_name) WHERE active_flag = 1;

CREATE TABLE ctl.ude_keys_to_dim_mapping (
    id bigint NOT NULL,
    ude_key_name text NOT NULL,
    dim_table_name text NOT NULL,
    dim_table_pk_name text NOT NULL,
    active_flag smallint NOT NULL DEFAULT 1 CHECK (active_flag IN (0, 1)),
    PRIMARY KEY (id)
);
COMMENT ON TABLE ctl.ude_keys_to_dim_mapping IS 'Which column of IRF_USER_DATA_KEYS leads to which dimension';
COMMENT ON COLUMN ctl.ude_keys_to_dim_mapping.id IS 'mart.dimension_key of the column';
COMMENT ON COLUMN ctl.ude_keys_to_dim_mapping.ude_key_name IS 'Column of irf_user_data_keys';
COMMENT ON COLUMN ctl.ude_keys_to_dim_mapping.dim_table_name IS 'Dimension';
COMMENT ON COLUMN ctl.ude_keys_to_dim_mapping.dim_table_pk_name IS 'Key of the dimension';
COMMENT ON COLUMN ctl.ude_keys_to_dim_mapping.active_flag IS '1: in use';

INSERT INTO ctl.ude_keys_to_dim_mapping (id, ude_key_name, dim_table_name, dim_table_pk_name)
VALUES (mart.dimension_key('interaction_descriptor_key'), 'interaction_descriptor_key', 'interaction_descriptor', 'interaction_descriptor_key');

CREATE TABLE mart.irf_user_data_gen_1 (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    interaction_resource_id uuid NOT NULL,
    interaction_id uuid NOT NULL,
    is_segment boolean NOT NULL,
    customer_id text,
    revenue numeric(18, 2),
    satisfaction numeric(18, 2),
    gsw_call_attempt_guid text,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, interaction_resource_id)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.irf_user_data_gen_1 IS 'User data of the predefined names; only where there is any';
COMMENT ON COLUMN mart.irf_user_data_gen_1.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.irf_user_data_gen_1.start_date_time_key IS 'Interval of the start of the row that it belongs to';
COMMENT ON COLUMN mart.irf_user_data_gen_1.interaction_resource_id IS 'Interaction resource, or mediation segment where these carry user data too';
COMMENT ON COLUMN mart.irf_user_data_gen_1.interaction_id IS 'Interaction';
COMMENT ON COLUMN mart.irf_user_data_gen_1.is_segment IS 'Whether it belongs to a mediation segment';
COMMENT ON COLUMN mart.irf_user_data_gen_1.customer_id IS 'Customer';
COMMENT ON COLUMN mart.irf_user_data_gen_1.revenue IS 'Revenue; NULL where what was told is no number';
COMMENT ON COLUMN mart.irf_user_data_gen_1.satisfaction IS 'Satisfaction; NULL likewise';
COMMENT ON COLUMN mart.irf_user_data_gen_1.gsw_call_attempt_guid IS 'Attempt of an outbound campaign';
COMMENT ON COLUMN mart.irf_user_data_gen_1.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.irf_user_data_gen_1.update_audit_key IS 'Load that changed it last';

CREATE TABLE mart.irf_user_data_cust (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    interaction_resource_id uuid NOT NULL,
    table_no integer NOT NULL CHECK (table_no BETWEEN 1 AND 800),
    interaction_id uuid NOT NULL,
    is_segment boolean NOT NULL,
    custom_data_1 text,
    custom_data_2 text,
    custom_data_3 text,
    custom_data_4 text,
    custom_data_5 text,
    custom_data_6 text,
    custom_data_7 text,
    custom_data_8 text,
    custom_data_9 text,
    custom_data_10 text,
    custom_data_11 text,
    custom_data_12 text,
    custom_data_13 text,
    custom_data_14 text,
    custom_data_15 text,
    custom_data_16 text,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, interaction_resource_id, table_no)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.irf_user_data_cust IS 'User data of many values: a row for each table of 16 columns that is in use; only where there is any';
COMMENT ON COLUMN mart.irf_user_data_cust.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.irf_user_data_cust.start_date_time_key IS 'Interval of the start of the row that it belongs to';
COMMENT ON COLUMN mart.irf_user_data_cust.interaction_resource_id IS 'Interaction resource, or mediation segment where these carry user data too';
COMMENT ON COLUMN mart.irf_user_data_cust.table_no IS 'Which table: n of gim.irf_user_data_cust_n';
COMMENT ON COLUMN mart.irf_user_data_cust.interaction_id IS 'Interaction';
COMMENT ON COLUMN mart.irf_user_data_cust.is_segment IS 'Whether it belongs to a mediation segment';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_1 IS 'Column 1';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_2 IS 'Column 2';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_3 IS 'Column 3';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_4 IS 'Column 4';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_5 IS 'Column 5';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_6 IS 'Column 6';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_7 IS 'Column 7';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_8 IS 'Column 8';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_9 IS 'Column 9';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_10 IS 'Column 10';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_11 IS 'Column 11';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_12 IS 'Column 12';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_13 IS 'Column 13';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_14 IS 'Column 14';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_15 IS 'Column 15';
COMMENT ON COLUMN mart.irf_user_data_cust.custom_data_16 IS 'Column 16';
COMMENT ON COLUMN mart.irf_user_data_cust.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.irf_user_data_cust.update_audit_key IS 'Load that changed it last';

CREATE TABLE mart.irf_user_data_keys (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    interaction_resource_id uuid NOT NULL,
    interaction_id uuid NOT NULL,
    is_segment boolean NOT NULL,
    interaction_descriptor_key bigint NOT NULL,
    custom_keys bigint[] NOT NULL,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, interaction_resource_id)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.irf_user_data_keys IS 'Keys of user data of few values; only where there is any';
COMMENT ON COLUMN mart.irf_user_data_keys.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.irf_user_data_keys.start_date_time_key IS 'Interval of the start of the row that it belongs to';
COMMENT ON COLUMN mart.irf_user_data_keys.interaction_resource_id IS 'Interaction resource, or mediation segment where these carry user data too';
COMMENT ON COLUMN mart.irf_user_data_keys.interaction_id IS 'Interaction';
COMMENT ON COLUMN mart.irf_user_data_keys.is_segment IS 'Whether it belongs to a mediation segment';
COMMENT ON COLUMN mart.irf_user_data_keys.interaction_descriptor_key IS 'Descriptor; -2 none';
COMMENT ON COLUMN mart.irf_user_data_keys.custom_keys IS 'Key in user_data_cust_dim n at place n; NULL none';
COMMENT ON COLUMN mart.irf_user_data_keys.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.irf_user_data_keys.update_audit_key IS 'Load that changed it last';

CREATE TABLE mart.irf_user_data_discard (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    interaction_resource_id uuid NOT NULL,
    ude_column_name text NOT NULL,
    interaction_id uuid NOT NULL,
    is_segment boolean NOT NULL,
    ud_key_name text NOT NULL,
    value text NOT NULL,
    reason text NOT NULL,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, interaction_resource_id, ude_column_name)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.irf_user_data_discard IS 'Values that do not fit their column, each told once; the column is NULL instead';
COMMENT ON COLUMN mart.irf_user_data_discard.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.irf_user_data_discard.start_date_time_key IS 'Interval of the start of the row that it belongs to';
COMMENT ON COLUMN mart.irf_user_data_discard.interaction_resource_id IS 'Interaction resource, or mediation segment where these carry user data too';
COMMENT ON COLUMN mart.irf_user_data_discard.ude_column_name IS 'Column that it was meant for';
COMMENT ON COLUMN mart.irf_user_data_discard.interaction_id IS 'Interaction';
COMMENT ON COLUMN mart.irf_user_data_discard.is_segment IS 'Whether it belongs to a mediation segment';
COMMENT ON COLUMN mart.irf_user_data_discard.ud_key_name IS 'Key';
COMMENT ON COLUMN mart.irf_user_data_discard.value IS 'What was told, its first 80 characters';
COMMENT ON COLUMN mart.irf_user_data_discard.reason IS 'Why it does not fit';
COMMENT ON COLUMN mart.irf_user_data_discard.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.irf_user_data_discard.update_audit_key IS 'Load that changed it last';

CREATE TABLE mart.user_data_cust_dim (
    dim_no integer NOT NULL CHECK (dim_no BETWEEN 1 AND 800),
    id bigint NOT NULL,
    tenant_key integer NOT NULL,
    dim_attribute_1 text NOT NULL DEFAULT 'none',
    dim_attribute_2 text NOT NULL DEFAULT 'none',
    dim_attribute_3 text NOT NULL DEFAULT 'none',
    dim_attribute_4 text NOT NULL DEFAULT 'none',
    dim_attribute_5 text NOT NULL DEFAULT 'none',
    create_audit_key bigint NOT NULL,
    PRIMARY KEY (dim_no, id)
);
COMMENT ON TABLE mart.user_data_cust_dim IS 'Combinations of values of user data with few values: dimension n has five attributes';
COMMENT ON COLUMN mart.user_data_cust_dim.dim_no IS 'Which dimension: n of gim.user_data_cust_dim_n';
COMMENT ON COLUMN mart.user_data_cust_dim.id IS 'mart.dimension_key of the values; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.user_data_cust_dim.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.user_data_cust_dim.dim_attribute_1 IS 'Attribute 1; none where there is none';
COMMENT ON COLUMN mart.user_data_cust_dim.dim_attribute_2 IS 'Attribute 2; none where there is none';
COMMENT ON COLUMN mart.user_data_cust_dim.dim_attribute_3 IS 'Attribute 3; none where there is none';
COMMENT ON COLUMN mart.user_data_cust_dim.dim_attribute_4 IS 'Attribute 4; none where there is none';
COMMENT ON COLUMN mart.user_data_cust_dim.dim_attribute_5 IS 'Attribute 5; none where there is none';
COMMENT ON COLUMN mart.user_data_cust_dim.create_audit_key IS 'Load that met it first';

CREATE TABLE mart.interaction_descriptor (
    interaction_descriptor_key bigint NOT NULL,
    tenant_key integer NOT NULL,
    customer_segment text NOT NULL DEFAULT 'none',
    service_type text NOT NULL DEFAULT 'none',
    service_subtype text NOT NULL DEFAULT 'none',
    business_result text NOT NULL DEFAULT 'none',
    create_audit_key bigint NOT NULL,
    PRIMARY KEY (interaction_descriptor_key)
);
COMMENT ON TABLE mart.interaction_descriptor IS 'What an interaction was about, in the words of the business';
COMMENT ON COLUMN mart.interaction_descriptor.interaction_descriptor_key IS 'mart.dimension_key of the values; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.interaction_descriptor.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.interaction_descriptor.customer_segment IS 'Segment of the customer';
COMMENT ON COLUMN mart.interaction_descriptor.service_type IS 'Service asked for';
COMMENT ON COLUMN mart.interaction_descriptor.service_subtype IS 'Kind of that service';
COMMENT ON COLUMN mart.interaction_descriptor.business_result IS 'What came of it';
COMMENT ON COLUMN mart.interaction_descriptor.create_audit_key IS 'Load that met it first';

INSERT INTO mart.interaction_descriptor VALUES
    (-1, -1, 'UNKNOWN', 'UNKNOWN', 'UNKNOWN', 'UNKNOWN', -1),
    (-2, -2, 'NO_VALUE', 'NO_VALUE', 'NO_VALUE', 'NO_VALUE', -1);

CREATE TABLE mart.resource_group_combination (
    group_combination_key bigint NOT NULL,
    group_key bigint NOT NULL,
    tenant_key integer NOT NULL,
    PRIMARY KEY (group_combination_key, group_key)
);
COMMENT ON TABLE mart.resource_group_combination IS 'Combinations of groups that an agent was in at one time';
COMMENT ON COLUMN mart.resource_group_combination.group_combination_key IS 'mart.group_combination_key of the groups; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.resource_group_combination.group_key IS 'A group of the combination';
COMMENT ON COLUMN mart.resource_group_combination.tenant_key IS 'Tenant';

INSERT INTO mart.resource_group_combination VALUES (-1, -1, -1), (-2, -2, -2);

CREATE FUNCTION mart.group_combination_key(group_keys bigint[]) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN group_keys IS NULL THEN -2 ELSE mart.dimension_key('GROUPS|' || array_to_string(group_keys, '|')) END;
COMMENT ON FUNCTION mart.group_combination_key(bigint[]) IS 'Key of a combination of groups, given in ascending order; -2 of none';

CREATE FUNCTION mart.groups_of(of_resource_key bigint, moment timestamptz) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN mart.group_combination_key((
        SELECT array_agg(DISTINCT membership.group_key ORDER BY membership.group_key)
        FROM mart.resource_group_fact_ AS membership
        WHERE membership.resource_key = of_resource_key
          AND membership.start_at <= moment
          AND (membership.end_at IS NULL OR membership.end_at > moment)
    ));
COMMENT ON FUNCTION mart.groups_of(bigint, timestamptz) IS 'Combination of the groups that an agent was in at a moment';

CREATE TABLE gidb.across_link (
    source_key bigint NOT NULL,
    channel_id text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (source_key, channel_id, value)
);
COMMENT ON TABLE gidb.across_link IS 'Values by which calls of several switches are one interaction';
COMMENT ON COLUMN gidb.across_link.source_key IS 'Source';
COMMENT ON COLUMN gidb.across_link.channel_id IS 'Channel that carries the value';
COMMENT ON COLUMN gidb.across_link.value IS 'Value; calls that carry the same are one interaction';

CREATE INDEX across_link_value_ix ON gidb.across_link (value);

INSERT INTO ops.partition_rule VALUES
    ('mart', 'irf_user_data_gen_1', 'epoch', 1), ('mart', 'irf_user_data_cust', 'epoch', 1),
    ('mart', 'irf_user_data_keys', 'epoch', 1), ('mart', 'irf_user_data_discard', 'epoch', 1)
ON CONFLICT DO NOTHING;

CREATE FUNCTION cfg.mart_option(of_section text, of_name text, fallback text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        (
            SELECT option.value
            FROM cfg.option
            JOIN cfg.object USING (object_key)
            WHERE object.kind = 'application' AND object.name = 'mart' AND option.section = of_section AND option.name = of_name
        ),
        fallback
    );
COMMENT ON FUNCTION cfg.mart_option(text, text, text) IS 'Value of an option of the mart, as text; the fallback where it is not set';

CREATE FUNCTION mart.plain_number(told text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN told ~ '^\s*[+-]?[0-9]{1,15}(\.[0-9]{1,15})?\s*$' THEN round(btrim(told, E' \t\r\n')::numeric, 2) END;
COMMENT ON FUNCTION mart.plain_number(text) IS 'A number of up to 15 digits before the point, to two places; NULL for anything else';

CREATE VIEW ctl.dangling_link AS
SELECT
    source.name AS source,
    min(call.linked_id) AS call_id,
    link.value,
    min(call.started_at) AS started_at,
    coalesce(
        now() - min(call.started_at) > make_interval(
            secs => cfg.mart_option('gim-transformation', 'merge-failed-is-link-timeout', '3600')::double precision
        ),
        false
    ) AS is_overdue
FROM gidb.across_link AS link
JOIN cfg.source AS source USING (source_key)
JOIN gidb.channel_link AS call ON call.source_key = link.source_key AND call.channel_id = link.channel_id
WHERE NOT EXISTS (
    SELECT FROM gidb.across_link AS other WHERE other.value = link.value AND other.source_key <> link.source_key
)
GROUP BY source.name, link.value;
COMMENT ON VIEW ctl.dangling_link IS 'Calls that carry a value by which calls are linked, of which no other switch has told';
COMMENT ON COLUMN ctl.dangling_link.source IS 'Source of the call';
COMMENT ON COLUMN ctl.dangling_link.call_id IS 'The call';
COMMENT ON COLUMN ctl.dangling_link.value IS 'What it carries';
COMMENT ON COLUMN ctl.dangling_link.started_at IS 'Start of its first channel';
COMMENT ON COLUMN ctl.dangling_link.is_overdue IS 'Whether the other side was waited for as long as merge-failed-is-link-timeout says';

-- The original's names. A row of IRF_USER_DATA_* stands for every interaction resource, also where there is no user data, so that joins
-- find it; of mediation segments only where they carry user data.
DO $$
DECLARE
    view_name text;
BEGIN
    FOREACH view_name IN ARRAY ARRAY['interaction_resource_fact', 'sm_res_session_fact', 'sm_res_state_fact', 'sm_res_state_reason_fact'] LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW gim.%I AS %s',
            view_name,
            replace(
                pg_get_viewdef(format('gim.%I', view_name)::regclass),
                'fact.resource_group_combination_key',
                'mart.groups_of(fact.resource_key, fact.start_at) AS resource_group_combination_key'
            )
        );
        EXECUTE format(
            'COMMENT ON COLUMN gim.%I.resource_group_combination_key IS %L',
            view_name,
            'Groups that the agent was in at the start; -2 none'
        );
    END LOOP;
END
$$;

CREATE OR REPLACE VIEW gim.resource_group_combination AS
SELECT group_combination_key, group_key, tenant_key, -2::bigint AS create_audit_key, -2::bigint AS update_audit_key
FROM mart.resource_group_combination;
COMMENT ON VIEW gim.resource_group_combination IS 'Combinations of groups that an agent was in at one time: a row for each group of a combination; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.resource_group_combination.group_combination_key IS 'Combination, as facts carry it';
COMMENT ON COLUMN gim.resource_group_combination.group_key IS 'A group of it';

CREATE VIEW gim.interaction_descriptor AS
SELECT interaction_descriptor_key, tenant_key, create_audit_key, -2::bigint AS update_audit_key, customer_segment, service_type,
    service_subtype, business_result
FROM mart.interaction_descriptor;
COMMENT ON VIEW gim.interaction_descriptor IS 'What interactions were about, in the words of the business; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.interaction_descriptor.interaction_descriptor_key IS 'Key';
COMMENT ON COLUMN gim.interaction_descriptor.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.interaction_descriptor.create_audit_key IS 'Load that met it first';
COMMENT ON COLUMN gim.interaction_descriptor.update_audit_key IS 'Constant -2: a member never changes';
COMMENT ON COLUMN gim.interaction_descriptor.customer_segment IS 'Segment of the customer';
COMMENT ON COLUMN gim.interaction_descriptor.service_type IS 'Service asked for';
COMMENT ON COLUMN gim.interaction_descriptor.service_subtype IS 'Kind of that service';
COMMENT ON COLUMN gim.interaction_descriptor.business_result IS 'What came of it';

CREATE VIEW gim.ctl_ud_to_ude_mapping AS
SELECT id, ud_key_name, ude_table_name, ude_column_name, propagation_rule, default_value, active_flag, convert_expression
FROM ctl.ud_to_ude_mapping;
COMMENT ON VIEW gim.ctl_ud_to_ude_mapping IS 'Which key of user data goes to which column, and by which rule';
CREATE VIEW gim.ctl_ude_keys_to_dim_mapping AS
SELECT id, ude_key_name, dim_table_name, dim_table_pk_name, active_flag
FROM ctl.ude_keys_to_dim_mapping;
COMMENT ON VIEW gim.ctl_ude_keys_to_dim_mapping IS 'Which column of IRF_USER_DATA_KEYS leads to which dimension';

CREATE VIEW gim.contact_attempt_fact AS
SELECT
    NULL::uuid AS contact_attempt_fact_key, NULL::integer AS tenant_key, NULL::bigint AS start_date_time_key,
    NULL::bigint AS end_date_time_key, NULL::bigint AS campaign_key, NULL::bigint AS group_key, NULL::bigint AS resource_key,
    NULL::bigint AS resource_group_combination_key, NULL::integer AS media_type_key, NULL::integer AS dialing_mode_key,
    NULL::bigint AS create_audit_key, NULL::bigint AS update_audit_key, NULL::text AS call_attempt_id, NULL::bigint AS start_ts,
    NULL::bigint AS end_ts
WHERE false;
COMMENT ON VIEW gim.contact_attempt_fact IS 'Attempts of outbound campaigns: empty, since no source tells of campaigns. Keys of facts are uuid';

DO $$
DECLARE
    named record;
BEGIN
    -- What these columns hold is what the tables of the same names say.
    FOR named IN
        SELECT view.relname AS view_name, attribute.attname AS name,
            coalesce(
                col_description(format('ctl.%I', substr(view.relname, 5))::regclass, original.attnum), 'As in the original; no row holds it'
            ) AS about
        FROM pg_class AS view
        JOIN pg_attribute AS attribute ON attribute.attrelid = view.oid AND attribute.attnum > 0
        LEFT JOIN pg_attribute AS original
            ON original.attrelid = to_regclass(format('ctl.%I', substr(view.relname, 5))) AND original.attname = attribute.attname
        WHERE view.relnamespace = 'gim'::regnamespace
          AND view.relname IN ('ctl_ud_to_ude_mapping', 'ctl_ude_keys_to_dim_mapping')
        UNION ALL
        SELECT 'contact_attempt_fact', attname, 'As in the original; no row holds it'
        FROM pg_attribute
        WHERE attrelid = 'gim.contact_attempt_fact'::regclass AND attnum > 0
    LOOP
        EXECUTE format('COMMENT ON COLUMN gim.%I.%I IS %L', named.view_name, named.name, named.about);
    END LOOP;
END
$$;

-- Makes a view for each table and dimension of user data that the mapping names, and no fewer than the first of each. What a view holds
-- lies in tables that are there already, so this touches no row, and a site at which it was not done yet lacks only the view.
CREATE FUNCTION ctl.make_user_data_views() RETURNS void
    LANGUAGE plpgsql
AS $body$
DECLARE
    tables integer;
    dims integer;
    names text;
    view_name text;
    named record;
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
                'CREATE VIEW gim.%1$I AS SELECT fact.interaction_resource_id, fact.tenant_key, fact.start_date_time_key,'
                ' coalesce(data.create_audit_key, -1) AS create_audit_key, coalesce(data.update_audit_key, 0) AS update_audit_key, %2$s'
                ' FROM mart.interaction_resource_fact AS fact LEFT JOIN mart.%3$I AS data ON data.tenant_key = fact.tenant_key'
                ' AND data.start_date_time_key = fact.start_date_time_key'
                ' AND data.interaction_resource_id = fact.interaction_resource_id%4$s'
                ' UNION ALL SELECT data.interaction_resource_id, data.tenant_key, data.start_date_time_key, data.create_audit_key,'
                ' data.update_audit_key, %2$s FROM mart.%3$I AS data WHERE data.is_segment%4$s',
                view_name, names, CASE number WHEN 0 THEN 'irf_user_data_gen_1' ELSE 'irf_user_data_cust' END,
                CASE number WHEN 0 THEN '' ELSE ' AND data.table_no = ' || number END
            );
        END IF;
    END LOOP;
    SELECT string_agg(format(', coalesce(data.custom_keys[%1$s], -2) AS custom_key_%1$s', n), '' ORDER BY n) INTO names
    FROM generate_series(1, dims) AS n;
    EXECUTE format(
        'CREATE OR REPLACE VIEW gim.irf_user_data_keys AS SELECT fact.interaction_resource_id, fact.tenant_key,'
        ' fact.start_date_time_key, coalesce(data.create_audit_key, -1) AS create_audit_key,'
        ' coalesce(data.update_audit_key, 0) AS update_audit_key,'
        ' coalesce(data.interaction_descriptor_key, -2) AS interaction_descriptor_key%1$s'
        ' FROM mart.interaction_resource_fact AS fact LEFT JOIN mart.irf_user_data_keys AS data ON data.tenant_key = fact.tenant_key'
        ' AND data.start_date_time_key = fact.start_date_time_key AND data.interaction_resource_id = fact.interaction_resource_id'
        ' UNION ALL SELECT data.interaction_resource_id, data.tenant_key, data.start_date_time_key, data.create_audit_key,'
        ' data.update_audit_key, data.interaction_descriptor_key%1$s FROM mart.irf_user_data_keys AS data WHERE data.is_segment',
        names
    );
    FOR number IN 1..dims LOOP
        view_name := 'user_data_cust_dim_' || number;
        IF to_regclass(format('gim.%I', view_name)) IS NULL THEN
            EXECUTE format(
                'CREATE VIEW gim.%1$I AS SELECT id, tenant_key, create_audit_key, dim_attribute_1, dim_attribute_2, dim_attribute_3,'
                ' dim_attribute_4, dim_attribute_5 FROM mart.user_data_cust_dim WHERE dim_no = %2$s UNION ALL VALUES'
                ' (-1, -1, -1, ''UNKNOWN'', ''UNKNOWN'', ''UNKNOWN'', ''UNKNOWN'', ''UNKNOWN''),'
                ' (-2, -2, -1, ''NO_VALUE'', ''NO_VALUE'', ''NO_VALUE'', ''NO_VALUE'', ''NO_VALUE'')',
                view_name, number
            );
        END IF;
    END LOOP;
    FOR named IN
        SELECT view.relname AS view_name, attribute.attname AS name, attribute.attnum AS number
        FROM pg_class AS view
        JOIN pg_attribute AS attribute ON attribute.attrelid = view.oid AND attribute.attnum > 0
        WHERE view.relnamespace = 'gim'::regnamespace AND view.relname ~ '^(irf_user_data_|user_data_cust_dim_)'
    LOOP
        EXECUTE format('COMMENT ON VIEW gim.%I IS %L', named.view_name, CASE
            WHEN named.view_name LIKE 'user%' THEN 'Combinations of five values of user data; -1 unknown, -2 no value'
            ELSE 'User data of interaction resources, and of mediation segments where these carry it; keys of facts are uuid'
        END);
        EXECUTE format('COMMENT ON COLUMN gim.%I.%I IS %L', named.view_name, named.name, CASE
            WHEN named.name = 'interaction_resource_id' THEN 'Interaction resource or mediation segment, uuid'
            WHEN named.name = 'tenant_key' THEN 'Tenant'
            WHEN named.name = 'start_date_time_key' THEN 'Interval of its start'
            WHEN named.name = 'create_audit_key' THEN 'Load that inserted the row; -1 there is no user data'
            WHEN named.name = 'update_audit_key' THEN 'Load that changed it last; 0 there is no user data'
            WHEN named.name LIKE 'custom\_key\_%' THEN 'Key in USER_DATA_CUST_DIM of that number; -2 none'
            WHEN named.name = 'interaction_descriptor_key' THEN 'Key in INTERACTION_DESCRIPTOR; -2 none'
            WHEN named.name = 'id' THEN 'Key'
            WHEN named.name LIKE 'dim%' THEN 'Value; none where there is none'
            ELSE 'Value, by the mapping of CTL_UD_TO_UDE_MAPPING; NULL none'
        END);
    END LOOP;
END
$body$;
COMMENT ON FUNCTION ctl.make_user_data_views() IS 'Makes the views of schema gim for all tables and dimensions of user data that the mapping names';
SELECT ctl.make_user_data_views();

-- Ends that we set ourselves are few, and every extraction asks for them.
CREATE INDEX event_artificial_ix ON gidb.event (source_key, channel_id) WHERE kind = 'channel_end' AND detail @> '{"artificial": true}';
