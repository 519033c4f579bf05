-- Times in which a phone held the other side.
-- grain   hold
-- reads   call_event (temporary), channel (temporary)
-- writes  nothing
-- rule    from hold to unhold or the end of the channel. The switch takes both calls off hold itself when it carries out an attended
--         transfer, or tries to: nobody talks from then on if the agent's phone leaves at once, so the last hold, if it ends within two
--         seconds before, lasts until then
SELECT
    held.source_key,
    held.channel_id,
    held.start_at,
    CASE WHEN held.is_last AND held.end_at >= transfer.at - interval '2 seconds' THEN NULL ELSE held.end_at END AS end_at
FROM (
    SELECT
        source_key,
        channel_id,
        kind,
        at AS start_at,
        lag(kind) OVER course AS before,
        count(*) FILTER (WHERE kind = 'hold_start') OVER (course ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) = 0 AS is_last,
        min(at) FILTER (WHERE kind = 'hold_end') OVER (course ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS end_at
    FROM call_event
    WHERE kind IN ('hold_start', 'hold_end')
    WINDOW course AS (PARTITION BY source_key, channel_id ORDER BY at, event_id)
) AS held
LEFT JOIN (
    SELECT told.source_key, phone.channel_id, max(told.at) AS at
    FROM call_event AS told
    CROSS JOIN LATERAL (VALUES (told.channel_id), (told.other_id)) AS phone (channel_id)
    JOIN channel ON channel.source_key = told.source_key AND channel.channel_id = phone.channel_id
    WHERE told.kind = 'transfer_attended' AND channel.end_at < told.at + interval '2 seconds'
    GROUP BY told.source_key, phone.channel_id
) AS transfer ON transfer.source_key = held.source_key AND transfer.channel_id = held.channel_id
WHERE held.kind = 'hold_start' AND held.before IS DISTINCT FROM 'hold_start'
