-- Learn from new events which calls each channel was counted to, and where a channel started.
-- grain   channel, call
-- reads   new_event (temporary)
-- writes  gidb.channel_link
-- rule    a channel that was counted to two calls makes them one interaction; so does an attended transfer, whose consultation
--         call joins the first, and a channel that takes another's place in a bridge. A list of channels tells for how many whole
--         seconds each has been there; a second less is taken, so that the start itself counts where it was heard. A list of a queue's
--         callers does not tell to which calls they are counted, nor need who attaches user data to a channel
INSERT INTO gidb.channel_link AS known (source_key, channel_id, linked_id, device, started_at, originated)
SELECT source_key, channel_id, linked_id, min(device), min(started_at), coalesce(bool_or(originated), false)
FROM (
    SELECT
        source_key,
        channel_id,
        coalesce(linked_id, channel_id) AS linked_id,
        CASE WHEN kind IN ('channel_start', 'channel_seen', 'channel_up', 'channel_end') THEN gidb.device(channel) END AS device,
        CASE kind
            WHEN 'channel_start' THEN at
            WHEN 'channel_seen' THEN at - make_interval(secs => greatest(coalesce((detail ->> 'duration_s')::integer, 0) - 1, 0))
        END AS started_at,
        kind = 'channel_start' AND value = 'Ring' AND channel NOT LIKE 'Local/%%' AS originated
    FROM new_event
    WHERE channel_id IS NOT NULL AND kind <> 'queue_caller_seen' AND (kind <> 'user_data' OR linked_id IS NOT NULL)
    UNION ALL
    SELECT source_key, other_id, linked_id, NULL, NULL, NULL
    FROM new_event
    WHERE kind IN ('local_pair', 'bridge_enter', 'dial_start') AND other_id IS NOT NULL AND linked_id IS NOT NULL
    UNION ALL
    SELECT source_key, channel_id, detail ->> 'second_linked', NULL, NULL, NULL
    FROM new_event
    WHERE kind = 'transfer_attended' AND detail ->> 'second_linked' IS NOT NULL
) AS seen
GROUP BY source_key, channel_id, linked_id
ON CONFLICT (source_key, channel_id, linked_id, cause) DO UPDATE
SET
    device = least(known.device, excluded.device),
    started_at = least(known.started_at, excluded.started_at),
    originated = known.originated OR excluded.originated
WHERE known.device IS DISTINCT FROM least(known.device, excluded.device)
   OR known.started_at IS DISTINCT FROM least(known.started_at, excluded.started_at)
   OR known.originated IS DISTINCT FROM (known.originated OR excluded.originated)
