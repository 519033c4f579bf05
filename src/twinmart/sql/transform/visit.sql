-- Visits of callers to queues, with what ended them.
-- grain   visit
-- reads   queue_event (temporary), channel (temporary)
-- writes  nothing
-- rule    a visit is from the entry of a channel into a queue until an agent answers or the channel leaves. The switch tells of an
--         abandon for time-outs and emptied queues too, so QUEUESTATUS decides between these; leaving without an abandon and without
--         an answer is an exit by key. A refused try (FULL, JOINEMPTY) has no entry: QUEUESTATUS tells it, and the dialplan which queue.
--         Where the source does not tell of the dialplan, a caller who stays on the line after an abandon timed out, and a try of which
--         only the call event log knows was refused for an unknown reason. A refusal of which nobody says by which queue is none
WITH told AS (
    SELECT
        *,
        count(*) FILTER (WHERE kind IN ('queue_app', 'cel_queue_app')) OVER earlier AS app_no,
        count(*) FILTER (WHERE kind = 'queue_app') OVER (PARTITION BY source_key, channel_id) > 0 AS knows_dialplan,
        kind = 'queue_enter'
            OR (kind = 'queue_status' AND value IN ('FULL', 'JOINEMPTY', 'JOINUNAVAIL'))
            OR (
                kind = 'queue_caller_seen'
                AND count(*) FILTER (WHERE kind = 'queue_enter') OVER soon = 0
                AND count(*) FILTER (WHERE kind = 'queue_caller_seen') OVER earlier = 1
            )
            OR (
                kind = 'cel_queue_app'
                AND channel_id = holder_id
                AND count(*) FILTER (WHERE kind = 'queue_enter') OVER nearby = 0
                AND count(*) FILTER (WHERE kind = 'queue_app') OVER (PARTITION BY source_key, channel_id) = 0
            ) AS is_entry
    FROM queue_event
    WHERE kind NOT IN ('agent_noanswer', 'agent_complete', 'dial_start')
    WINDOW
        earlier AS (PARTITION BY source_key, channel_id ORDER BY at, kind = 'queue_caller_seen', event_id),
        soon AS (
            PARTITION BY source_key, channel_id ORDER BY at RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL '5 seconds' FOLLOWING
        ),
        nearby AS (
            PARTITION BY source_key, channel_id
            ORDER BY at RANGE BETWEEN INTERVAL '1 second' PRECEDING AND INTERVAL '1 second' FOLLOWING
        )
),
numbered AS (
    SELECT
        *,
        max(queue) FILTER (WHERE kind IN ('queue_app', 'cel_queue_app')) OVER (PARTITION BY source_key, channel_id, app_no) AS app_queue,
        count(*) FILTER (WHERE is_entry) OVER (PARTITION BY source_key, channel_id ORDER BY at, kind = 'queue_caller_seen', event_id) AS visit_no
    FROM told
),
gathered AS (
    SELECT
        source_key,
        root_id,
        channel_id,
        visit_no,
        min(CASE WHEN kind = 'queue_caller_seen' THEN at - make_interval(secs => coalesce(substring(value FROM '^[0-9]{1,9}$'), '0')::numeric) ELSE at END)
            FILTER (WHERE is_entry) AS start_at,
        min(coalesce(queue, app_queue)) FILTER (WHERE is_entry) AS queue,
        min(value) FILTER (WHERE kind = 'queue_enter') AS position,
        min(target) FILTER (WHERE kind = 'queue_enter') AS target,
        min(coalesce(value, 'UNKNOWN')) FILTER (WHERE is_entry AND kind IN ('queue_status', 'cel_queue_app')) AS refused,
        bool_or(knows_dialplan) AS knows_dialplan,
        min(at) FILTER (WHERE kind = 'agent_connect') AS answered_at,
        min(at) FILTER (WHERE kind = 'queue_leave') AS left_at,
        min(at) FILTER (WHERE kind = 'queue_abandon') AS abandoned_at,
        min(value) FILTER (WHERE kind = 'queue_status' AND NOT is_entry AND value <> 'CONTINUE') AS status,
        count(*) FILTER (WHERE kind = 'agent_offer') AS offer_count,
        (array_agg(holder_id ORDER BY at DESC, event_id DESC))[1] AS holder_id
    FROM numbered
    WHERE visit_no > 0
    GROUP BY source_key, root_id, channel_id, visit_no
)
SELECT
    visit.source_key,
    visit.root_id,
    visit.channel_id,
    visit.visit_no,
    visit.queue,
    row_number() OVER (PARTITION BY visit.source_key, visit.channel_id, visit.queue ORDER BY visit.visit_no) AS entry_ordinal,
    CASE
        WHEN visit.refused = 'FULL' THEN 'full'
        WHEN visit.refused = 'UNKNOWN' THEN 'unknown'
        WHEN visit.refused IS NOT NULL THEN 'joinempty'
        WHEN visit.answered_at IS NOT NULL THEN 'answered'
        WHEN visit.status = 'TIMEOUT' THEN 'timeout'
        WHEN visit.status IN ('LEAVEEMPTY', 'LEAVEUNAVAIL') THEN 'leaveempty'
        WHEN NOT visit.knows_dialplan AND channel.end_at > visit.abandoned_at + interval '250 milliseconds' THEN 'timeout'
        WHEN visit.abandoned_at IS NOT NULL THEN 'abandoned'
        WHEN visit.left_at IS NOT NULL THEN 'exitkey'
        WHEN channel.end_at IS NULL THEN 'waiting'
        WHEN channel.is_abnormal THEN 'unknown'
        ELSE 'abandoned'
    END AS result,
    substring(visit.position FROM '^[0-9]{1,9}$')::integer AS position,
    visit.target,
    visit.offer_count,
    visit.start_at,
    CASE
        WHEN visit.refused IS NOT NULL THEN visit.start_at
        ELSE coalesce(visit.answered_at, visit.left_at, visit.abandoned_at, channel.end_at)
    END AS end_at,
    lead(visit.start_at) OVER (PARTITION BY visit.source_key, visit.channel_id ORDER BY visit.visit_no) AS next_start_at
FROM gathered AS visit
JOIN channel ON channel.source_key = visit.source_key AND channel.channel_id = visit.holder_id
WHERE visit.queue IS NOT NULL
