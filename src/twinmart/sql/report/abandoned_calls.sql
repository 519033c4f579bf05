-- Abandoned calls: who hung up while waiting in a queue, with number, place and wait.
-- grain   visit of a caller to a queue that ended abandoned
-- reads   mart.mediation_segment_fact, mart.interaction_fact, mart.report_resource, mart.technical_descriptor
-- writes  nothing
-- rule    a visit belongs to the moment of its entry; short is up to the limit of the queue, the boundary counted in
SELECT
    visit.start_at,
    visit.end_at,
    whole.source_address AS caller,
    queue.name AS queue,
    visit.total_duration_ms / 1000.0 AS wait_s,
    CASE WHEN outcome.result_reason = 'AbandonedWhileRinging' THEN 'inviting' ELSE 'waiting' END AS abandoned_while,
    visit.short_abandoned_flag = 1 AS short,
    visit.position,
    visit.offer_count AS offers,
    visit.entered_by,
    visit.entry_ordinal AS visit,
    queue.source,
    queue.site,
    queue.tenant,
    visit.interaction_id::text AS interaction_id
FROM mart.mediation_segment_fact AS visit
JOIN mart.report_resource AS queue USING (resource_key)
JOIN mart.technical_descriptor AS outcome USING (technical_descriptor_key)
LEFT JOIN mart.interaction_fact AS whole
    ON whole.tenant_key = visit.tenant_key
    AND whole.start_date_time_key = visit.interaction_date_time_key
    AND whole.interaction_id = visit.interaction_id
WHERE visit.result = 'abandoned'
  AND visit.start_date_time_key >= mart.date_time_key(%(from_at)s)
  AND visit.start_date_time_key <= mart.date_time_key(%(to_at)s)
  AND visit.start_at >= %(from_at)s
  AND visit.start_at < %(to_at)s
  AND (%(hours)s::int[] IS NULL OR extract(hour FROM visit.start_at AT TIME ZONE %(zone)s) = ANY (%(hours)s))
  AND (%(queue)s::text[] IS NULL OR queue.name = ANY (%(queue)s))
  AND (%(source)s::text[] IS NULL OR queue.source = ANY (%(source)s))
  AND (%(site)s::int[] IS NULL OR queue.site = ANY (%(site)s))
  AND (%(tenant)s::text[] IS NULL OR queue.tenant = ANY (%(tenant)s))
ORDER BY visit.start_at, visit.mediation_segment_id
