-- Visits of callers to queues, oldest first; of more than wanted the latest ones.
-- grain   visit of a channel to a queue
-- reads   mart.queue_visit
-- writes  nothing
-- rule    the first nine columns are an interface: their names, their order and their units stay
WITH chosen AS (
    SELECT *
    FROM mart.queue_visit
    WHERE (%(source)s::text IS NULL OR source_name = %(source)s)
      AND (%(queue)s::text IS NULL OR queue = %(queue)s)
    ORDER BY start_at DESC, uniqueid DESC, queue DESC, nth DESC
    LIMIT %(last)s
)
SELECT
    uniqueid,
    queue,
    nth,
    result,
    agent,
    wait_s,
    talk_s,
    hold_s,
    transferred,
    agent_name,
    source_name AS source,
    entered_by,
    start_at,
    answered_at,
    end_at,
    interaction_id
FROM chosen
ORDER BY start_at, uniqueid, queue, nth
