-- Totals of each queue, as people speak of them.
-- grain   queue
-- reads   mart.queue_total
-- writes  nothing
-- rule    a visit was answered, was abandoned, or ended otherwise; waits are those of the answered
SELECT
    source_name AS source,
    queue AS name,
    visits,
    answered_count AS answered,
    abandoned_count AS abandoned,
    visits - answered_count - abandoned_count AS others,
    answered_wait_s::float AS wait_s,
    talk_s::float AS talk_s,
    hold_s::float AS hold_s
FROM mart.queue_total
ORDER BY source_name, queue
