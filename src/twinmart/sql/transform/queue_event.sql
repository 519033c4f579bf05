-- What queues and diallers did, counted to the channel that entered the queue.
-- grain   event
-- reads   call_event (temporary)
-- writes  nothing
-- rule    an agent who completes a transfer while the consultation still waits in a queue gives that place in the queue to the caller:
--         what the queue does from then on is told of the caller's channel, but it goes on with the same visit, until the caller's
--         channel enters a queue itself. What the call event log tells of a channel that gave its place away is about the caller's past
SELECT
    event.source_key,
    event.root_id,
    coalesce(place.taken_id, event.channel_id) AS channel_id,
    event.channel_id AS holder_id,
    event.at,
    event.event_id,
    event.kind,
    event.other_id,
    event.queue,
    event.member,
    event.target,
    event.value
FROM (
    SELECT
        *,
        max(at) FILTER (WHERE kind = 'queue_enter') OVER (PARTITION BY source_key, channel_id ORDER BY at, event_id) AS entered_at
    FROM call_event
    WHERE kind IN (
        'queue_enter', 'queue_leave', 'queue_abandon', 'queue_status', 'queue_app', 'cel_queue_app', 'queue_caller_seen',
        'agent_offer', 'agent_connect', 'agent_noanswer', 'agent_complete', 'dial_start'
    )
) AS event
LEFT JOIN (
    SELECT
        source_key,
        root_id,
        detail ->> 'transferee' AS channel_id,
        other_id AS taken_id,
        at AS from_at,
        lead(at, 1, 'infinity') OVER (PARTITION BY source_key, root_id, detail ->> 'transferee' ORDER BY at, event_id) AS until_at
    FROM call_event
    WHERE kind = 'transfer_attended' AND value = 'Success' AND target = 'App' AND detail ->> 'app' = 'Queue'
) AS place
    ON place.source_key = event.source_key
    AND place.root_id = event.root_id
    AND place.channel_id = event.channel_id
    AND event.at >= place.from_at
    AND event.at < place.until_at
    AND coalesce(event.entered_at, '-infinity') < place.from_at
LEFT JOIN (
    SELECT source_key, other_id AS channel_id, min(at) AS at
    FROM call_event
    WHERE kind = 'transfer_attended'
    GROUP BY source_key, other_id
) AS gone
    ON gone.source_key = event.source_key AND gone.channel_id = event.channel_id AND gone.at <= event.at
    AND event.kind = 'cel_queue_app'
WHERE gone.channel_id IS NULL
