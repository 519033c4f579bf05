-- Agent Utilization.
-- grain   step of time, and each of agent, tenant, site, source, media_type, interaction_type that is asked for
-- reads   agg.agent_subhr, ctl.unfilled_gap, mart.report_resource and dimensions
-- writes  nothing
-- rule    a part belongs to the interval of the offer.
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
        FROM agg.agent_subhr AS base
        WHERE date_time_key >= (%(starts)s::bigint[])[1] AND date_time_key < (%(ends)s::bigint[])[cardinality(%(ends)s::bigint[])]
          AND base.resource_key IN (SELECT resource_key FROM member)
    ) AS figure
    JOIN LATERAL (SELECT (%(labels)s::bigint[])[figure.place] AS label_key) AS step
        ON figure.date_time_key < (%(ends)s::bigint[])[figure.place]
)
SELECT
    to_timestamp(coalesce(fact.label_key, dark.label_key)) AS interval_at,
    CASE WHEN %(by_agent)s THEN member.name END AS agent,
    CASE WHEN %(by_tenant)s THEN member.tenant END AS tenant,
    CASE WHEN %(by_site)s THEN member.site END AS site,
    CASE WHEN %(by_source)s THEN member.source END AS source,
    CASE WHEN %(by_media_type)s THEN media.media_name END AS media_type,
    CASE WHEN %(by_interaction_type)s THEN direction.interaction_type END AS interaction_type,
    sum(fact.offered) AS offered,
    sum(fact.accepted) AS accepted,
    sum(fact.accepted)::float8 / nullif(sum(fact.offered), 0) AS accepted_share,
    sum(fact.notaccepted) AS not_accepted,
    sum(fact.abandoned_invite) AS abandoned_inviting,
    sum(fact.rejected) AS rejected,
    sum(fact.short) AS short,
    (sum(fact.invite_time_ms) / 1000.0)::float8 AS invite_time_s,
    (sum(fact.engage_time_ms) / 1000.0)::float8 AS engage_time_s,
    (sum(fact.engage_time_ms) / 1000.0)::float8 / nullif(sum(fact.engage), 0) AS avg_engage_time_s,
    sum(fact.hold) AS hold,
    (sum(fact.hold_time_ms) / 1000.0)::float8 AS hold_time_s,
    (sum(fact.hold_time_ms) / 1000.0)::float8 / nullif(sum(fact.hold), 0) AS avg_hold_time_s,
    sum(fact.wrap) AS wrap,
    (sum(fact.wrap_time_ms) / 1000.0)::float8 AS wrap_time_s,
    (sum(fact.wrap_time_ms) / 1000.0)::float8 / nullif(sum(fact.wrap), 0) AS avg_wrap_time_s,
    (sum(fact.conference_time_ms) / 1000.0)::float8 AS conference_time_s,
    (sum(fact.engage_time_ms + fact.hold_time_ms + fact.wrap_time_ms + fact.conference_time_ms) / 1000.0)::float8 AS handle_time_s,
    (sum(fact.engage_time_ms + fact.hold_time_ms + fact.wrap_time_ms + fact.conference_time_ms) / 1000.0)::float8 /
        nullif(sum(fact.accepted), 0) AS avg_handle_time_s,
    sum(fact.transfer_init_agent) AS transfers,
    sum(fact.transfer_init_agent)::float8 / nullif(sum(fact.accepted), 0) AS transfer_share,
    sum(fact.xfer_received_accepted) AS transfers_received,
    sum(fact.consult_received_accepted) AS consult_received,
    (sum(fact.consult_received_engage_time_ms) / 1000.0)::float8 AS consult_received_time_s,
    (sum(fact.consult_received_hold_time_ms) / 1000.0)::float8 AS consult_received_hold_time_s,
    (sum(fact.consult_received_wrap_time_ms) / 1000.0)::float8 AS consult_received_wrap_time_s,
    sum(fact.consult_initiated) AS consult_initiated,
    (sum(fact.consult_initiated_time_ms) / 1000.0)::float8 AS consult_initiated_time_s,
    CASE WHEN count(dark.gap_key) = 0 THEN 'complete' WHEN count(fact.label_key) = 0 THEN 'none' ELSE 'partial' END AS data,
    array_agg(DISTINCT dark.gap_key::text) FILTER (WHERE dark.gap_key IS NOT NULL) AS gaps
FROM fact
FULL JOIN dark ON false
JOIN member ON member.resource_key = coalesce(fact.resource_key, dark.resource_key)
LEFT JOIN mart.media_type AS media ON media.media_type_key = coalesce(fact.media_type_key, dark.media_type_key)
LEFT JOIN mart.interaction_type AS direction ON direction.interaction_type_key = coalesce(fact.interaction_type_key,
    dark.interaction_type_key)
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY 1, 2, 3, 4, 5, 6, 7
