-- Thresholds in force, for each queue and for no queue, over time.
-- grain   resource (a queue, or -2), medium, span of time
-- reads   cfg.option_span, cfg.source, mart.resource_, mart.media_type, mart.tenant, ctl.aggregate_threshold_span
-- writes  nothing
-- rule    the queue of the source before the queue, the source, the tenant, the mart, the default; in each, what is set for the medium before
--         what is set for all. A value holds from when it was set. Before the first, the default holds, or else what was set first. A span
--         that was redone with later thresholds has those
-- parameters  sections, names, defaults: the options read, and their defaults
WITH wanted AS (
    SELECT * FROM unnest(%(sections)s::text[], %(names)s::text[], %(defaults)s::text[]) AS option (section, name, standard)
),
subject AS MATERIALIZED (
    SELECT resource.resource_key, resource.tenant_key, resource.source_key, resource.natural_name, medium.media_type_key,
        medium.media_name_code
    FROM mart.resource_ AS resource
    CROSS JOIN mart.media_type AS medium
    WHERE (resource.resource_type_code = 'QUEUE' OR resource.resource_key = -2) AND medium.media_type_key > 0
),
place AS (
    SELECT subject.resource_key, subject.media_type_key, held.kind, held.object_name, held.rank * 2 + option.rank AS rank,
        wanted.section, wanted.name, wanted.name || option.suffix AS written
    FROM subject
    LEFT JOIN cfg.source AS source USING (source_key)
    LEFT JOIN mart.tenant AS tenant ON tenant.tenant_key = subject.tenant_key AND tenant.tenant_key > 1
    CROSS JOIN wanted
    CROSS JOIN LATERAL (VALUES
        (1, 'queue', source.name || '/' || subject.natural_name), (2, 'queue', subject.natural_name), (3, 'source', source.name),
        (4, 'tenant', coalesce(tenant.tenant_name, 'default')), (5, 'application', 'mart')) AS held (rank, kind, object_name)
    CROSS JOIN LATERAL (VALUES (0, '-' || lower(subject.media_name_code)), (1, '')) AS option (rank, suffix)
),
candidate AS (
    SELECT place.resource_key, place.media_type_key, place.section, place.name, place.rank, told.value, told.from_at,
        coalesce(told.to_at, 'infinity') AS to_at
    FROM place
    JOIN cfg.option_span AS told
        ON told.kind = place.kind AND told.object_name = place.object_name AND told.section = place.section AND told.name = place.written
),
boundary AS (
    SELECT '-infinity'::timestamptz AS from_at
    UNION SELECT from_at FROM candidate
    UNION SELECT to_at FROM candidate WHERE to_at < 'infinity'
    UNION SELECT from_at FROM ctl.aggregate_threshold_span
    UNION SELECT to_at FROM ctl.aggregate_threshold_span
),
period AS (
    SELECT span.from_at, span.to_at, coalesce(redone.as_of, span.from_at) AS as_of
    FROM (SELECT from_at, lead(from_at, 1, 'infinity') OVER (ORDER BY from_at) AS to_at FROM boundary) AS span
    LEFT JOIN LATERAL (
        SELECT max(as_of) AS as_of
        FROM ctl.aggregate_threshold_span
        WHERE from_at <= span.from_at AND to_at > span.from_at
    ) AS redone ON true
),
chosen AS (
    SELECT DISTINCT ON (candidate.resource_key, candidate.media_type_key, candidate.section, candidate.name, period.from_at)
        candidate.resource_key, candidate.media_type_key, candidate.section, candidate.name, period.from_at, candidate.value
    FROM candidate
    JOIN wanted USING (section, name)
    JOIN period ON period.as_of >= candidate.from_at AND period.as_of < candidate.to_at OR wanted.standard IS NULL
    ORDER BY candidate.resource_key, candidate.media_type_key, candidate.section, candidate.name, period.from_at,
        period.as_of >= candidate.from_at AND period.as_of < candidate.to_at DESC, candidate.rank, candidate.from_at
),
spelled AS (
    SELECT
        subject.resource_key,
        subject.media_type_key,
        period.from_at,
        period.to_at,
        wanted.section,
        wanted.name,
        coalesce(chosen.value, wanted.standard) AS value
    FROM subject
    CROSS JOIN wanted
    CROSS JOIN period
    LEFT JOIN chosen USING (resource_key, media_type_key, section, name, from_at)
),
in_force AS (
    SELECT
        resource_key,
        media_type_key,
        from_at,
        to_at,
        (max(value) FILTER (WHERE name = 'q-answer-threshold')::numeric * 1000)::bigint AS answer_ms,
        (max(value) FILTER (WHERE name = 'q-short-abandoned-threshold')::numeric * 1000)::bigint AS short_abandon_ms,
        nullif((max(value) FILTER (WHERE name = 'short-talk-threshold')::numeric * 1000)::bigint, 0) AS short_talk_ms,
        agg.edges_ms(max(value) FILTER (WHERE name = 'accepted-thresholds')) AS accepted_edges_ms,
        agg.edges_ms(max(value) FILTER (WHERE name = 'abandoned-thresholds')) AS abandoned_edges_ms
    FROM spelled
    GROUP BY resource_key, media_type_key, from_at, to_at
)
SELECT
    *,
    mart.dimension_key('TIME_RANGE|' || accepted_edges_ms::text) AS accepted_range_key,
    mart.dimension_key('TIME_RANGE|' || abandoned_edges_ms::text) AS abandoned_range_key
FROM in_force
