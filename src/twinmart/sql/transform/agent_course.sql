-- The course of each agent: pieces of time in which nothing changes, with the state.
-- grain   agent, piece
-- reads   working_resource (temporary), member_span (temporary), mart.interaction_resource_fact, cfg.queue_setting,
--         mart.resource_state_reason
-- writes  nothing
-- rule    logged in while serving any queue; busy from an answer, or from dialling, until the phone leaves; then after-call work while it
--         lasts or while paused for such a reason; not ready while paused in every queue served; else ready. What is carried over the
--         moment of recomputation is a piece that ends there. A part that goes on is forgotten after 31 days
WITH edge AS (
    SELECT resource_key, mart.epoch_ms(start_at) AS at_ms, 1 AS serving, (NOT is_paused)::integer AS open, 0 AS busy, 0 AS wrapping
    FROM member_span
    UNION ALL
    SELECT resource_key, mart.epoch_ms(end_at), -1, -(NOT is_paused)::integer, 0, 0 FROM member_span WHERE end_at IS NOT NULL
    UNION ALL
    SELECT resource.resource_key, mart.epoch_ms(greatest(moment.at, resource.from_at)), 0, 0, moment.busy, moment.wrapping
    FROM working_resource AS resource
    CROSS JOIN LATERAL (
        SELECT part.*
        FROM mart.interaction_resource_fact AS part
        WHERE part.resource_key = resource.resource_key
          AND part.start_at >= resource.from_at - interval '1 day'
          AND part.start_date_time_key >= mart.date_time_key(resource.from_at) - 87300
        UNION ALL
        SELECT part.*
        FROM mart.interaction_resource_fact AS part
        WHERE part.resource_key = resource.resource_key
          AND part.start_at < resource.from_at - interval '1 day'
          AND part.start_at >= resource.from_at - interval '31 days'
          AND part.start_date_time_key <= mart.date_time_key(resource.from_at) - 85500
          AND part.start_date_time_key >= mart.date_time_key(resource.from_at) - 2679300
          AND (
              part.total_duration_ms IS NULL
              OR part.total_duration_ms + part.after_call_work_duration_ms + part.customer_acw_duration_ms
                  + part.cons_rcv_acw_duration_ms > 86400000
          )
    ) AS part
    CROSS JOIN LATERAL (
        SELECT CASE WHEN part.attempt_kind IN ('outbound', 'internal_out', 'consult_out') THEN part.start_at ELSE part.answered_at END AS from_at,
            part.end_at + make_interval(secs => (part.after_call_work_duration_ms + part.customer_acw_duration_ms
                + part.cons_rcv_acw_duration_ms) / 1000.0) AS wrapped_at
    ) AS busy
    CROSS JOIN LATERAL (
        VALUES
            (busy.from_at, 1, 0),
            (part.end_at, -1, 0),
            (CASE WHEN busy.wrapped_at > part.end_at THEN part.end_at END, 0, 1),
            (CASE WHEN busy.wrapped_at > part.end_at THEN busy.wrapped_at END, 0, -1)
    ) AS moment (at, busy, wrapping)
    WHERE busy.from_at IS NOT NULL
      AND moment.at IS NOT NULL
      AND coalesce(busy.wrapped_at, part.end_at, 'infinity') >= resource.from_at
),
moment AS (
    SELECT resource_key, at_ms, sum(serving) AS serving, sum(open) AS open, sum(busy) AS busy, sum(wrapping) AS wrapping
    FROM edge
    GROUP BY resource_key, at_ms
),
course AS (
    SELECT
        resource_key,
        at_ms,
        lead(at_ms) OVER course AS until_ms,
        sum(serving) OVER course AS serving,
        sum(open) OVER course AS open,
        sum(busy) OVER course AS busy,
        sum(wrapping) OVER course AS wrapping
    FROM moment
    WINDOW course AS (PARTITION BY resource_key ORDER BY at_ms)
),
paused AS (
    SELECT DISTINCT ON (course.resource_key, course.at_ms) course.resource_key, course.at_ms, span.reason
    FROM course
    JOIN member_span AS span
        ON span.resource_key = course.resource_key
        AND span.is_paused
        AND mart.epoch_ms(span.start_at) <= course.at_ms
        AND course.at_ms < coalesce(mart.epoch_ms(span.end_at), 9223372036854775807)
    WHERE course.serving > 0 AND course.open = 0
    ORDER BY course.resource_key, course.at_ms, span.since_at DESC, span.reason
),
habit AS (
    SELECT acw_reasons FROM cfg.queue_setting WHERE source_name = '*' AND queue = '*'
)
SELECT
    course.resource_key,
    course.at_ms,
    course.until_ms,
    false AS is_carried,
    paused.resource_key IS NOT NULL AS is_paused,
    paused.reason,
    CASE
        WHEN course.busy > 0 THEN 5
        WHEN course.wrapping > 0 THEN 4
        WHEN paused.reason = ANY (habit.acw_reasons) THEN 4
        WHEN paused.resource_key IS NOT NULL THEN 3
        ELSE 2
    END AS resource_state_key
FROM course
LEFT JOIN paused USING (resource_key, at_ms)
LEFT JOIN habit ON true
WHERE course.serving > 0
UNION ALL
SELECT
    carried.resource_key,
    mart.epoch_ms(carried.state_at),
    mart.epoch_ms(carried.from_at),
    true,
    carried.reason_at IS NOT NULL,
    CASE WHEN carried.reason_key <> -2 THEN reason.software_reason END,
    carried.resource_state_key
FROM working_resource AS carried
LEFT JOIN mart.resource_state_reason AS reason ON reason.resource_state_reason_key = carried.reason_key
WHERE carried.state_at IS NOT NULL
