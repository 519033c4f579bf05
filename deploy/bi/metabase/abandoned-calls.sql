-- Who hung up while waiting, with number and wait. Table.
SELECT
    visit.start_at AS "Time",
    whole.source_address AS "Caller",
    queue.name AS "Queue",
    visit.total_duration_ms / 1000.0 AS "Wait",
    visit.short_abandoned_flag = 1 AS "Short",
    visit.interaction_id::text AS "Interaction"
FROM mart.mediation_segment_fact AS visit
JOIN mart.report_resource AS queue USING (resource_key)
LEFT JOIN mart.interaction_fact AS whole
    ON whole.tenant_key = visit.tenant_key
    AND whole.start_date_time_key = visit.interaction_date_time_key
    AND whole.interaction_id = visit.interaction_id
WHERE visit.result = 'abandoned'
  AND visit.start_date_time_key >= extract(epoch FROM {{from}}::timestamptz)::bigint / 900 * 900
  AND visit.start_date_time_key < extract(epoch FROM {{to}}::timestamptz)::bigint
  AND visit.start_at >= to_timestamp(extract(epoch FROM {{from}}::timestamptz)::bigint)
  AND visit.start_at < to_timestamp(extract(epoch FROM {{to}}::timestamptz)::bigint)
  [[AND queue.name = {{queue}}]]
ORDER BY visit.start_at
