-- Queues of a period with volumes, service level and wait; Data says whether a gap touches the period. Table.
SELECT
    queue.name AS "Queue",
    sum(figure.entered) AS "Entered",
    sum(figure.accepted) AS "Accepted",
    sum(figure.accepted_thr) AS "Accepted in threshold",
    sum(figure.abandoned) AS "Abandoned",
    sum(mart.service_level_met(6, figure.accepted_thr, figure.abandoned_thr, figure.abandoned_short))::float8
        / nullif(sum(mart.service_level_of(6, figure.entered, figure.offered, figure.accepted, figure.abandoned, figure.abandoned_thr,
            figure.abandoned_short, figure.waiting)), 0) AS "Service level",
    sum(figure.accepted_time_ms) / 1000.0 / nullif(sum(figure.accepted), 0) AS "Avg accept time",
    CASE WHEN EXISTS (
        SELECT FROM ctl.unfilled_gap AS gap
        WHERE gap.source_key = queue.source_key AND gap.from_ms < extract(epoch FROM {{to}}::timestamptz)::bigint * 1000::bigint AND gap.to_ms > extract(epoch FROM {{from}}::timestamptz)::bigint * 1000::bigint
    ) THEN 'partial' ELSE 'complete' END AS "Data"
FROM agg.queue_hour AS figure
JOIN mart.report_resource AS queue USING (resource_key)
WHERE figure.date_time_key >= extract(epoch FROM {{from}}::timestamptz)::bigint / 3600 * 3600
  AND figure.date_time_key < extract(epoch FROM {{to}}::timestamptz)::bigint
  [[AND queue.name = {{queue}}]]
GROUP BY queue.name, queue.source_key
ORDER BY 1
