-- Agent Summary Activity (Active).
-- grain   step of time, and each of agent, tenant, site, source, media_type that is asked for
-- reads   agg.i_sess_state_subhr, agg.i_agent_subhr, ctl.unfilled_gap, mart.report_resource and dimensions
-- writes  nothing
-- rule    a time over the end of an interval is split; parts of one agent may overlap.
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
    SELECT DISTINCT span.label_key, member.resource_key, gap.gap_key, media.media_type_key
    FROM ctl.unfilled_gap AS gap
    JOIN member USING (source_key)
    JOIN span ON gap.from_ms < span.end_key * 1000 AND gap.to_ms > span.start_key * 1000
    JOIN mart.media_type AS media ON media.media_type_key > 0
    WHERE member.first_seen_at < to_timestamp(span.end_key)
), session AS (
    SELECT step.label_key, figure.*
    FROM (
        SELECT *, width_bucket(date_time_key, %(starts)s::bigint[]) AS place
        FROM agg.i_sess_state_subhr AS base
        WHERE date_time_key >= (%(starts)s::bigint[])[1] AND date_time_key < (%(ends)s::bigint[])[cardinality(%(ends)s::bigint[])]
          AND base.resource_key IN (SELECT resource_key FROM member)
    ) AS figure
    JOIN LATERAL (SELECT (%(labels)s::bigint[])[figure.place] AS label_key) AS step
        ON figure.date_time_key < (%(ends)s::bigint[])[figure.place]
), activity AS (
    SELECT step.label_key, figure.*
    FROM (
        SELECT *, width_bucket(date_time_key, %(starts)s::bigint[]) AS place
        FROM agg.i_agent_subhr AS base
        WHERE date_time_key >= (%(starts)s::bigint[])[1] AND date_time_key < (%(ends)s::bigint[])[cardinality(%(ends)s::bigint[])]
          AND base.resource_key IN (SELECT resource_key FROM member)
    ) AS figure
    JOIN LATERAL (SELECT (%(labels)s::bigint[])[figure.place] AS label_key) AS step
        ON figure.date_time_key < (%(ends)s::bigint[])[figure.place]
)
SELECT
    to_timestamp(coalesce(session.label_key, activity.label_key, dark.label_key)) AS interval_at,
    CASE WHEN %(by_agent)s THEN member.name END AS agent,
    CASE WHEN %(by_tenant)s THEN member.tenant END AS tenant,
    CASE WHEN %(by_site)s THEN member.site END AS site,
    CASE WHEN %(by_source)s THEN member.source END AS source,
    CASE WHEN %(by_media_type)s THEN media.media_name END AS media_type,
    (sum(session.active_time_ms) / 1000.0)::float8 AS active_time_s,
    (sum(session.ready_time_ms) / 1000.0)::float8 AS ready_time_s,
    sum(session.ready_time_ms)::float8 / nullif(sum(session.active_time_ms), 0) AS ready_share,
    (sum(session.not_ready_time_ms) / 1000.0)::float8 AS not_ready_time_s,
    sum(session.not_ready_time_ms)::float8 / nullif(sum(session.active_time_ms), 0) AS not_ready_share,
    (sum(session.busy_time_ms) / 1000.0)::float8 AS busy_time_s,
    sum(session.busy_time_ms)::float8 / nullif(sum(session.active_time_ms), 0) AS busy_share,
    (sum(session.wrap_time_ms) / 1000.0)::float8 AS wrap_time_s,
    sum(session.wrap_time_ms)::float8 / nullif(sum(session.active_time_ms), 0) AS wrap_share,
    (sum(session.logged_on_only_time_ms) / 1000.0)::float8 AS logged_on_only_time_s,
    (sum(activity.invite_time_ms) / 1000.0)::float8 AS invite_time_s,
    sum(activity.invite_time_ms)::float8 / nullif(sum(session.active_time_ms), 0) AS invite_share,
    (sum(activity.engage_time_ms) / 1000.0)::float8 AS engage_time_s,
    sum(activity.engage_time_ms)::float8 / nullif(sum(session.active_time_ms), 0) AS engage_share,
    (sum(activity.hold_time_ms) / 1000.0)::float8 AS hold_time_s,
    sum(activity.hold_time_ms)::float8 / nullif(sum(session.active_time_ms), 0) AS hold_share,
    (sum(activity.consult_received_engage_time_ms) / 1000.0)::float8 AS consult_received_time_s,
    (sum(activity.consult_initiated_time_ms) / 1000.0)::float8 AS consult_initiated_time_s,
    (sum(activity.internal_time_ms) / 1000.0)::float8 AS internal_time_s,
    sum(session.busy_time_ms + session.wrap_time_ms)::float8 / nullif(sum(session.busy_time_ms + session.wrap_time_ms +
        session.ready_time_ms), 0) AS occupancy,
    sum(session.login) AS logins,
    sum(session.logout) AS logouts,
    CASE WHEN count(dark.gap_key) = 0 THEN 'complete' WHEN count(session.label_key) + count(activity.label_key) = 0 THEN
        'none' ELSE 'partial' END AS data,
    array_agg(DISTINCT dark.gap_key::text) FILTER (WHERE dark.gap_key IS NOT NULL) AS gaps
FROM session
FULL JOIN activity ON false
FULL JOIN dark ON false
JOIN member ON member.resource_key = coalesce(session.resource_key, activity.resource_key, dark.resource_key)
LEFT JOIN mart.media_type AS media ON media.media_type_key = coalesce(session.media_type_key, activity.media_type_key,
    dark.media_type_key)
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5, 6
