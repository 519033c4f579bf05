-- Rows of mart.resource_group_fact_ for the working agents.
-- grain   agent, queue, membership
-- reads   member_span (temporary), working_resource (temporary), mart.resource_group_fact_, cfg.source
-- writes  nothing
-- rule    adjoining spans in one queue are one membership, whatever interface the agent serves with; one that went on when the
--         recomputation begins keeps its start. Whole milliseconds decide what adjoins
WITH stepped AS (
    SELECT
        *,
        mart.epoch_ms(start_at) AS start_ms,
        mart.epoch_ms(end_at) AS end_ms,
        mart.epoch_ms(start_at) > max(coalesce(mart.epoch_ms(end_at), 9223372036854775807)) OVER (
            PARTITION BY resource_key, queue ORDER BY start_at, end_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) IS NOT FALSE AS begins
    FROM member_span
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY resource_key, queue ORDER BY start_at, end_at) AS membership_no
    FROM stepped
),
membership AS (
    SELECT resource_key, source_key, queue, membership_no, min(start_ms) AS first_ms, bool_or(is_carried) AS is_carried,
        CASE WHEN bool_and(end_ms IS NOT NULL) THEN max(end_ms) END AS end_ms
    FROM numbered
    GROUP BY resource_key, source_key, queue, membership_no
),
begun AS (
    SELECT membership.*, coalesce(mart.epoch_ms(carried.start_at), membership.first_ms) AS start_ms,
        mart.dimension_key('GROUP|' || source.name || '|' || membership.queue) AS group_key
    FROM membership
    JOIN working_resource AS resource USING (resource_key)
    JOIN cfg.source AS source USING (source_key)
    LEFT JOIN LATERAL (
        SELECT known.start_at
        FROM mart.resource_group_fact_ AS known
        WHERE membership.is_carried
          AND known.resource_key = membership.resource_key
          AND known.group_key = mart.dimension_key('GROUP|' || source.name || '|' || membership.queue)
          AND known.start_at < resource.from_at
          AND coalesce(known.end_at, 'infinity') >= resource.from_at
        ORDER BY known.start_at DESC
        LIMIT 1
    ) AS carried ON true
)
SELECT
    1 AS tenant_key,
    begun.start_ms / 900000 * 900 AS start_date_time_key,
    mart.fact_key(begun.start_ms, 'MEMBERSHIP|' || begun.resource_key || '|' || begun.group_key)
        AS resource_group_fact_key,
    begun.resource_key,
    begun.group_key,
    begun.source_key,
    to_timestamp(begun.start_ms / 1000.0) AS start_at,
    to_timestamp(begun.end_ms / 1000.0) AS end_at,
    (begun.end_ms IS NULL)::integer::smallint AS active_flag
FROM begun
