-- Agent Not Ready Reason Code.
-- grain   step of time, and each of agent, tenant, site, source, state, reason_code_type, reason_code that is asked for
-- reads   agg.i_state_rsn_subhr, ctl.unfilled_gap, mart.report_resource and dimensions
-- writes  nothing
-- rule    a time over the end of an interval is split.
--         Where nothing is known but that a gap is there, figures are NULL. The finest aggregate stands here; a coarser one is
--         read in its place where the steps of the zone allow it
WITH member AS (
    SELECT resource.*
    FROM mart.report_resource AS resource
    WHERE resource.resource_type_code = 'AGENT'
      AND (%(agent)s::text[] IS NULL OR resource.name = ANY (%(agent)s) OR resource.natural_name = ANY (%(agent)s))
      AND (%(group)s::text[] IS NULL OR resource.resource_key = ANY (%(group_members)s::bigint[]))
      AND (%(source)s::text[] IS NULL OR resource.source = ANY (%(source)s))
      AND (%(site)s::int[] IS NULL OR resource.site = ANY (%(site)s))
      AND (%(tenant)s::text[] IS NULL OR resource.tenant = ANY (%(tenant)s))
), span AS (
    SELECT *
    FROM unnest(%(starts)s::bigint[], %(ends)s::bigint[], %(labels)s::bigint[]) AS span (start_key, end_key, label_key)
), dark AS (
    SELECT DISTINCT span.label_key, member.resource_key, gap.gap_key
    FROM ctl.unfilled_gap AS gap
    JOIN member USING (source_key)
    JOIN span ON gap.from_ms < span.end_key * 1000 AND gap.to_ms > span.start_key * 1000
    WHERE member.first_seen_at < to_timestamp(span.end_key)
), fact AS (
    SELECT step.label_key, figure.*
    FROM (
        SELECT *, width_bucket(date_time_key, %(starts)s::bigint[]) AS place
        FROM agg.i_state_rsn_subhr AS base
        WHERE date_time_key >= (%(starts)s::bigint[])[1] AND date_time_key < (%(ends)s::bigint[])[cardinality(%(ends)s::bigint[])]
          AND base.resource_key IN (SELECT resource_key FROM member)
    ) AS figure
    JOIN LATERAL (SELECT (%(labels)s::bigint[])[figure.place] AS label_key) AS step
        ON figure.date_time_key < (%(ends)s::bigint[])[figure.place]
), told AS (
    -- A gap touches each of the rows of a step, whatever they are told apart by.
    SELECT dark.*, kind.resource_state_key, kind.resource_state_reason_key
    FROM dark
    LEFT JOIN (SELECT DISTINCT label_key, resource_key, resource_state_key, resource_state_reason_key FROM fact) AS kind USING
        (label_key, resource_key)
)
SELECT
    to_timestamp(coalesce(fact.label_key, dark.label_key)) AS interval_at,
    CASE WHEN %(by_agent)s THEN member.name END AS agent,
    CASE WHEN %(by_tenant)s THEN member.tenant END AS tenant,
    CASE WHEN %(by_site)s THEN member.site END AS site,
    CASE WHEN %(by_source)s THEN member.source END AS source,
    CASE WHEN %(by_state)s THEN state.state_name END AS state,
    CASE WHEN %(by_reason_code_type)s THEN reason.reason_type END AS reason_code_type,
    CASE WHEN %(by_reason_code)s THEN reason.software_reason END AS reason_code,
    sum(fact.state_rsn) AS reasons,
    (sum(fact.state_rsn_time_ms) / 1000.0)::float8 AS reason_time_s,
    CASE WHEN count(dark.gap_key) = 0 THEN 'complete' WHEN count(fact.label_key) = 0 THEN 'none' ELSE 'partial' END AS data,
    array_agg(DISTINCT dark.gap_key::text) FILTER (WHERE dark.gap_key IS NOT NULL) AS gaps
FROM fact
FULL JOIN told AS dark ON false
JOIN member ON member.resource_key = coalesce(fact.resource_key, dark.resource_key)
LEFT JOIN mart.resource_state AS state ON state.resource_state_key = coalesce(fact.resource_state_key, dark.resource_state_key)
LEFT JOIN mart.resource_state_reason AS reason ON reason.resource_state_reason_key = coalesce(fact.resource_state_reason_key,
    dark.resource_state_reason_key)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
