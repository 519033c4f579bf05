-- Interaction Traffic.
-- grain   step of time, and each of tenant, media_type, interaction_type, customer_segment, service_type, service_subtype,
--         business_result that is asked for
-- reads   agg.id_subhr, ctl.unfilled_gap, mart.report_descriptor and dimensions
-- writes  nothing
-- rule    an interaction belongs to the interval in which it began, and is about what its first attempt that handled the customer was
--         about; if none did, its first attempt.
--         Where nothing is known but that a gap is there, figures are NULL. The finest aggregate stands here; a coarser one is
--         read in its place where the steps of the zone allow it
WITH member AS (
    SELECT tenant.tenant_key AS resource_key, tenant.tenant_key, tenant.tenant_name AS tenant, chosen.variant
    FROM mart.tenant AS tenant
    LEFT JOIN unnest(%(queue_keys)s::bigint[], %(variants)s::integer[]) AS chosen (tenant_key, variant)
        ON chosen.tenant_key = tenant.tenant_key
    WHERE tenant.tenant_key > 0 AND (%(tenant)s::text[] IS NULL OR tenant.tenant_name = ANY (%(tenant)s))
), about AS (
    SELECT *
    FROM mart.report_descriptor
    WHERE (%(customer_segment)s::text[] IS NULL OR customer_segment = ANY (%(customer_segment)s))
      AND (%(service_type)s::text[] IS NULL OR service_type = ANY (%(service_type)s))
      AND (%(service_subtype)s::text[] IS NULL OR service_subtype = ANY (%(service_subtype)s))
      AND (%(business_result)s::text[] IS NULL OR business_result = ANY (%(business_result)s))
), span AS (
    SELECT *
    FROM unnest(%(starts)s::bigint[], %(ends)s::bigint[], %(labels)s::bigint[]) AS span (start_key, end_key, label_key)
), dark AS (
    SELECT DISTINCT span.label_key, member.resource_key, gap.gap_key, media.media_type_key, direction.interaction_type_key
    FROM ctl.unfilled_gap AS gap
    JOIN span ON gap.from_ms < span.end_key * 1000 AND gap.to_ms > span.start_key * 1000
    CROSS JOIN member
    CROSS JOIN mart.media_type AS media
    CROSS JOIN mart.interaction_type AS direction
    WHERE media.media_type_key > 0 AND direction.interaction_type_key > 0
), fact AS (
    SELECT step.label_key, figure.*
    FROM (
        SELECT *, width_bucket(date_time_key, %(starts)s::bigint[]) AS place
        FROM agg.id_subhr AS base
        WHERE date_time_key >= (%(starts)s::bigint[])[1] AND date_time_key < (%(ends)s::bigint[])[cardinality(%(ends)s::bigint[])]
          AND base.interaction_descriptor_key IN (SELECT interaction_descriptor_key FROM about)
    ) AS figure
    JOIN LATERAL (SELECT (%(labels)s::bigint[])[figure.place] AS label_key) AS step
        ON figure.date_time_key < (%(ends)s::bigint[])[figure.place]
), told AS (
    -- A gap touches each of the rows of a step, whatever they are told apart by.
    SELECT dark.*, kind.interaction_descriptor_key
    FROM dark
    LEFT JOIN (SELECT DISTINCT label_key, tenant_key AS resource_key, interaction_descriptor_key FROM fact) AS kind USING
        (label_key, resource_key)
)
SELECT
    to_timestamp(coalesce(fact.label_key, dark.label_key)) AS interval_at,
    CASE WHEN %(by_tenant)s THEN member.tenant END AS tenant,
    CASE WHEN %(by_media_type)s THEN media.media_name END AS media_type,
    CASE WHEN %(by_interaction_type)s THEN direction.interaction_type END AS interaction_type,
    CASE WHEN %(by_customer_segment)s THEN about.customer_segment END AS customer_segment,
    CASE WHEN %(by_service_type)s THEN about.service_type END AS service_type,
    CASE WHEN %(by_service_subtype)s THEN about.service_subtype END AS service_subtype,
    CASE WHEN %(by_business_result)s THEN about.business_result END AS business_result,
    sum(fact.entered) AS entered,
    sum(fact.offered) AS offered,
    sum(fact.accepted) AS accepted,
    sum(fact.accepted)::float8 / nullif(sum(fact.entered), 0) AS accepted_share,
    sum(fact.accepted_thr) AS accepted_in_time,
    sum(fact.accepted_thr)::float8 / nullif(sum(CASE WHEN member.variant IS NOT NULL THEN fact.entered - fact.abandoned_short END), 0)
        AS service_level,
    sum(fact.abandoned) AS abandoned,
    sum(fact.abandoned)::float8 / nullif(sum(fact.entered), 0) AS abandoned_share,
    sum(fact.abandoned_short) AS short_abandoned,
    sum(fact.finished) AS finished,
    (sum(fact.finished_time_ms) / 1000.0)::float8 / nullif(sum(fact.finished), 0) AS avg_finish_time_s,
    (sum(fact.accepted_time_ms) / 1000.0)::float8 / nullif(sum(fact.accepted), 0) AS avg_accept_time_s,
    (sum(fact.engage_time_ms) / 1000.0)::float8 AS engage_time_s,
    (sum(fact.hold_time_ms) / 1000.0)::float8 AS hold_time_s,
    (sum(fact.wrap_time_ms) / 1000.0)::float8 AS wrap_time_s,
    sum(fact.transfer_init) AS transfers,
    CASE WHEN count(dark.gap_key) = 0 THEN 'complete' WHEN count(fact.label_key) = 0 THEN 'none' ELSE 'partial' END AS data,
    array_agg(DISTINCT dark.gap_key::text) FILTER (WHERE dark.gap_key IS NOT NULL) AS gaps
FROM fact
FULL JOIN told AS dark ON false
JOIN member ON member.resource_key = coalesce(fact.tenant_key, dark.resource_key::integer)
LEFT JOIN mart.media_type AS media ON media.media_type_key = coalesce(fact.media_type_key, dark.media_type_key)
LEFT JOIN mart.interaction_type AS direction ON direction.interaction_type_key = coalesce(fact.interaction_type_key,
    dark.interaction_type_key)
LEFT JOIN about ON about.interaction_descriptor_key = coalesce(fact.interaction_descriptor_key, dark.interaction_descriptor_key)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
