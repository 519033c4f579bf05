-- Queue Summary.
-- grain   step of time, and each of queue, tenant, site, source, media_type, interaction_type that is asked for
-- reads   agg.queue_subhr, ctl.unfilled_gap, mart.report_resource and dimensions
-- writes  nothing
-- rule    a visit belongs to the interval of its entry.
--         Where nothing is known but that a gap is there, figures are NULL. The finest aggregate stands here; a coarser one is
--         read in its place where the steps of the zone allow it
WITH member AS (
    SELECT resource.*, chosen.variant
    FROM mart.report_resource AS resource
    LEFT JOIN unnest(%(queue_keys)s::bigint[], %(variants)s::integer[]) AS chosen (resource_key, variant)
        ON chosen.resource_key = resource.resource_key
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
        FROM agg.queue_subhr AS base
        WHERE date_time_key >= (%(starts)s::bigint[])[1] AND date_time_key < (%(ends)s::bigint[])[cardinality(%(ends)s::bigint[])]
          AND base.resource_key IN (SELECT resource_key FROM member)
    ) AS figure
    JOIN LATERAL (SELECT (%(labels)s::bigint[])[figure.place] AS label_key) AS step
        ON figure.date_time_key < (%(ends)s::bigint[])[figure.place]
)
SELECT
    to_timestamp(coalesce(fact.label_key, dark.label_key)) AS interval_at,
    CASE WHEN %(by_queue)s THEN member.name END AS queue,
    CASE WHEN %(by_tenant)s THEN member.tenant END AS tenant,
    CASE WHEN %(by_site)s THEN member.site END AS site,
    CASE WHEN %(by_source)s THEN member.source END AS source,
    CASE WHEN %(by_media_type)s THEN media.media_name END AS media_type,
    CASE WHEN %(by_interaction_type)s THEN direction.interaction_type END AS interaction_type,
    sum(fact.entered) AS entered,
    sum(fact.offered) AS offered,
    sum(fact.accepted) AS accepted,
    sum(fact.accepted)::float8 / nullif(sum(fact.offered), 0) AS accepted_share,
    sum(fact.accepted_thr) AS accepted_in_time,
    sum(mart.service_level_met(member.variant, fact.accepted_thr, fact.abandoned_thr, fact.abandoned_short))::float8 /
        nullif(sum(mart.service_level_of(member.variant, fact.entered, fact.offered, fact.accepted, fact.abandoned,
        fact.abandoned_thr, fact.abandoned_short, fact.waiting)), 0) AS service_level,
    sum(fact.abandoned) AS abandoned,
    sum(fact.abandoned)::float8 / nullif(sum(fact.offered), 0) AS abandoned_share,
    sum(fact.abandoned_waiting) AS abandoned_waiting,
    sum(fact.abandoned_invite) AS abandoned_inviting,
    sum(fact.abandoned_short) AS short_abandoned,
    sum(fact.routed_other) AS routed_other,
    sum(fact.cleared) AS cleared,
    sum(fact.stopped) AS stopped,
    sum(fact.waiting) AS waiting,
    sum(fact.redirected) AS redirected,
    (sum(fact.accepted_time_ms) / 1000.0)::float8 AS accept_time_s,
    (sum(fact.accepted_time_ms) / 1000.0)::float8 / nullif(sum(fact.accepted), 0) AS avg_accept_time_s,
    (max(nullif(fact.accepted_time_max_ms, 0)) / 1000.0)::float8 AS max_accept_time_s,
    (sum(fact.abandoned_time_ms) / 1000.0)::float8 / nullif(sum(fact.abandoned), 0) AS avg_abandon_time_s,
    (sum(fact.engage_time_ms) / 1000.0)::float8 AS engage_time_s,
    (sum(fact.hold_time_ms) / 1000.0)::float8 AS hold_time_s,
    (sum(fact.wrap_time_ms) / 1000.0)::float8 AS wrap_time_s,
    (sum(fact.conference_time_ms) / 1000.0)::float8 AS conference_time_s,
    (sum(fact.engage_time_ms + fact.hold_time_ms + fact.wrap_time_ms + fact.conference_time_ms) / 1000.0)::float8 AS handle_time_s,
    (sum(fact.engage_time_ms + fact.hold_time_ms + fact.wrap_time_ms + fact.conference_time_ms) / 1000.0)::float8 /
        nullif(sum(fact.accepted - fact.consult_accepted), 0) AS avg_handle_time_s,
    sum(fact.transfer_init) AS transfers,
    sum(fact.consult_entered) AS consult_entered,
    sum(fact.consult_accepted) AS consult_accepted,
    (sum(fact.consult_engage_time_ms) / 1000.0)::float8 AS consult_engage_time_s,
    (sum(fact.consult_hold_time_ms) / 1000.0)::float8 AS consult_hold_time_s,
    (sum(fact.consult_wrap_time_ms) / 1000.0)::float8 AS consult_wrap_time_s,
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
