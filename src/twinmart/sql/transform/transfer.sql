-- Completed transfers.
-- grain   transfer
-- reads   call_event (temporary), channel (temporary)
-- writes  nothing
-- rule    an attended transfer joins the agent's two calls, of which one is the consultation; a blind one counts unless the caller it
--         sent away was lost within half a second, since then nobody took the call
SELECT
    event.source_key,
    event.at,
    event.kind,
    event.target,
    CASE WHEN first.is_consult AND second.channel_id IS NOT NULL AND NOT second.is_consult THEN event.other_id ELSE event.channel_id END
        AS phone_id,
    CASE
        WHEN event.kind = 'transfer_attended'
        THEN CASE WHEN first.is_consult AND NOT coalesce(second.is_consult, false) THEN event.channel_id ELSE event.other_id END
    END AS consult_id
FROM call_event AS event
JOIN channel AS first ON first.source_key = event.source_key AND first.channel_id = event.channel_id
LEFT JOIN channel AS second ON second.source_key = event.source_key AND second.channel_id = event.other_id
WHERE event.kind IN ('transfer_blind', 'transfer_attended')
  AND event.value = 'Success'
  AND (event.kind = 'transfer_attended' OR second.end_at IS NULL OR second.end_at > event.at + interval '500 milliseconds')
