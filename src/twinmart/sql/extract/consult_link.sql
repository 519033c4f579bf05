-- For each call that an agent placed: the call that the same phone had up when it began.
-- grain   channel that an agent's phone started itself
-- reads   consult_candidate (temporary), gidb.channel_link, gidb.event, gidb.login_call, gidb.switch_boot
-- writes  consult_found (temporary)
-- rule    a call placed by a phone that has another call up is a consultation for that call: for the one on hold, or else the latest
INSERT INTO consult_found
SELECT DISTINCT ON (placed.source_key, placed.channel_id) placed.source_key, placed.channel_id, placed.linked_id, held.linked_id
FROM consult_candidate AS placed
CROSS JOIN LATERAL (
    SELECT earlier.channel_id, earlier.linked_id, earlier.started_at
    FROM gidb.channel_link AS earlier
    WHERE earlier.source_key = placed.source_key
      AND earlier.device = placed.device
      AND earlier.started_at < placed.started_at
      AND earlier.started_at > placed.started_at - interval '4 hours'
      AND earlier.cause = 'seen'
      AND NOT EXISTS (
          SELECT
          FROM gidb.login_call
          WHERE login_call.source_key = earlier.source_key AND login_call.linked_id = earlier.linked_id
      )
    ORDER BY earlier.started_at DESC, earlier.channel_id DESC
    LIMIT 3
) AS held
CROSS JOIN LATERAL (
    SELECT
        min(event.at) FILTER (WHERE event.kind = 'channel_up' OR (event.kind = 'channel_seen' AND event.value = 'Up')) AS up_at,
        min(event.at) FILTER (WHERE event.kind = 'channel_end') AS end_at,
        max(event.at) FILTER (WHERE event.kind = 'hold_start') AS hold_at,
        max(event.at) FILTER (WHERE event.kind = 'hold_end') AS unhold_at
    FROM gidb.event
    WHERE event.source_key = placed.source_key AND event.channel_id = held.channel_id AND event.at < placed.started_at
) AS state
WHERE state.up_at IS NOT NULL
  AND state.end_at IS NULL
  AND held.linked_id <> placed.linked_id
  AND NOT EXISTS (
      SELECT FROM gidb.login_call WHERE login_call.source_key = placed.source_key AND login_call.linked_id = placed.linked_id
  )
  AND NOT EXISTS (
      SELECT
      FROM gidb.switch_boot
      WHERE switch_boot.source_key = placed.source_key
        AND switch_boot.boot_at BETWEEN held.started_at AND placed.started_at
        AND switch_boot.last_heard_at < switch_boot.boot_at
  )
ORDER BY
    placed.source_key,
    placed.channel_id,
    (state.hold_at IS NOT NULL AND state.hold_at > coalesce(state.unhold_at, '-infinity')) DESC,
    held.started_at DESC,
    held.channel_id DESC
