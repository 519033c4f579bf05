-- Service level (variant 6) and average wait of the answered, by hour. Line chart.
SELECT
    to_timestamp(figure.date_time_key) AS "Time",
    sum(mart.service_level_met(6, figure.accepted_thr, figure.abandoned_thr, figure.abandoned_short))::float8
        / nullif(sum(mart.service_level_of(6, figure.entered, figure.offered, figure.accepted, figure.abandoned, figure.abandoned_thr,
            figure.abandoned_short, figure.waiting)), 0) AS "Service level",
    sum(figure.accepted_time_ms) / 1000.0 / nullif(sum(figure.accepted), 0) AS "Avg accept time"
FROM agg.queue_hour AS figure
JOIN mart.report_resource AS queue USING (resource_key)
WHERE figure.date_time_key >= extract(epoch FROM {{from}}::timestamptz)::bigint / 3600 * 3600
  AND figure.date_time_key < extract(epoch FROM {{to}}::timestamptz)::bigint
  [[AND queue.name = {{queue}}]]
GROUP BY figure.date_time_key
ORDER BY 1
