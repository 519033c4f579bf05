-- Speed of Accept (seconds).
-- grain   step of time, and each of queue, tenant, site, source, media_type, interaction_type, edges_s that is asked for
-- reads   agg.queue_acc_agent_subhr, ctl.unfilled_gap, mart.report_resource and dimensions
-- writes  nothing
-- rule    a visit belongs to the interval of its entry; a wait that is exactly a bound is below it.
--         Where nothing is known but that a gap is there, figures are NULL. The finest aggregate stands here; a coarser one is
--         read in its place where the steps of the zone allow it
WITH member AS (
    SELECT resource.*
    FROM mart.report_resource AS resource
    WHERE resource.resource_type_code = 'QUEUE'
      AND (%(queue)s::text[] IS NULL OR resource.name = ANY (%(queue)s))
      AND (%(source)s::text[] IS NULL OR resource.source = ANY (%(source)s))
      AND (%(site)s::int[] IS NULL OR resource.site = ANY (%(site)s))
      AND (%(tenant)s::text[] IS NULL OR resource.tenant = ANY (%(tenant)s))
), span AS (
    SELECT *
    FROM unnest(%(starts)s::bigint[], %(ends)s::bigint[], %(labels)s::bigint[]) AS span (start_key, end_key, label_key)
), dark AS (
    SELECT DISTINCT span.label_key, member.resource_key, gap.gap_key, media.media_type_key, direction.interaction_type_key
    FROM ctl.unfilled_gap AS gap
    JOIN member USING (source_key)
    JOIN span ON gap.from_ms < span.end_key * 1000 AND gap.to_ms > span.start_key * 1000
    JOIN mart.media_type AS media ON media.media_type_key > 0
    JOIN mart.interaction_type AS direction ON direction.interaction_type_key > 0
    WHERE member.first_seen_at < to_timestamp(span.end_key)
), fact AS (
    SELECT step.label_key, figure.*
    FROM (
        SELECT *, width_bucket(date_time_key, %(starts)s::bigint[]) AS place
        FROM agg.queue_acc_agent_subhr AS base
        WHERE date_time_key >= (%(starts)s::bigint[])[1] AND date_time_key < (%(ends)s::bigint[])[cardinality(%(ends)s::bigint[])]
          AND base.resource_key IN (SELECT resource_key FROM member)
    ) AS figure
    JOIN LATERAL (SELECT (%(labels)s::bigint[])[figure.place] AS label_key) AS step
        ON figure.date_time_key < (%(ends)s::bigint[])[figure.place]
), told AS (
    -- A gap touches each of the rows of a step, whatever they are told apart by.
    SELECT dark.*, kind.time_range_key
    FROM dark
    LEFT JOIN (SELECT DISTINCT label_key, resource_key, time_range_key FROM fact) AS kind USING (label_key, resource_key)
)
SELECT
    to_timestamp(coalesce(fact.label_key, dark.label_key)) AS interval_at,
    CASE WHEN %(by_queue)s THEN member.name END AS queue,
    CASE WHEN %(by_tenant)s THEN member.tenant END AS tenant,
    CASE WHEN %(by_site)s THEN member.site END AS site,
    CASE WHEN %(by_source)s THEN member.source END AS source,
    CASE WHEN %(by_media_type)s THEN media.media_name END AS media_type,
    CASE WHEN %(by_interaction_type)s THEN direction.interaction_type END AS interaction_type,
    CASE WHEN %(by_edges_s)s THEN array_to_string(ARRAY(SELECT edge / 1000.0::float8 FROM unnest(edges.edges_ms) AS edge),
        ', ') END AS edges_s,
    sum(fact.accepted_agent) AS accepted_agent,
    (sum(fact.accepted_agent_time_ms) / 1000.0)::float8 / nullif(sum(fact.accepted_agent), 0) AS avg_accept_time_s,
    sum(fact.accepted_agent_sti_1) AS bucket_1,
    sum(fact.accepted_agent_sti_2) AS bucket_2,
    sum(fact.accepted_agent_sti_3) AS bucket_3,
    sum(fact.accepted_agent_sti_4) AS bucket_4,
    sum(fact.accepted_agent_sti_5) AS bucket_5,
    sum(fact.accepted_agent_sti_6) AS bucket_6,
    sum(fact.accepted_agent_sti_7) AS bucket_7,
    sum(fact.accepted_agent_sti_8) AS bucket_8,
    sum(fact.accepted_agent_sti_9) AS bucket_9,
    sum(fact.accepted_agent_sti_10) AS bucket_10,
    sum(fact.accepted_agent_sti_11) AS bucket_11,
    sum(fact.accepted_agent_sti_12) AS bucket_12,
    sum(fact.accepted_agent_sti_13) AS bucket_13,
    sum(fact.accepted_agent_sti_14) AS bucket_14,
    sum(fact.accepted_agent_sti_15) AS bucket_15,
    sum(fact.accepted_agent_sti_16) AS bucket_16,
    sum(fact.accepted_agent_sti_17) AS bucket_17,
    sum(fact.accepted_agent_sti_18) AS bucket_18,
    sum(fact.accepted_agent_sti_19) AS bucket_19,
    sum(fact.accepted_agent_sti_20) AS bucket_20,
    sum(fact.accepted_agent_sti_1)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_1_share,
    sum(fact.accepted_agent_sti_2)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_2_share,
    sum(fact.accepted_agent_sti_3)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_3_share,
    sum(fact.accepted_agent_sti_4)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_4_share,
    sum(fact.accepted_agent_sti_5)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_5_share,
    sum(fact.accepted_agent_sti_6)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_6_share,
    sum(fact.accepted_agent_sti_7)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_7_share,
    sum(fact.accepted_agent_sti_8)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_8_share,
    sum(fact.accepted_agent_sti_9)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_9_share,
    sum(fact.accepted_agent_sti_10)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_10_share,
    sum(fact.accepted_agent_sti_11)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_11_share,
    sum(fact.accepted_agent_sti_12)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_12_share,
    sum(fact.accepted_agent_sti_13)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_13_share,
    sum(fact.accepted_agent_sti_14)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_14_share,
    sum(fact.accepted_agent_sti_15)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_15_share,
    sum(fact.accepted_agent_sti_16)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_16_share,
    sum(fact.accepted_agent_sti_17)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_17_share,
    sum(fact.accepted_agent_sti_18)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_18_share,
    sum(fact.accepted_agent_sti_19)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_19_share,
    sum(fact.accepted_agent_sti_20)::float8 / nullif(sum(fact.accepted_agent), 0) AS bucket_20_share,
    CASE WHEN count(dark.gap_key) = 0 THEN 'complete' WHEN count(fact.label_key) = 0 THEN 'none' ELSE 'partial' END AS data,
    array_agg(DISTINCT dark.gap_key::text) FILTER (WHERE dark.gap_key IS NOT NULL) AS gaps
FROM fact
FULL JOIN told AS dark ON false
JOIN member ON member.resource_key = coalesce(fact.resource_key, dark.resource_key)
LEFT JOIN mart.media_type AS media ON media.media_type_key = coalesce(fact.media_type_key, dark.media_type_key)
LEFT JOIN mart.interaction_type AS direction ON direction.interaction_type_key = coalesce(fact.interaction_type_key,
    dark.interaction_type_key)
LEFT JOIN mart.time_range AS edges ON edges.time_range_key = coalesce(fact.time_range_key, dark.time_range_key)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
