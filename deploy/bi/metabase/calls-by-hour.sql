-- Calls by hour: entered, accepted, abandoned. An hour of which nothing is known is empty, never zero. Line chart.
WITH step AS (
    SELECT generate_series(extract(epoch FROM {{from}}::timestamptz)::bigint / 3600 * 3600, least(extract(epoch FROM {{to}}::timestamptz)::bigint, extract(epoch FROM now())::bigint) - 1, 3600) AS key
), dark AS (
    SELECT DISTINCT step.key
    FROM step
    JOIN ctl.unfilled_gap AS gap ON gap.from_ms < (step.key + 3600) * 1000 AND gap.to_ms > step.key * 1000
), figure AS (
    SELECT figure.*
    FROM agg.queue_hour AS figure
    JOIN mart.report_resource AS queue USING (resource_key)
    WHERE figure.date_time_key >= extract(epoch FROM {{from}}::timestamptz)::bigint / 3600 * 3600
      AND figure.date_time_key < extract(epoch FROM {{to}}::timestamptz)::bigint
  [[AND queue.name = {{queue}}]]
)
SELECT
    to_timestamp(step.key) AS "Time",
    coalesce(sum(figure.entered), CASE WHEN dark.key IS NULL THEN 0 END) AS "Entered",
    coalesce(sum(figure.accepted), CASE WHEN dark.key IS NULL THEN 0 END) AS "Accepted",
    coalesce(sum(figure.abandoned), CASE WHEN dark.key IS NULL THEN 0 END) AS "Abandoned"
FROM step
LEFT JOIN dark ON dark.key = step.key
LEFT JOIN figure ON figure.date_time_key = step.key
GROUP BY step.key, dark.key
ORDER BY 1
