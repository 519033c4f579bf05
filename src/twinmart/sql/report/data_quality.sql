-- Data quality: for each day and source what came in, what came late, how the twins agree, what was discarded, what is missing.
-- grain   step of time, source
-- reads   mart.report_source, ctl.admin_extract_history, ctl.transform_discard, ctl.unfilled_gap, ctl.gap, ctl.audit_log
-- writes  nothing
-- rule    an extraction belongs to the moment at which it began; late is what was taken more than an hour after its latest event; twins
--         agree as far as the second one told nothing new
WITH span AS (
    SELECT to_timestamp(start_key) AS start_at, to_timestamp(end_key) AS end_at, label_key
    FROM unnest(%(starts)s::bigint[], %(ends)s::bigint[], %(labels)s::bigint[]) AS span (start_key, end_key, label_key)
), step AS (
    SELECT label_key, min(start_at) AS start_at, max(end_at) AS end_at
    FROM span
    GROUP BY label_key
)
SELECT
    to_timestamp(step.label_key) AS interval_at,
    source.source,
    source.site,
    taken.extractions,
    taken.events_read,
    taken.events_new,
    taken.collectors,
    taken.events_late,
    taken.longest_delay_s,
    CASE WHEN taken.collectors > 1 THEN (taken.events_read - taken.events_new)::float8 / nullif(taken.events_new, 0) END AS twin_agreement,
    discarded.interactions AS discarded,
    hole.gaps AS gap_count,
    hole.gap_s,
    CASE WHEN hole.gaps = 0 THEN 'complete' WHEN taken.events_read IS NULL THEN 'none' ELSE 'partial' END AS data,
    hole.keys AS gaps
FROM step
CROSS JOIN mart.report_source AS source
LEFT JOIN LATERAL (
    SELECT
        count(*) AS extractions,
        sum(history.rows_read)::bigint AS events_read,
        sum(history.rows_new)::bigint AS events_new,
        count(DISTINCT history.collector) AS collectors,
        coalesce(sum(history.rows_new) FILTER (WHERE history.started_at - history.last_event_at > interval '1 hour'), 0)::bigint
            AS events_late,
        max(extract(epoch FROM history.started_at - history.last_event_at))::numeric(15, 3) AS longest_delay_s
    FROM ctl.admin_extract_history AS history
    WHERE history.source = source.source AND history.started_at >= step.start_at AND history.started_at < step.end_at
    HAVING count(*) > 0
) AS taken ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS interactions
    FROM ctl.transform_discard AS discard
    WHERE discard.source_key = source.source_key AND discard.first_at >= step.start_at AND discard.first_at < step.end_at
) AS discarded
CROSS JOIN LATERAL (
    SELECT
        count(*) AS gaps,
        array_agg(gap.gap_key::text ORDER BY gap.from_at, gap.gap_key) AS keys,
        coalesce(sum(extract(epoch FROM least(gap.to_at, step.end_at) - greatest(gap.from_at, step.start_at))), 0)::numeric(15, 3) AS gap_s
    FROM ctl.unfilled_gap AS gap
    WHERE gap.source_key = source.source_key AND gap.from_at < step.end_at AND gap.to_at >= step.start_at
) AS hole
WHERE (taken.extractions IS NOT NULL OR hole.gaps > 0 OR discarded.interactions > 0)
  AND (%(source)s::text[] IS NULL OR source.source = ANY (%(source)s))
  AND (%(site)s::int[] IS NULL OR source.site = ANY (%(site)s))
ORDER BY step.label_key, source.source
