-- What completes the figures.

-- An hour that clocks jump into, such as that of 02:45 -> 03:45 at the Chatham Islands, bore the key of the hour before.
UPDATE mart.calendar_date_time AS member
SET date_time_hour_key = found.hour_key, date_time_30min_key = found.half_key
FROM (
    SELECT
        calendar_key,
        date_time_key,
        greatest(date_time_hour_key, min(date_time_key) OVER same_clock) AS hour_key,
        greatest(date_time_30min_key, min(date_time_key) OVER same_clock) AS half_key
    FROM mart.calendar_date_time
    WINDOW same_clock AS (PARTITION BY calendar_key, date_time_day_key, utc_offset_s)
) AS found
WHERE member.calendar_key = found.calendar_key
  AND member.date_time_key = found.date_time_key
  AND (member.date_time_hour_key, member.date_time_30min_key) IS DISTINCT FROM (found.hour_key, found.half_key);

-- Groups of agents and of queues that people configure, with their history.
CREATE VIEW cfg.group_span AS
WITH step AS (
    SELECT
        item.object_key,
        item.kind,
        item.name AS group_name,
        member.list,
        coalesce(state.is_enabled, true) AS is_enabled,
        CASE WHEN row_number() OVER course = 1 THEN least(change.changed_at, (item.properties ->> 'since')::timestamptz)
            ELSE change.changed_at END AS from_at,
        lead(change.changed_at) OVER course AS to_at
    FROM (
        SELECT DISTINCT object_key, revision, changed_at
        FROM cfg.history
        WHERE (aspect = 'property' AND name IN ('agents', 'queues')) OR (aspect = 'state' AND name = 'enabled')
    ) AS change
    JOIN cfg.object AS item ON item.object_key = change.object_key AND item.kind IN ('agent_group', 'queue_group')
    CROSS JOIN LATERAL (
        SELECT history.new_value::jsonb AS list
        FROM cfg.history AS history
        WHERE history.object_key = change.object_key AND history.revision <= change.revision
          AND history.aspect = 'property' AND history.name IN ('agents', 'queues')
        ORDER BY history.revision DESC
        LIMIT 1
    ) AS member
    LEFT JOIN LATERAL (
        SELECT history.new_value = 'true' AS is_enabled
        FROM cfg.history AS history
        WHERE history.object_key = change.object_key AND history.revision <= change.revision
          AND history.aspect = 'state' AND history.name = 'enabled'
        ORDER BY history.revision DESC
        LIMIT 1
    ) AS state ON true
    WINDOW course AS (PARTITION BY change.object_key ORDER BY change.revision)
),
span AS (
    SELECT step.object_key, step.kind, step.group_name, member.name AS member,
        unnest(range_agg(tstzrange(step.from_at, step.to_at))) AS during
    FROM step
    CROSS JOIN LATERAL jsonb_array_elements_text(step.list) AS member (name)
    WHERE step.is_enabled AND jsonb_typeof(step.list) = 'array' AND (step.to_at IS NULL OR step.to_at > step.from_at)
    GROUP BY step.object_key, step.kind, step.group_name, member.name
)
SELECT object_key, kind, group_name, member, lower(during) AS from_at, upper(during) AS to_at
FROM span;
COMMENT ON VIEW cfg.group_span IS 'One row an agent or queue of a configured group and the time in which it belonged to it, from the history';
COMMENT ON COLUMN cfg.group_span.object_key IS 'Group';
COMMENT ON COLUMN cfg.group_span.kind IS 'agent_group or queue_group';
COMMENT ON COLUMN cfg.group_span.group_name IS 'Name of the group';
COMMENT ON COLUMN cfg.group_span.member IS 'Name of the object that belongs to it';
COMMENT ON COLUMN cfg.group_span.from_at IS 'From when on: the change that put it there; of the first members the group''s property "since", if that is earlier';
COMMENT ON COLUMN cfg.group_span.to_at IS 'Until when; NULL it still does';

CREATE TABLE mart.group_member (
    tenant_key integer NOT NULL,
    group_key bigint NOT NULL,
    resource_key bigint NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz,
    PRIMARY KEY (tenant_key, group_key, resource_key, start_at)
);
COMMENT ON TABLE mart.group_member IS 'Which agent or queue belongs to which configured group; those of agents who serve a queue are in mart.resource_group_fact_';
COMMENT ON COLUMN mart.group_member.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.group_member.group_key IS 'Group';
COMMENT ON COLUMN mart.group_member.resource_key IS 'Agent or queue';
COMMENT ON COLUMN mart.group_member.start_at IS 'Begin of the membership';
COMMENT ON COLUMN mart.group_member.end_at IS 'End; NULL while it lasts';
COMMENT ON TABLE mart.group_ IS 'Groups of agents, those who may take calls of one queue and those that were configured, and groups of queues';
COMMENT ON COLUMN mart.group_.group_type_code IS 'AGENT or QUEUE';
COMMENT ON COLUMN mart.group_.source_key IS 'Source; -2 of a configured group';
COMMENT ON COLUMN mart.group_.group_name IS 'Name: the queue''s, or that which was configured';

CREATE OR REPLACE VIEW agg.queue_group_member AS
SELECT
    member.resource_key,
    member.group_key,
    agg.level_key('day', floor(extract(epoch FROM member.start_at))::bigint) AS start_key,
    coalesce(agg.level_key('day', floor(extract(epoch FROM member.end_at))::bigint), 9223372036854775807) AS end_key
FROM mart.group_member AS member
JOIN mart.resource_ AS queue ON queue.resource_key = member.resource_key AND queue.resource_type_code = 'QUEUE';
COMMENT ON VIEW agg.queue_group_member IS 'Which groups of queues a queue belongs to, by whole days of UTC, so that every level has the same sums';
COMMENT ON COLUMN agg.queue_group_member.start_key IS 'First day, as epoch second';
COMMENT ON COLUMN agg.queue_group_member.end_key IS 'First day on which it no longer does';

-- Groups of queues hold what their queues hold, at every level. A level above the day is added up from days, in which membership does not change.
DO $groups$
DECLARE
    level text;
    base text;
BEGIN
    FOR level IN SELECT unnest(ARRAY['subhr', '30min', 'hour', 'day', 'week', 'month', 'quarter', 'year']) LOOP
        base := 'agg.queue_' || CASE WHEN level IN ('subhr', '30min', 'hour') THEN level ELSE 'day' END;
        EXECUTE format('CREATE OR REPLACE VIEW agg.queue_grp_%s AS SELECT q.tenant_key, agg.level_key(%L, q.date_time_key) AS date_time_key,'
            ' coalesce(m.group_key, -2) AS group_key, q.media_type_key, q.interaction_type_key, %s FROM %s AS q'
            ' LEFT JOIN agg.queue_group_member AS m ON m.resource_key = q.resource_key'
            ' AND q.date_time_key >= m.start_key AND q.date_time_key < m.end_key GROUP BY 1, 2, 3, 4, 5', level, level,
            (SELECT string_agg(format(CASE WHEN attname LIKE '%\_max\_ms' THEN 'max(q.%1$I) AS %1$I'
                ELSE 'sum(q.%1$I)::bigint AS %1$I' END, attname), ', ' ORDER BY attnum)
                FROM pg_attribute WHERE attrelid = base::regclass AND attnum > 0 AND attname NOT LIKE '%\_key'), base);
    END LOOP;
END
$groups$;

-- Aggregates by the days, weeks, months, quarters and years of a calendar's zone; made for each calendar when its own view is.
CREATE PROCEDURE agg.define_calendar(calendar_name text)
    LANGUAGE plpgsql AS $body$
DECLARE
    calendar record;
    base record;
    level text;
    target text;
    keys text[];
BEGIN
    SELECT calendar_key, zone INTO STRICT calendar FROM mart.calendar WHERE name = calendar_name;
    FOR base IN
        SELECT oid::regclass AS relation, left(relname, -6) AS set_name, obj_description(oid) AS comment
        FROM pg_class WHERE relnamespace = 'agg'::regnamespace AND relname LIKE '%\_subhr'
    LOOP
        keys := ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = base.relation AND attnum > 0 AND attname LIKE '%\_key'
            AND attname NOT IN ('tenant_key', 'date_time_key') ORDER BY attnum);
        FOREACH level IN ARRAY ARRAY['day', 'week', 'month', 'quarter', 'year'] LOOP
            target := format('agg.%I', left(base.set_name || '_' || level || '_' || replace(calendar_name, 'date_time_', ''), 63));
            EXECUTE format('CREATE OR REPLACE VIEW %s WITH (security_invoker = true) AS SELECT q.tenant_key,'
                ' c.date_time_%s_key AS date_time_key, %s, %s FROM %s AS q JOIN mart.calendar_date_time AS c'
                ' ON c.calendar_key = %s AND c.date_time_key = q.date_time_key GROUP BY q.tenant_key, c.date_time_%s_key, %s',
                target, level, array_to_string(ARRAY(SELECT format('q.%I', one) FROM unnest(keys) AS k (one)), ', '),
                (SELECT string_agg(format(CASE WHEN attname LIKE '%\_max\_ms' THEN 'max(q.%1$I) AS %1$I'
                    ELSE 'sum(q.%1$I)::bigint AS %1$I' END, attname), ', ' ORDER BY attnum)
                    FROM pg_attribute WHERE attrelid = base.relation AND attnum > 0 AND attname NOT LIKE '%\_key' AND NOT attisdropped),
                base.relation, calendar.calendar_key, level,
                array_to_string(ARRAY(SELECT format('q.%I', one) FROM unnest(keys) AS k (one)), ', '));
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
COMMENT ON PROCEDURE agg.define_calendar(text) IS 'Makes the views of all sets by the days, weeks, months, quarters and years of a calendar';

DO $calendars$
DECLARE
    one text;
BEGIN
    FOR one IN SELECT name FROM mart.calendar LOOP
        CALL agg.define_calendar(one);
    END LOOP;
END
$calendars$;

-- Measures that people declare are objects of the configuration.
ALTER TABLE cfg.object DROP CONSTRAINT object_kind_check;
ALTER TABLE cfg.object ADD CONSTRAINT object_kind_check CHECK (kind IN (
    'tenant', 'site', 'host', 'application', 'access_point', 'source', 'collector', 'agent', 'login', 'agent_group',
    'queue', 'queue_group', 'skill', 'measure', 'calendar'));

-- Gaps for readers of one tenant: those of sources at which a resource of that tenant was ever seen.
CREATE VIEW mart.source_gap AS
SELECT gap.gap_key, gap.source_key, gap.source, gap.site, gap.cause, gap.from_at, gap.to_at, gap.is_open
FROM ctl.unfilled_gap AS gap
WHERE EXISTS (
    SELECT
    FROM mart.resource_ AS resource
    WHERE resource.source_key = gap.source_key
      AND (resource.tenant_key = ANY (ctl.readable_tenants(current_user::text)) OR 0 = ANY (ctl.readable_tenants(current_user::text)))
);
COMMENT ON VIEW mart.source_gap IS 'What is missing of the sources of the tenants that the reader may read; a figure of such a time is never to be shown as zero';
COMMENT ON COLUMN mart.source_gap.gap_key IS 'Gap';
COMMENT ON COLUMN mart.source_gap.source_key IS 'Source';
COMMENT ON COLUMN mart.source_gap.source IS 'Name of the source';
COMMENT ON COLUMN mart.source_gap.site IS 'Site of the source';
COMMENT ON COLUMN mart.source_gap.cause IS 'Why';
COMMENT ON COLUMN mart.source_gap.from_at IS 'Begin';
COMMENT ON COLUMN mart.source_gap.to_at IS 'End; now, while it goes on';
COMMENT ON COLUMN mart.source_gap.is_open IS 'Whether it goes on';
