-- Shares of the active time of agents in a period. Table.
SELECT
    agent.name AS "Agent",
    sum(figure.active_time_ms) / 1000.0 AS "Active time",
    sum(figure.ready_time_ms)::float8 / nullif(sum(figure.active_time_ms), 0) AS "% Ready",
    sum(figure.not_ready_time_ms)::float8 / nullif(sum(figure.active_time_ms), 0) AS "% Not ready",
    sum(figure.busy_time_ms)::float8 / nullif(sum(figure.active_time_ms), 0) AS "% Busy",
    sum(figure.busy_time_ms + figure.wrap_time_ms)::float8
        / nullif(sum(figure.busy_time_ms + figure.wrap_time_ms + figure.ready_time_ms), 0) AS "Occupancy",
    CASE WHEN EXISTS (
        SELECT FROM ctl.unfilled_gap AS gap
        WHERE gap.source_key = agent.source_key AND gap.from_ms < extract(epoch FROM {{to}}::timestamptz)::bigint * 1000::bigint AND gap.to_ms > extract(epoch FROM {{from}}::timestamptz)::bigint * 1000::bigint
    ) THEN 'partial' ELSE 'complete' END AS "Data"
FROM agg.i_sess_state_hour AS figure
JOIN mart.report_resource AS agent USING (resource_key)
WHERE figure.date_time_key >= extract(epoch FROM {{from}}::timestamptz)::bigint / 3600 * 3600
  AND figure.date_time_key < extract(epoch FROM {{to}}::timestamptz)::bigint
GROUP BY agent.name, agent.source_key
ORDER BY 1
